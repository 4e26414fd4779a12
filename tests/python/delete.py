"""Invalidates as the platform does: `delete.py KEY…`."""

import sys

from contract import connect

connect().delete(*sys.argv[1:])
