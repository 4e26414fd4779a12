"""Replaces values by what older versions of the platform wrote: `damage.py HOW KEY…`. The TTL stays."""

import json
import pickle
import sys

from contract import connect, money


def first_object(value):
    return value[0] if isinstance(value, list) else value


def first_amount(value):
    return next(name for name, held in first_object(value).items() if money(held))


def amount_as_float(value):
    name = first_amount(value)
    first_object(value)[name] = float(first_object(value)[name])
    return json.dumps(value)


def amount_as_integer(value):
    first_object(value)[first_amount(value)] = 5
    return json.dumps(value)


def missing_field(value):
    del first_object(value)[first_amount(value)]
    return json.dumps(value)


def time_with_zone(value):
    first_object(value)["created_at"] += "+00:00"
    return json.dumps(value)


HOW = {
    "amount_as_float": amount_as_float,
    "amount_as_integer": amount_as_integer,
    "missing_field": missing_field,
    "time_with_zone": time_with_zone,
    "another_shape": lambda value: json.dumps({"data": value}),
    "encoded_twice": lambda value: json.dumps(json.dumps(value)),
    "cut_off": lambda value: json.dumps(value)[:-1],
    "python_repr": str,
    "pickle": pickle.dumps,
    "utf_16": lambda value: json.dumps(value).encode("utf-16"),
    "not_a_number": lambda value: json.dumps(float("nan")),
    "nothing": lambda value: b"",
}


def main():
    how, keys = sys.argv[1], sys.argv[2:]
    if how == "--list":
        print("\n".join(HOW))
        return
    connection = connect()
    for key in keys:
        value = json.loads(connection.get(key))
        connection.set(key, HOW[how](value), keepttl=True)


main()
