// pg.Pool, which gives a client to the next borrower as it came back.
'use strict'

const { Pool } = require('pg')
const { numbers, refusal, say, value } = require('./common')

async function pooled(use, more) {
  const pool = new Pool({ ssl: false, max: 1, connectionTimeoutMillis: 20000, ...more })
  pool.on('error', () => {})
  try {
    await use(pool)
  } finally {
    await pool.end()
  }
}

// borrow lends a client for a while.
async function borrow(pool, use) {
  const client = await pool.connect()
  try {
    return await use(client)
  } finally {
    client.release()
  }
}

async function leaveEverything(client) {
  await client.query("SET work_mem = '3MB'; SET my.tenant = 'first'; SET search_path = pg_catalog")
  await client.query('CREATE TEMP TABLE left_behind (n int)')
  await client.query('SELECT pg_advisory_lock(4713)')
  await client.query('LISTEN left_behind')
  await client.query('PREPARE left_behind AS SELECT 1')
}

async function find(client) {
  say('settings', await value(client, 'SHOW work_mem'), await value(client, 'SHOW search_path'),
    await value(client, "SELECT coalesce(current_setting('my.tenant', true), '') = 'first'"))
  say('temporary table', await value(client, "SELECT to_regclass('pg_temp.left_behind')::text"))
  say('locks', await value(client, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4713"))
  say('channels', (await client.query('SELECT pg_listening_channels()')).rowCount)
  say('prepared', await value(client, "SELECT count(*) FROM pg_prepared_statements WHERE name = 'left_behind'"))
}

module.exports = {
  'returned as it is': () =>
    pooled(async (pool) => {
      await borrow(pool, leaveEverything)
      await borrow(pool, find)
    }),

  'returned and discarded': () =>
    pooled(async (pool) => {
      await borrow(pool, leaveEverything)
      await borrow(pool, (client) => client.query('DISCARD ALL'))
      await borrow(pool, find)
    }),

  'destroyed': () =>
    pooled(async (pool) => {
      const client = await pool.connect()
      await leaveEverything(client)
      const ended = new Promise((resolve) => client.once('end', resolve))
      client.release(true)
      await ended
      await borrow(pool, async (other) => {
        say('work_mem', await value(other, 'SHOW work_mem'))
        say('temporary table', await value(other, "SELECT to_regclass('pg_temp.left_behind')::text"))
        // The lock goes when the server knows that its client has gone.
        say('lock', await value(other, 'SELECT pg_advisory_lock(4713) IS NOT NULL'), await value(other, 'SELECT pg_advisory_unlock(4713)'))
      })
    }),

  'beside another pool': () =>
    pooled((one) =>
      pooled(async (another) => {
        await borrow(one, leaveEverything)
        await one.query('SELECT pg_advisory_unlock_all()')
        await borrow(another, find)
        await one.query('DISCARD ALL')
      })),

  'set up on connect': () =>
    pooled(async (pool) => {
      pool.on('connect', (client) => client.query("SET TimeZone = 'Asia/Tokyo'; SET statement_timeout = '9s'"))
      const shown = await Promise.all(numbers(12).map(() => pool.query("SELECT current_setting('TimeZone') || current_setting('statement_timeout') AS s")))
      say('settings', new Set(shown.map((r) => r.rows[0].s)))
    }, { max: 3 }),

  'more borrowers than clients': () =>
    pooled(async (pool) => {
      const results = await Promise.all(numbers(60).map((n) => borrow(pool, async (client) => {
        await client.query(`SET my.worker = ${n}`)
        return (await value(client, 'SHOW my.worker')) === String(n)
      })))
      say('each its own', results.length, results.every(Boolean))
    }, { max: 4 }),

  'returned in a transaction': () =>
    pooled(async (pool) => {
      await pool.query('DROP TABLE IF EXISTS returned; CREATE TABLE returned (n int)')
      await borrow(pool, (client) => client.query('BEGIN; INSERT INTO returned VALUES (1)'))
      // The next borrower is in the middle of it.
      say('inside', await value(pool, 'SELECT count(*) FROM returned'))
      await pool.query('ROLLBACK')
      say('outside', await value(pool, 'SELECT count(*) FROM returned'))
    }),

  'returned after an error': () =>
    pooled(async (pool) => {
      await pool.query('BEGIN')
      say('error', await refusal(pool.query('SELECT 1/0')), await refusal(pool.query('SELECT 1')))
      await pool.query('ROLLBACK')
      say('next', await value(pool, "SELECT 'unharmed'"))
    }),

  'terminated': () =>
    pooled(async (pool) => {
      const [a, b] = [await pool.connect(), await pool.connect()]
      await a.query('BEGIN')
      const pid = await value(a, 'SELECT pg_backend_pid()')
      const lost = new Promise((resolve) => a.on('error', resolve))
      await b.query('SELECT pg_terminate_backend($1, 10000)', [pid])
      say('error', (await lost).code)
      a.release(true)
      b.release()
      say('next', await value(pool, "SELECT 'alive'"), await value(pool, "SELECT 'alive'"))
    }, { max: 2 }),
}
