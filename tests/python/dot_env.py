"""Reads texts as python-dotenv reads `.env`: a JSON string a line on stdin, a JSON object a line on stdout."""

import json
import logging
import os
import sys
import tempfile

from dotenv.main import DotEnv

logging.disable()
with tempfile.TemporaryDirectory() as directory:
    path = os.path.join(directory, "dot_env")
    for line in sys.stdin:
        with open(path, "wb") as file:
            file.write(json.loads(line).encode())
        # As `load_dotenv` does: the environment outranks the file.
        values = DotEnv(path, encoding="utf-8", interpolate=True, override=False).dict()
        print(json.dumps(values), flush=True)
