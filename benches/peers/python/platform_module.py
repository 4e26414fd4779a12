"""The cache of the platform as its description has it: redis-py, JSON, SETEX, get and load and set, delete after a write.

It is synchronous; many readers are threads, as FastAPI runs such functions (40 at a time).
"""

import asyncio
import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import redis
from sqlalchemy import create_engine

import billing

THREADS = 40


class PlatformModule:
    lacks = {"l1": "it keeps nothing in the process", "many": "no read of many keys", "hold": "it keeps nothing in the process"}

    def __init__(self):
        self.version = f"redis-py {redis.__version__}"
        self.redis = redis.Redis(host="127.0.0.1", port=billing.REDIS_PORT, db=2, decode_responses=True)
        self.engine = create_engine(billing.URL, **billing.POOL)
        self.pool = ThreadPoolExecutor(THREADS)
        self.lock = threading.Lock()
        self.loads = 0

    def load(self, id, counted=True):
        if counted:
            with self.lock:
                self.loads += 1
        with self.engine.connect() as connection:
            return self.read_details(connection, id)

    def read_details(self, connection, id):
        invoice = connection.execute(billing.INVOICE, {"id": id}).one()
        lines = {name: connection.execute(query, {"id": id}).all() for name, query in billing.LINES.items()}
        return billing.details(invoice, lines)

    def invoice(self, id):
        cached = self.redis.get(f"invoice:{id}")
        if cached:
            return json.loads(cached)
        details = self.load(id)
        self.redis.setex(f"invoice:{id}", billing.TTL_SECONDS, json.dumps(details))
        return details

    def write(self, id):
        transaction_id = {"transaction_id": str(uuid.uuid4())}
        with self.engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
            connection.execute(billing.LOCK, {"id": id})
            connection.execute(billing.PAYMENT_OF, transaction_id).all()
            self.read_details(connection, id)
            connection.execute(billing.PAY, {"id": id, **transaction_id})
            self.read_details(connection, id)
        self.redis.delete(f"invoice:{id}")

    def clear(self):
        keys = list(self.redis.scan_iter("invoice:*", count=1000))
        if keys:
            self.redis.delete(*keys)

    # The works, as functions of asyncio like those of the other side in Python.

    async def in_thread(self, function, *arguments):
        return await asyncio.get_running_loop().run_in_executor(self.pool, function, *arguments)

    async def read_each(self, ids):
        await self.in_thread(lambda: [self.invoice(id) for id in ids])

    async def write_each(self, ids):
        await self.in_thread(lambda: [self.write(id) for id in ids])

    async def empty(self):
        await self.in_thread(self.clear)

    async def balance(self, id):
        return (await self.in_thread(self.invoice, id))["balance_due"]

    async def true_balance(self, id):
        return (await self.in_thread(self.load, id, False))["balance_due"]
