"""Reads every key of the database and checks it against the contract; prints what was found as JSON."""

import collections
import json
import sys
from decimal import Decimal

from contract import TYPES, connect, differences, type_of

BOOKKEEPING = "billing_cache:"


def wrong_sums(details):
    """Where the totals of an invoice are not those of its lines."""
    amounts = {name: Decimal(value) for name, value in details.items() if name.startswith("total")}
    lines = {
        "total_discount": details["discounts"],
        "total_tax": details["taxes"],
        "total_credit": details["credit_notes"],
        "total_paid": [line for line in details["payments"] if line["status"] == "completed"],
    }
    for total, of_lines in lines.items():
        if amounts[total] != sum(Decimal(line["amount"]) for line in of_lines):
            yield f"{total} is not the sum of its lines"
    if details["subtotal"] != details["amount"]:
        yield "subtotal is not amount"
    if amounts["total"] != Decimal(details["subtotal"]) - amounts["total_discount"] + amounts["total_tax"]:
        yield "total is not subtotal - total_discount + total_tax"
    if Decimal(details["balance_due"]) != amounts["total"] - amounts["total_credit"] - amounts["total_paid"]:
        yield "balance_due is not total - total_credit - total_paid"


def wrong_order(name, value):
    if name in ("active_discounts", "user_credit_notes"):
        ids = [item["id"] for item in value]
        if ids != sorted(ids):
            yield f"{ids} are not in order"


def faults(connection, key, name):
    """What is wrong with one key, and its value."""
    _, ttl_seconds, shape = TYPES[name]
    ttl_ms = connection.pttl(key)
    if not 0 < ttl_ms <= ttl_seconds * 1000:
        return [f"the TTL is {ttl_ms} ms, not within {ttl_seconds} s"], None
    raw = connection.get(key)
    value = json.loads(raw)
    if raw != raw.strip() or not raw.decode("utf-8").isprintable():
        return [f"there is something around the JSON, or in it: {raw!r}"], value
    if value is None:
        return [], None
    found = list(differences(value, shape, key))
    if not found:
        found += wrong_order(name, value)
        found += wrong_sums(value) if name == "invoices" else []
    if not found and name == "invoices" and key != f"invoice:{value['id']}":
        found.append(f"holds invoice {value['id']}")
    if not found and name == "tax_rates" and key != f"tax_rate:{value['country']}:{value['region'] or 'default'}":
        found.append(f"holds the rate of {value['country']} {value['region']}")
    if not found and name == "user_credit_notes" and any(key != f"user_credit_notes:{note['user_id']}" for note in value):
        found.append("holds another user's credit notes")
    return found, value


def main():
    connection = connect()
    keys, absent, empty_lists, foreign, wrong = collections.Counter(), collections.Counter(), 0, 0, []
    for raw_key in connection.scan_iter(count=1000):
        key = raw_key.decode("utf-8")
        name = type_of(key)
        if name is None:
            foreign += not key.startswith(BOOKKEEPING)
            continue
        keys[name] += 1
        found, value = faults(connection, key, name)
        wrong += [f"{key}: {fault}" for fault in found]
        absent[name] += not found and value is None
        empty_lists += value == [] and name == "user_credit_notes"
    if wrong:
        sys.exit("\n".join(wrong))
    print(json.dumps({"keys": keys, "absent": +absent, "empty_lists": empty_lists, "foreign": foreign}))


main()
