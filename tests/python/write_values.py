"""Writes values as the platform does: json.dumps with its defaults, SETEX. Their rows are in no database.

Prints a list of [path of the service, the value it must answer] as JSON. What is stored has further fields besides.
"""

import json
from datetime import datetime

from contract import TYPES, connect, differences, type_of

NAME = 'Zo\u00eb \U0001f600 "quoted" \\ \t \u2028'
MORNING = datetime(2026, 3, 1, 9, 30).isoformat()
LATER = datetime(2026, 3, 1, 9, 30, 0, 70).isoformat()


def tax_rate(id, region):
    return {
        "id": id, "name": NAME, "description": None, "rate": "7.50", "country": "BV", "region": region,
        "is_default": True, "created_at": MORNING, "updated_at": LATER,
    }


def discount(id, plans):
    return {
        "id": id, "name": NAME, "description": "", "discount_type": "promotional", "value": "12.50",
        "is_percentage": False, "is_active": True, "valid_from": MORNING, "valid_to": None,
        "applicable_plans": plans, "created_at": MORNING, "updated_at": MORNING,
    }


def credit_note(id, user_id):
    return {
        "id": id, "user_id": user_id, "amount": "100.00", "remaining_amount": "0.05", "reason": NAME,
        "reference_invoice_id": 900001, "status": "partial", "created_at": LATER, "applied_at": MORNING,
    }


def invoice(id):
    return {
        "id": id, "user_id": 900002, "amount": "100.00", "status": "paid", "subtotal": "100.00",
        "discounts": [{"id": 3, "name": NAME, "amount": "10.00"}], "total_discount": "10.00",
        "taxes": [{"id": 4, "name": "VAT", "rate": "20.00", "amount": "18.00"}], "total_tax": "18.00",
        "credit_notes": [{"id": 5, "amount": "8.00", "applied_at": LATER}], "total_credit": "8.00",
        "payments": [
            {"id": 6, "amount": "150.00", "payment_method": "card", "status": "completed", "created_at": LATER},
            {"id": 7, "amount": "1.00", "payment_method": "card", "status": "failed", "created_at": MORNING},
        ],
        "total_paid": "150.00", "total": "108.00", "balance_due": "-50.00", "due_date": MORNING,
        "created_at": MORNING, "paid_at": LATER, "billing_country": "GB",
    }


VALUES = [
    ("tax_rate:BV:default", "/tax-rates/applicable?country=BV", tax_rate(900001, None)),
    ("tax_rate:BV:\u00cele Bouvet", "/tax-rates/applicable?country=BV&region=%C3%8Ele%20Bouvet", tax_rate(900002, "\u00cele Bouvet")),
    ("active_discounts", "/discounts/active", [discount(900001, None), discount(900002, {"plans": ["\u2192", 1, None]})]),
    ("invoice:900001", "/invoices/900001/details", invoice(900001)),
    ("user_credit_notes:900002", "/users/900002/credit-notes", [credit_note(900001, 900002)]),
    ("user_credit_notes:900003", "/users/900003/credit-notes", []),
]


def with_further_fields(value):
    """What a newer version of the platform may add, at the beginning and the end, in every object."""
    if isinstance(value, list):
        return [with_further_fields(item) for item in value]
    return {"schema": 3, **value, "plan": {"name": NAME, "speeds": [1.5, None]}}


def with_further_lines(key, value):
    stored = with_further_fields(value)
    for lines in ("discounts", "taxes", "credit_notes", "payments"):
        if key.startswith("invoice:"):
            stored[lines] = with_further_fields(value[lines])
    return stored


def main():
    connection = connect()
    for key, _, value in VALUES:
        _, ttl_seconds, shape = TYPES[type_of(key)]
        assert not list(differences(value, shape, key)), key
        connection.setex(key, ttl_seconds, json.dumps(with_further_lines(key, value)))
    connection.setex("invoice:900004", 300, json.dumps(None))
    print(json.dumps([[path, value] for _, path, value in VALUES]))


main()
