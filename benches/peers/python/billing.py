"""The billing database as the platform's Python sees it: the statements of the loader and of a payment, for SQLAlchemy.

Money is text and times are ISO 8601 in what is cached, as in the Rust sides; all statements of a read see one snapshot.
"""

import os
from decimal import Decimal

from sqlalchemy import text

URL = os.environ["BENCH_DATABASE_URL"].replace("postgres://", "postgresql+psycopg://", 1)
REDIS_PORT = int(os.environ["BENCH_REDIS_PORT"])
POOL = {"pool_size": 20, "max_overflow": 20, "isolation_level": "REPEATABLE READ"}
TTL_SECONDS = 300

INVOICE = text(
    "SELECT id, user_id, amount, status, due_date, created_at, paid_at, billing_country FROM invoices WHERE id = :id"
)
LINES = {
    "discounts": text("SELECT discount_id, name, amount FROM invoice_discounts WHERE invoice_id = :id ORDER BY id"),
    "taxes": text("SELECT tax_rate_id, name, rate, tax_amount FROM invoice_taxes WHERE invoice_id = :id ORDER BY id"),
    "credit_notes": text(
        "SELECT credit_note_id, amount, applied_at FROM credit_note_applications WHERE invoice_id = :id ORDER BY id"
    ),
    "payments": text(
        "SELECT id, amount, payment_method, status, created_at FROM payments WHERE invoice_id = :id ORDER BY id"
    ),
}
TAX_RATE = text("SELECT id, name, rate, country FROM tax_rates WHERE is_default AND country = 'GB' LIMIT 1")
LOCK = text("SELECT id FROM invoices WHERE id = :id FOR UPDATE")
PAYMENT_OF = text("SELECT id FROM payments WHERE transaction_id = :transaction_id")
PAY = text(
    "INSERT INTO payments (invoice_id, amount, payment_method, transaction_id, status, created_at)"
    " VALUES (:id, 0.01, 'card', :transaction_id, 'completed', now() at time zone 'utc') RETURNING id"
)


def iso(moment):
    return moment.isoformat() if moment else None


def details(invoice, lines):
    """What stands under `invoice:{id}`."""
    discounts = [{"id": row[0], "name": row[1], "amount": str(row[2])} for row in lines["discounts"]]
    taxes = [{"id": row[0], "name": row[1], "rate": str(row[2]), "amount": str(row[3])} for row in lines["taxes"]]
    credits = [{"id": row[0], "amount": str(row[1]), "applied_at": iso(row[2])} for row in lines["credit_notes"]]
    payments = [
        {"id": row[0], "amount": str(row[1]), "payment_method": row[2], "status": row[3], "created_at": iso(row[4])}
        for row in lines["payments"]
    ]
    total_discount = sum((row[2] for row in lines["discounts"]), Decimal(0))
    total_tax = sum((row[3] for row in lines["taxes"]), Decimal(0))
    total_credit = sum((row[1] for row in lines["credit_notes"]), Decimal(0))
    total_paid = sum((row[1] for row in lines["payments"] if row[3] == "completed"), Decimal(0))
    total = invoice.amount - total_discount + total_tax
    return {
        "id": invoice.id,
        "user_id": invoice.user_id,
        "amount": str(invoice.amount),
        "status": invoice.status,
        "subtotal": str(invoice.amount),
        "discounts": discounts,
        "total_discount": str(total_discount),
        "taxes": taxes,
        "total_tax": str(total_tax),
        "credit_notes": credits,
        "total_credit": str(total_credit),
        "payments": payments,
        "total_paid": str(total_paid),
        "total": str(total),
        "balance_due": str(total - total_credit - total_paid),
        "due_date": iso(invoice.due_date),
        "created_at": iso(invoice.created_at),
        "paid_at": iso(invoice.paid_at),
        "billing_country": invoice.billing_country.strip(),
    }
