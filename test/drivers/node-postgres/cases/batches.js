// Many queries without waiting for each: queued by the driver, or sent ahead in its pipeline mode.
'use strict'

const { connections, numbers, refusal, say, value } = require('./common')

const table = (client) => client.query('DROP TABLE IF EXISTS batch; CREATE TABLE batch (n int UNIQUE)')

// all is what each of several queries comes to.
async function all(queries) {
  const settled = await Promise.allSettled(queries)
  return settled.map((s) => (s.status === 'fulfilled' ? Object.values(s.value.rows[0] ?? { command: s.value.command })[0] : s.reason.code)).join(' ')
}

const pipelined = { pipeline: true }

module.exports = {
  'without await': () =>
    connections(2, async (a, b) => {
      const queries = numbers(20).flatMap((n) => [a, b].map((c, i) => c.query('SELECT $1::int', [n * 2 + i])))
      say('results', await all(queries))
    }),

  'an error among them': () =>
    connections(1, async (a) => {
      await table(a)
      const insert = (n) => a.query('INSERT INTO batch VALUES ($1)', [n])
      say('results', await all([insert(1), insert(1), insert(2)]), await value(a, 'SELECT count(*) FROM batch'))
    }),

  'pipelined': () =>
    connections(2, async (a, b) => {
      say('results', await all(numbers(50).flatMap((n) => [a, b].map((c) => c.query('SELECT $1::int', [n])))))
      const named = (c, text, n) => c.query({ name: 'same', text, values: [n] })
      await all([named(a, 'SELECT $1::int', 0), named(b, 'SELECT $1::text', 0)])
      say('named', await all(numbers(9).flatMap((n) => [named(a, 'SELECT $1::int', n), named(b, 'SELECT $1::text', n)])))
    }, pipelined),

  'an error in a pipeline': () =>
    connections(1, async (a) => {
      await table(a)
      const insert = (n) => a.query('INSERT INTO batch VALUES ($1)', [n])
      say('results', await all([insert(1), insert(1), a.query('SELEC'), insert(2), a.query('SELECT 1/0'), insert(3)]))
      say('rows', await value(a, 'SELECT array_agg(n) FROM batch').then(String))
    }, pipelined),

  'a transaction in a pipeline': () =>
    connections(1, async (a) => {
      await table(a)
      const texts = ['BEGIN', 'INSERT INTO batch VALUES (1)', 'SAVEPOINT s', 'INSERT INTO batch VALUES (1)', 'SELECT 1',
        'ROLLBACK TO s', 'INSERT INTO batch VALUES (2)', 'COMMIT', 'SELECT count(*) FROM batch']
      say('results', await all(texts.map((text) => a.query(text))))
    }, pipelined),

  'settings in a pipeline': () =>
    connections(2, async (a, b) => {
      const texts = ["SET work_mem = '5MB'", 'SHOW work_mem', 'BEGIN', "SET LOCAL work_mem = '6MB'", 'SHOW work_mem', 'COMMIT', 'SHOW work_mem']
      say('results', await all(texts.map((text) => a.query(text))), await value(b, 'SHOW work_mem'))
    }, pipelined),

  'several statements in one': () =>
    connections(1, async (a) => {
      await table(a)
      say('results', (await a.query('SELECT 1 AS n; INSERT INTO batch VALUES (1); SELECT 2 AS n')).map((r) => r.command).join(' '))
      say('error', await refusal(a.query('INSERT INTO batch VALUES (2); SELECT 1/0')), await value(a, 'SELECT count(*) FROM batch'))
    }),
}
