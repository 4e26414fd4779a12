"""The library cashews, as its description has it: the decorator with Redis as the store, without and with `lock=True` against
stampedes of several processes; and its client-side cache, which Redis keeps right by tracking, for what is read most.
"""

import uuid
from importlib.metadata import version

from cashews import Cache
from sqlalchemy.ext.asyncio import create_async_engine

import billing


class CashewsSide:
    lacks = {}

    def __init__(self, lock):
        self.version = version("cashews")
        self.engine = create_async_engine(billing.URL, **billing.POOL)
        self.loads = 0
        self.cache = Cache()
        self.cache.setup(f"redis://127.0.0.1:{billing.REDIS_PORT}/{6 if lock else 3}", suppress=False, max_connections=100)
        self.near = Cache()
        self.near.setup(f"redis://127.0.0.1:{billing.REDIS_PORT}/5", suppress=False, client_side=True)
        ttl = billing.TTL_SECONDS

        @self.cache(ttl=ttl, key="invoice:{id}", lock=lock)
        async def invoice(id):
            return await self.load(id)

        @self.near(ttl=ttl, key="tax_rate:GB:default", lock=lock)
        async def tax_rate():
            async with self.engine.connect() as connection:
                return dict((await connection.execute(billing.TAX_RATE)).mappings().one())

        @self.near(ttl=ttl, key="near_invoice:{id}", lock=lock)
        async def near_invoice(id):
            return await self.load(id)

        self.invoice, self.tax_rate, self.near_invoice = invoice, tax_rate, near_invoice

    async def load(self, id, counted=True):
        self.loads += counted
        async with self.engine.connect() as connection:
            return await self.read_details(connection, id)

    async def read_details(self, connection, id):
        invoice = (await connection.execute(billing.INVOICE, {"id": id})).one()
        lines = {name: (await connection.execute(query, {"id": id})).all() for name, query in billing.LINES.items()}
        return billing.details(invoice, lines)

    async def hot(self, operations):
        for _ in range(operations):
            await self.tax_rate()

    async def read_each(self, ids):
        for id in ids:
            await self.invoice(id)

    async def hold(self, ids):
        for id in ids:
            await self.near_invoice(id)

    async def read_many(self, ids):
        found = await self.cache.get_many(*[f"invoice:{id}" for id in ids])
        assert all(found), "an invoice is not cached"

    async def write_each(self, ids):
        for id in ids:
            transaction_id = {"transaction_id": str(uuid.uuid4())}
            engine = self.engine.execution_options(isolation_level="READ COMMITTED")
            async with engine.begin() as connection:
                await connection.execute(billing.LOCK, {"id": id})
                (await connection.execute(billing.PAYMENT_OF, transaction_id)).all()
                await self.read_details(connection, id)
                await connection.execute(billing.PAY, {"id": id, **transaction_id})
                await self.read_details(connection, id)
            await self.cache.delete(f"invoice:{id}")

    async def empty(self):
        await self.cache.delete_match("invoice:*")

    async def balance(self, id):
        return (await self.invoice(id))["balance_due"]

    async def true_balance(self, id):
        return (await self.load(id, False))["balance_due"]
