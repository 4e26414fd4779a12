"""The contract of keys and values, as the Python processes of the platform know it (docs: platform contract, 2 and 3).

A shape is a predicate, [shape] for a list, or a dict whose order is the order of the keys.
"""

import os
import re
from datetime import datetime

import redis


def connect():
    """As the platform connects: from its variables, an empty one being an unset one."""
    return redis.Redis(
        host=os.environ.get("REDIS_HOST") or "localhost",
        port=int(os.environ.get("REDIS_PORT") or 6379),
        db=int(os.environ.get("REDIS_DB") or 0),
        password=os.environ.get("REDIS_PASSWORD") or None,
    )


def integer(value):
    return type(value) is int


def boolean(value):
    return type(value) is bool


def text(value):
    return type(value) is str


def money(value):
    return text(value) and re.fullmatch(r"-?(0|[1-9]\d*)\.\d\d", value) is not None


def time(value):
    """Naive, and exactly what isoformat() writes."""
    if not text(value):
        return False
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return False
    return read.tzinfo is None and read.isoformat() == value


def anything(_):
    return True


def optional(shape):
    def optional_shape(value):
        return value is None or shape(value)

    optional_shape.__name__ = f"{shape.__name__} or null"
    return optional_shape


TAX_RATE = {
    "id": integer,
    "name": text,
    "description": optional(text),
    "rate": money,
    "country": text,
    "region": optional(text),
    "is_default": boolean,
    "created_at": time,
    "updated_at": time,
}
DISCOUNT = {
    "id": integer,
    "name": text,
    "description": optional(text),
    "discount_type": text,
    "value": money,
    "is_percentage": boolean,
    "is_active": boolean,
    "valid_from": time,
    "valid_to": optional(time),
    "applicable_plans": anything,
    "created_at": time,
    "updated_at": time,
}
CREDIT_NOTE = {
    "id": integer,
    "user_id": integer,
    "amount": money,
    "remaining_amount": money,
    "reason": text,
    "reference_invoice_id": optional(integer),
    "status": text,
    "created_at": time,
    "applied_at": optional(time),
}
INVOICE_DETAILS = {
    "id": integer,
    "user_id": integer,
    "amount": money,
    "status": text,
    "subtotal": money,
    "discounts": [{"id": integer, "name": text, "amount": money}],
    "total_discount": money,
    "taxes": [{"id": integer, "name": text, "rate": optional(money), "amount": money}],
    "total_tax": money,
    "credit_notes": [{"id": integer, "amount": money, "applied_at": time}],
    "total_credit": money,
    "payments": [{"id": integer, "amount": money, "payment_method": text, "status": text, "created_at": time}],
    "total_paid": money,
    "total": money,
    "balance_due": money,
    "due_date": time,
    "created_at": time,
    "paid_at": optional(time),
    "billing_country": text,
}

# CLI name: pattern of the key, TTL in seconds, shape of the value.
TYPES = {
    "tax_rates": (r"tax_rate:[A-Z]{2}:[^:*?\[\]]{1,128}", 24 * 3600, TAX_RATE),
    "active_discounts": (r"active_discounts", 3600, [DISCOUNT]),
    "invoices": (r"invoice:[1-9]\d*", 5 * 60, INVOICE_DETAILS),
    "user_credit_notes": (r"user_credit_notes:[1-9]\d*", 10 * 60, [CREDIT_NOTE]),
}


def type_of(key):
    return next((name for name, (pattern, _, _) in TYPES.items() if re.fullmatch(pattern, key)), None)


def differences(value, shape, where):
    """What is not as the shape says, as sentences."""
    if isinstance(shape, list):
        if type(value) is not list:
            yield f"{where} is {value!r}, not a list"
            return
        for place, item in enumerate(value):
            yield from differences(item, shape[0], f"{where}[{place}]")
    elif isinstance(shape, dict):
        if type(value) is not dict or list(value) != list(shape):
            yield f"{where} is {value!r}, not an object with the keys {list(shape)} in this order"
            return
        for name, of_field in shape.items():
            yield from differences(value[name], of_field, f"{where}.{name}")
    elif not shape(value):
        yield f"{where} is {value!r}, not {shape.__name__}"
