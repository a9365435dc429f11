// Timeouts and cancels, by the driver and by the server.
'use strict'

const { Client, Query } = require('pg')
const { connections, refusal, say, value, within } = require('./common')

// A statement that says when it runs.
const endless = "DO $$ BEGIN RAISE NOTICE 'running'; PERFORM pg_sleep(60); END $$"

const names = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']
const shown = async (client) => {
  const all = []
  for (const name of names) all.push(await value(client, `SHOW ${name}`))
  return all.join(' ')
}

module.exports = {
  'cancel': () =>
    connections(2, async (a, b) => {
      for (let i = 0; i < 3; i++) {
        const query = new Query(endless)
        const ended = new Promise((resolve, reject) => query.on('end', resolve).on('error', reject))
        a.once('notice', () => new Client({ ssl: false }).cancel(a, query))
        a.query(query)
        say('error', await refusal(ended))
        say('afterwards', await value(a, "SELECT 'unharmed'"), await value(b, "SELECT 'unharmed'"))
      }
    }),

  'pg_cancel_backend': () =>
    connections(2, async (a, b) => {
      await a.query('BEGIN')
      const pid = await value(a, 'SELECT pg_backend_pid()')
      const ended = refusal(a.query(endless))
      await within(a, 'notice')
      say('found', await value(b, 'SELECT pg_cancel_backend($1)', pid))
      say('error', await ended)
      await a.query('ROLLBACK')
      say('afterwards', await value(a, "SELECT 'unharmed'"))
    }),

  'query_timeout': () =>
    connections(1, async (a) => {
      // The driver does not wait any longer; the query goes on, and the next one waits for it.
      say('error', await refusal(a.query('SELECT pg_sleep(0.3)')))
      say('afterwards', await value(a, { text: "SELECT 'in step'", query_timeout: 20000 }))
    }, { query_timeout: 50 }),

  'statement_timeout of the session': () =>
    connections(1, (a) =>
      connections(1, async (b) => {
        say('the one', await shown(a), await refusal(a.query('SELECT pg_sleep(60)')))
        say('the other', await shown(b), await refusal(b.query('SELECT pg_sleep(0.5)')))
        await a.query('SET statement_timeout = 0')
        say('longer', await refusal(a.query('SELECT pg_sleep(0.5)')))
        await a.query('RESET ALL')
        say('as it began', await shown(a), await refusal(a.query('SELECT pg_sleep(60)')))
      }), { statement_timeout: 400, lock_timeout: 1000, idle_in_transaction_session_timeout: 120000 }),

  'statement_timeout by SET': () =>
    connections(2, async (a, b) => {
      await a.query("SET statement_timeout = '400ms'")
      say('the one', await refusal(a.query('SELECT pg_sleep(60)')))
      say('the other', await refusal(b.query('SELECT pg_sleep(0.5)')))
      await a.query("BEGIN; SET LOCAL statement_timeout = 0")
      say('in a transaction', await refusal(a.query('SELECT pg_sleep(0.5)')))
      await a.query('COMMIT')
      say('after it', await refusal(a.query('SELECT pg_sleep(60)')))
    }),

  'lock_timeout': () =>
    connections(1, (waiter) =>
      connections(1, async (holder) => {
        await holder.query('CREATE TABLE IF NOT EXISTS locked (n int)')
        await holder.query('BEGIN; LOCK TABLE locked')
        say('error', await refusal(waiter.query('SELECT * FROM locked')))
        await holder.query('COMMIT')
        say('then', (await waiter.query('SELECT * FROM locked')).rowCount)
      }), { lock_timeout: 50 }),

  'idle in a transaction': () =>
    connections(1, (a) =>
      connections(1, async (b) => {
        const ended = within(a, 'error')
        await a.query('BEGIN')
        const [error] = await ended
        say('error', error.code)
        say('the other', await value(b, "SELECT 'unharmed'"))
      }), { idle_in_transaction_session_timeout: 50 }),
}
