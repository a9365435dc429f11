// Settings, and transactions.
'use strict'

const { connections, numbers, refusal, say, value } = require('./common')

// reports collects what the server reports of its settings.
function reports(client) {
  const told = {}
  client.connection.on('parameterStatus', (m) => (told[m.parameterName] = m.parameterValue))
  return told
}

module.exports = {
  'reported': () =>
    connections(2, async (a, b) => {
      const [one, other] = [reports(a), reports(b)]
      await a.query("SET TimeZone = 'America/Lima'; SET application_name = 'reported'")
      for (const client of [a, b, a]) say('asked', await value(client, 'SHOW TimeZone'), await value(client, "SELECT current_setting('application_name')"))
      say('reported', JSON.stringify(one), JSON.stringify(other))
      await a.query('RESET ALL')
      say('reset', JSON.stringify(one))
    }),

  'of the startup packet': () =>
    connections(1, (a) =>
      connections(1, async (b) => {
        for (const name of ['application_name', 'search_path', 'work_mem', 'TimeZone', 'my.tenant']) {
          say(name, await value(a, `SHOW ${name}`), await value(b, "SELECT coalesce(current_setting($1, true), '')", name))
        }
        await a.query("SET work_mem = '9MB'; SET my.tenant = 'second'; RESET ALL")
        say('reset', await value(a, 'SHOW work_mem'), await value(a, 'SHOW my.tenant'))
      }), {
      application_name: 'startup',
      options: '-c search_path=a,\\ b -c work_mem=7MB -c TimeZone=Asia/Tokyo -c my.tenant=first',
    }),

  'with the transaction': () =>
    connections(1, async (a) => {
      await a.query("BEGIN; SET TimeZone = 'Asia/Tokyo'; SAVEPOINT s; SET work_mem = '5MB'; ROLLBACK TO s")
      say('inside', await value(a, 'SHOW TimeZone'), await value(a, 'SHOW work_mem'))
      await a.query('ROLLBACK')
      say('rolled back', await value(a, 'SHOW TimeZone'))
      await a.query("BEGIN; SET LOCAL TimeZone = 'Asia/Tokyo'; COMMIT")
      say('local', await value(a, 'SHOW TimeZone'))
      say('failed', await refusal(a.query("SET work_mem = 'much'")), await refusal(a.query("SET nosuch = 1")), await value(a, 'SHOW work_mem'))
    }),

  'of many clients': () =>
    connections(5, async (...clients) => {
      await Promise.all(clients.map((c, n) => c.query("SELECT set_config('my.tenant', $1, false)", [`tenant ${n}`])))
      for (const _ of numbers(3)) say('own', ...(await Promise.all(clients.map((c) => value(c, 'SHOW my.tenant')))))
    }),

  'a role': () =>
    connections(2, async (a, b) => {
      await a.query('SET ROLE colleague')
      for (const client of [a, b, a]) say('who', await value(client, 'SELECT current_user'), await value(client, 'SELECT session_user'))
      say('refused', await refusal(a.query('CREATE SCHEMA forbidden')))
      await a.query('RESET ROLE')
      say('reset', await value(a, 'SELECT current_user'))
    }),

  'transactions': () =>
    connections(2, async (a, b) => {
      await a.query('DROP TABLE IF EXISTS isolated; CREATE TABLE isolated (n int)')
      await a.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
      say('before', await value(a, 'SELECT count(*) FROM isolated'))
      await b.query('INSERT INTO isolated VALUES (1)')
      say('inside', await value(a, 'SELECT count(*) FROM isolated'), await value(b, 'SELECT count(*) FROM isolated'))
      await a.query('COMMIT')
      say('after', await value(a, 'SELECT count(*) FROM isolated'))
      await a.query('BEGIN READ ONLY')
      say('read only', await refusal(a.query('INSERT INTO isolated VALUES (2)')))
      await a.query('ROLLBACK')
    }),

  'characteristics of the session': () =>
    connections(2, async (a, b) => {
      await a.query('SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY')
      for (const client of [a, b, a]) say('level', await value(client, 'SHOW transaction_isolation'), await value(client, 'SHOW transaction_read_only'))
    }),

  'notices': () =>
    connections(2, async (a, b) => {
      const heard = []
      ;[a, b].forEach((client, i) => client.on('notice', (n) => heard.push(`${i} ${n.severity} ${n.message}`)))
      await a.query("SET client_min_messages = 'debug1'")
      for (const client of [a, b]) await client.query("DO $$ BEGIN RAISE DEBUG 'debug'; RAISE NOTICE 'notice'; END $$")
      say('heard', heard.filter((text) => /debug$|notice$/.test(text)).join(', '))
    }),

  'temporary tables and locks': () =>
    connections(2, async (a, b) => {
      for (const [n, client] of [a, b].entries()) await client.query(`CREATE TEMP TABLE own AS SELECT ${n} AS n`)
      for (const client of [a, b, a, b]) say('own', await value(client, 'SELECT n FROM own'))
      await a.query('DROP TABLE own')
      say('dropped', await refusal(a.query('TABLE own')), await value(b, 'SELECT n FROM own'))
      const [lock, unlock] = ['SELECT pg_try_advisory_lock(14)', 'SELECT pg_advisory_unlock(14)']
      say('locked', await value(a, lock), await value(b, lock), await value(a, unlock), await value(b, lock), await value(b, unlock))
    }),
}
