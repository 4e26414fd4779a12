"""Writes on the platform's tables past this project: `transaction.py FILE`, the statements as a JSON list on stdin.

One transaction, as SQLAlchemy makes it. A list of two, [statement, values], has bound values.
"""

import json
import sqlite3
import sys


def main():
    connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
    connection.execute("BEGIN")
    for statement in json.load(sys.stdin):
        text, values = (statement, []) if isinstance(statement, str) else statement
        connection.execute(text, values)
    connection.execute("COMMIT")
    connection.close()


main()
