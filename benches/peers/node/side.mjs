// The side of the comparison in Node: bentocache with memory and Redis and its bus, as its documentation sets it up. It reads
// works from stdin and answers each, in the lines that `src/main.rs` describes.

import { createInterface } from 'node:readline'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'
import pg from 'pg'

const KEYS = 500
const RACERS = 8
const RACE_STEP_MS = 0.4
const SETTLED_MS = 15
const LACKS = { many: 'no read of many keys' }

// Money and times stay text, as they are cached.
pg.types.setTypeParser(1114, (text) => text.replace(' ', 'T'))
const pool = new pg.Pool({ connectionString: process.env.BENCH_DATABASE_URL, max: 40 })
const connection = { host: '127.0.0.1', port: Number(process.env.BENCH_REDIS_PORT), db: 4 }
const bento = new BentoCache({
  default: 'tiers',
  stores: {
    // What is read most: both tiers, kept together by the bus.
    tiers: bentostore()
      .useL1Layer(memoryDriver({ maxItems: 100_000 }))
      .useL2Layer(redisDriver({ connection }))
      .useBus(redisBusDriver({ connection })),
    // What belongs to one customer: Redis alone, so that a hit is a hit of Redis.
    redis: bentostore().useL2Layer(redisDriver({ connection })),
  },
})
const near = bento.use('tiers')
const invoices = bento.use('redis')
let loads = 0

const LINES = {
  discounts: 'SELECT discount_id AS id, name, amount FROM invoice_discounts WHERE invoice_id = $1 ORDER BY id',
  taxes: 'SELECT tax_rate_id AS id, name, rate, tax_amount AS amount FROM invoice_taxes WHERE invoice_id = $1 ORDER BY id',
  credit_notes:
    'SELECT credit_note_id AS id, amount, applied_at FROM credit_note_applications WHERE invoice_id = $1 ORDER BY id',
  payments: 'SELECT id, amount, payment_method, status, created_at FROM payments WHERE invoice_id = $1 ORDER BY id',
}
const INVOICE =
  'SELECT id, user_id, amount, status, due_date, created_at, paid_at, billing_country FROM invoices WHERE id = $1'

const cents = (text) => Math.round(Number(text) * 100)
const sum = (rows) => rows.reduce((total, row) => total + cents(row.amount), 0)
const money = (minor) => (minor / 100).toFixed(2)

/** The same statements as the other sides. */
async function readDetails(client, id) {
  const invoice = (await client.query(INVOICE, [id])).rows[0]
  const lines = {}
  for (const [name, query] of Object.entries(LINES)) lines[name] = (await client.query(query, [id])).rows
  const discount = sum(lines.discounts)
  const tax = sum(lines.taxes)
  const credit = sum(lines.credit_notes)
  const paid = sum(lines.payments.filter((row) => row.status === 'completed'))
  const total = cents(invoice.amount) - discount + tax
  return {
    ...invoice,
    ...lines,
    subtotal: invoice.amount,
    total_discount: money(discount),
    total_tax: money(tax),
    total_credit: money(credit),
    total_paid: money(paid),
    total: money(total),
    balance_due: money(total - credit - paid),
  }
}

async function inTransaction(begin, work) {
  const client = await pool.connect()
  try {
    await client.query(begin)
    const result = await work(client)
    await client.query('COMMIT')
    return result
  } finally {
    client.release()
  }
}

const load = (id) => inTransaction('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', (client) => readDetails(client, id))

function read(id) {
  const factory = () => {
    loads += 1
    return load(id)
  }
  return invoices.getOrSet({ key: `invoice:${id}`, ttl: '5m', factory })
}

const hot = () =>
  near.getOrSet({
    key: 'tax_rate:GB:default',
    ttl: '5m',
    factory: async () => (await pool.query("SELECT id, name, rate, country FROM tax_rates WHERE country = 'GB'")).rows[0],
  })

async function write(id) {
  const transactionId = randomUUID()
  await inTransaction('BEGIN', async (client) => {
    await client.query('SELECT id FROM invoices WHERE id = $1 FOR UPDATE', [id])
    await client.query('SELECT id FROM payments WHERE transaction_id = $1', [transactionId])
    await readDetails(client, id)
    await client.query(
      'INSERT INTO payments (invoice_id, amount, payment_method, transaction_id, status, created_at)' +
        " VALUES ($1, 0.01, 'card', $2, 'completed', now() at time zone 'utc') RETURNING id",
      [id, transactionId],
    )
    await readDetails(client, id)
  })
  await invoices.delete({ key: `invoice:${id}` })
}

async function race(id) {
  const reader = async (number) => {
    await sleep(RACE_STEP_MS * number)
    await read(id)
  }
  await Promise.all([write(id), ...Array.from({ length: RACERS }, (_, number) => reader(number))])
  await sleep(SETTLED_MS)
  return (await read(id)).balance_due !== (await load(id)).balance_due
}

async function readEach(first, count, last = Infinity) {
  for (let number = 0; number < count; number += 1) {
    const place = first - 1 + number
    await read((last === Infinity ? place : place % last) + 1)
  }
}

async function done({ work, tasks = 1, operations = 0, first = 1, at_ms: at = 0 }) {
  const before = loads
  await sleep(Math.max(0, at - Date.now()))
  const started = process.hrtime.bigint()
  const each = (run) => Promise.all(Array.from({ length: tasks }, (_, task) => run(task)))
  if (work === 'fill') await readEach(1, KEYS)
  else if (work === 'clear') await invoices.clear()
  else if (work === 'l1') for (let number = 0; number < operations; number += 1) await hot()
  else if (work === 'hit') await each((task) => readEach(task * Math.floor(KEYS / tasks) + 1, operations, KEYS))
  else if (work === 'miss') await readEach(first, operations)
  else if (work === 'stampede') await each(() => readEach(first, 1))
  else if (work === 'write') for (let id = first; id < first + operations; id += 1) await write(id)
  else if (work === 'race') {
    let stale = 0
    for (let id = first; id < first + operations; id += 1) stale += await race(id)
    return { stale }
  } else return { error: `there is no work ${work}` }
  return { seconds: Number(process.hrtime.bigint() - started) / 1e9, loads: loads - before }
}

function lacks({ work, tasks = 1 }) {
  return work === 'l1' && tasks > 1 ? 'one thread runs JavaScript' : LACKS[work]
}

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`)
const manifest = createRequire(import.meta.url).resolve('bentocache').replace(/build.*/, 'package.json')
say({ ready: JSON.parse(readFileSync(manifest, 'utf8')).version })
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line)
  const why = lacks(asked)
  say(why ? { lacks: why } : await done(asked).catch((error) => ({ error: String(error) })))
}
process.exit(0)
