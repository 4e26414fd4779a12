"""The billing tables as the platform's own models have them: what may be NULL is nullable, and no column has a server default."""

import os

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    create_engine,
)

METADATA = MetaData()


def table(name, *columns):
    Table(name, METADATA, Column("id", Integer, primary_key=True, index=True), *columns)


def text(name, length, **options):
    return Column(name, String(length), **options)


def money(name):
    return Column(name, Numeric(10, 2), nullable=False)


def time(name, **options):
    return Column(name, DateTime, **options)


def flag(name, **options):
    return Column(name, Boolean, **options)


def reference(name, to, **options):
    return Column(name, Integer, ForeignKey(to), **options)


table(
    "users",
    text("username", 64, unique=True, index=True, nullable=False),
    text("email", 128, unique=True, index=True, nullable=False),
    text("hashed_password", 128, nullable=False),
    text("role", 32),
    flag("is_active"),
    time("created_at"),
    time("updated_at"),
)
table(
    "invoices",
    reference("user_id", "users.id", index=True),
    money("amount"),
    text("status", 32, index=True),
    time("due_date", nullable=False, index=True),
    time("created_at", index=True),
    time("paid_at"),
    text("billing_country", 2, nullable=False, index=True),
)
table(
    "payments",
    reference("invoice_id", "invoices.id"),
    money("amount"),
    text("payment_method", 32),
    text("transaction_id", 128, unique=True),
    text("status", 32),
    time("created_at"),
)
table(
    "discounts",
    text("name", 128, nullable=False),
    Column("description", Text),
    text("discount_type", 32, nullable=False, index=True),
    money("value"),
    flag("is_percentage", index=True),
    flag("is_active", index=True),
    time("valid_from", nullable=False, index=True),
    time("valid_to", index=True),
    Column("applicable_plans", JSON),
    time("created_at"),
    time("updated_at"),
)
table(
    "invoice_discounts",
    reference("invoice_id", "invoices.id"),
    reference("discount_id", "discounts.id"),
    money("amount"),
    time("created_at"),
)
table(
    "credit_notes",
    reference("user_id", "users.id", nullable=False, index=True),
    money("amount"),
    money("remaining_amount"),
    text("reason", 255, nullable=False),
    reference("reference_invoice_id", "invoices.id", index=True),
    text("status", 20, index=True),
    time("created_at", index=True),
    time("applied_at"),
)
table(
    "credit_note_applications",
    reference("credit_note_id", "credit_notes.id", nullable=False),
    reference("invoice_id", "invoices.id", nullable=False),
    money("amount"),
    time("applied_at"),
)
table(
    "tax_rates",
    text("name", 128, nullable=False),
    Column("description", Text),
    Column("rate", Numeric(5, 2), nullable=False),
    text("country", 64, nullable=False, index=True),
    text("region", 128, index=True),
    flag("is_default", index=True),
    time("created_at"),
    time("updated_at"),
)
table(
    "invoice_taxes",
    reference("invoice_id", "invoices.id"),
    reference("tax_rate_id", "tax_rates.id"),
    money("taxable_amount"),
    money("tax_amount"),
    time("created_at"),
)


def engine():
    """Over the database of DATABASE_URL, whose slashes a Rust program counts otherwise."""
    dialect, _, rest = os.environ["DATABASE_URL"].partition("://")
    rest = rest.partition("?")[0]
    if dialect == "sqlite":
        return create_engine(f"sqlite:///{rest}")
    return create_engine(f"postgresql+pg8000://{rest}")
