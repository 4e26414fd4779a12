"""A platform that takes up the cache, by the code that docs/adopting.md gives it: `create`, `compare`, `compare-bare`, `read`,
`remove`."""

import json
import pathlib
import re
import sys
from datetime import datetime

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select

from contract import connect
from platform_tables import METADATA, engine

GUIDE = pathlib.Path(__file__).parents[2] / "docs" / "adopting.md"
TABLES = METADATA.tables


def blocks_of_guide(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def code_of_guide(**names):
    """The names that the Python code of the guide defines, where these are defined already."""
    for block in blocks_of_guide("python"):
        exec(block, names)
    return names


def create():
    """The platform's database with a few rows, as its models make them: whatever Python would default is NULL."""
    made = datetime(2026, 1, 2, 3, 4, 5)
    rows = {
        "users": {"username": "ann", "email": "a@example.org", "hashed_password": "x"},
        "invoices": {"user_id": 1, "amount": 100, "due_date": datetime(2099, 1, 1), "billing_country": "GB"},
        "payments": {"invoice_id": 1, "amount": 10, "transaction_id": "t-1", "status": "pending"},
        "discounts": {
            "name": "Ten off",
            "discount_type": "loyalty",
            "value": 10,
            "is_percentage": True,
            "is_active": True,
            "valid_from": made,
            "applicable_plans": [1, 2],
            "created_at": made,
        },
        "credit_notes": {"user_id": 1, "amount": 30, "remaining_amount": "12.50", "reason": "outage", "status": "issued"},
        "tax_rates": {"name": "VAT", "rate": 20, "country": "GB", "is_default": True, "created_at": made},
    }
    with engine().begin() as connection:
        METADATA.create_all(connection)
        for name, row in rows.items():
            connection.execute(insert(TABLES[name]), row)


def compare(**filters):
    """What the schema tool would change to bring the database to the models."""
    with engine().connect() as connection:
        context = MigrationContext.configure(connection, opts=filters)
        print(json.dumps([str(change[0]) for change in compare_metadata(context, METADATA)]))


def read():
    """The platform's ways to read what services filled: as it is, which fails, and with the code of the guide."""
    redis = connect()

    def cache_get(key):
        raw = redis.get(key)
        return None if raw is None else json.loads(raw)

    try:
        cache_get("tax_rate:GB:default").rate
        sys.exit("a cached rate has the attributes of a row already: the guide says otherwise")
    except AttributeError:
        pass
    names = code_of_guide(cache_get=cache_get)
    cached = {
        "tax_rates": [names["get_cached_tax_rate"]("GB", None)],
        "discounts": names["get_cached_active_discounts"](),
        "credit_notes": names["get_cached_user_credit_notes"](1),
    }
    differences = []
    with engine().connect() as connection:
        for name, found in cached.items():
            rows = connection.execute(select(TABLES[name]).order_by(TABLES[name].c.id)).all()
            assert len(rows) == len(found) > 0, name
            for row, value in zip(rows, found):
                fields = [(field, getattr(row, field), getattr(value, field)) for field in row._fields]
                differences += [f"{name}.{field}: {a!r} is cached as {b!r}" for field, a, b in fields if a != b]
    for fill in ("cache_tax_rate", "cache_active_discounts", "cache_invoice_details", "cache_user_credit_notes"):
        assert fill in names, fill
    print(json.dumps(differences))


def remove():
    """Takes away what was added, by the SQL of the guide."""
    database = engine()
    connection = database.raw_connection().driver_connection
    if database.dialect.name == "sqlite":
        query, rest = blocks_of_guide("sqlite")
        connection.executescript("\n".join(row[0] for row in connection.execute(query).fetchall()))
        connection.executescript(rest)
    else:
        (script,) = blocks_of_guide("postgres")
        connection.execute_simple(script)


COMMANDS = {
    "create": create,
    "compare": lambda: compare(include_object=code_of_guide()["leave_the_cache_alone"]),
    "compare-bare": compare,
    "read": read,
    "remove": remove,
}
COMMANDS[sys.argv[1]]()
