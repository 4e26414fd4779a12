"""A side of the comparison in Python: reads works from stdin and answers each, in the lines that `src/main.rs` describes."""

import asyncio
import json
import sys
import time
from decimal import Decimal

KEYS = 500
MANY = 100
RACERS = 8
RACE_STEP_SECONDS = 0.0004
SETTLED_SECONDS = 0.015


def ids(first, count, last):
    return [(first - 1 + number) % last + 1 for number in range(count)]


async def done(side, work):
    name, operations = work["work"], work.get("operations", 0)
    tasks, first = work.get("tasks", 1), work.get("first", 1)
    loads = side.loads
    await asyncio.sleep(max(0, work.get("at_ms", 0) / 1000 - time.time()))
    started = time.perf_counter()
    if name == "fill":
        await side.read_each(ids(1, KEYS, KEYS))
    elif name == "clear":
        await side.empty()
    elif name == "l1":
        await side.hot(operations)
    elif name == "hit":
        spread = KEYS // min(tasks, KEYS)
        await asyncio.gather(*[side.read_each(ids(task * spread + 1, operations, KEYS)) for task in range(tasks)])
    elif name == "many":
        for number in range(operations):
            await side.read_many(ids(number * MANY % KEYS + 1, MANY, KEYS))
    elif name == "hold":
        await side.hold(ids(first, operations, operations))
    elif name == "miss":
        await side.read_each(range(first, first + operations))
    elif name == "stampede":
        await asyncio.gather(*[side.read_each([first]) for _ in range(tasks)])
    elif name == "write":
        await side.write_each(range(first, first + operations))
    elif name == "race":
        return {"stale": sum([await race(side, id) for id in range(first, first + operations)])}
    else:
        return {"error": f"there is no work {name}"}
    return {"seconds": time.perf_counter() - started, "loads": side.loads - loads}


async def race(side, id):
    """Whether, after a payment that ran into reads, the cache shows something else than the database."""

    async def reader(number):
        await asyncio.sleep(RACE_STEP_SECONDS * number)
        await side.read_each([id])

    await asyncio.gather(side.write_each([id]), *[reader(number) for number in range(RACERS)])
    await asyncio.sleep(SETTLED_SECONDS)
    return Decimal(await side.balance(id)) != Decimal(await side.true_balance(id))


def lacks(side, work):
    if work["work"] == "l1" and work.get("tasks", 1) > 1:
        return side.lacks.get("l1", "one thread runs Python at a time")
    return side.lacks.get(work["work"])


async def serve(side):
    print(json.dumps({"ready": side.version}), flush=True)
    # Between the works nothing else is to be done: the loop may wait.
    for line in sys.stdin:
        work = json.loads(line)
        why = lacks(side, work)
        try:
            answer = {"lacks": why} if why else await done(side, work)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


async def main():
    name = sys.argv[1]
    if name == "module":
        from platform_module import PlatformModule

        await serve(PlatformModule())
    else:
        from cashews_side import CashewsSide

        await serve(CashewsSide(lock=name == "cashews-lock"))


asyncio.run(main())
