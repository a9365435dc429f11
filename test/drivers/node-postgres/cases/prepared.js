// Prepared statements, which have names that the program gives them.
'use strict'

const { connections, numbers, refusal, say, value } = require('./common')

module.exports = {
  'named queries': () =>
    connections(2, async (a, b) => {
      for (const n of numbers(4)) {
        const left = await value(a, { name: 'same', text: 'SELECT $1::int + 1' }, n)
        const right = await value(b, { name: 'same', text: "SELECT $1::text || '!'" }, n)
        say('in turn', left, right)
      }
    }),

  'another text for a name': () =>
    connections(1, async (a) => {
      say('first', await value(a, { name: 'same', text: 'SELECT 1' }))
      say('second', await refusal(a.query({ name: 'same', text: 'SELECT 2' })))
    }),

  'a name after an error': () =>
    connections(1, async (a) => {
      say('refused', await refusal(a.query({ name: 'x', text: 'SELECT nosuch' })))
      say('again', await value(a, { name: 'x', text: 'SELECT 1' }))
      say('fails', await refusal(a.query({ name: 'divide', text: 'SELECT 1 / $1::int', values: [0] })))
      say('and works', await value(a, { name: 'divide', text: 'SELECT 1 / $1::int' }, 1))
    }),

  'without a name': () =>
    connections(2, async (a, b) => {
      for (const n of numbers(3)) say('in turn', await value(a, 'SELECT $1::int', n), await value(b, 'SELECT $1::text', n))
    }),

  'a column more': () =>
    connections(2, async (a, b) => {
      await a.query('DROP TABLE IF EXISTS grows; CREATE TABLE grows AS SELECT 1 AS one')
      const all = { name: 'all', text: 'SELECT * FROM grows' }
      say('before', JSON.stringify((await a.query(all)).rows))
      await b.query('ALTER TABLE grows ADD two int DEFAULT 2')
      say('prepared anew', JSON.stringify((await b.query(all)).rows))
      // Postgres refuses what it had prepared before, and a pooler may have it prepared anew.
      const error = await refusal(a.query(all))
      say('after', ['none', 'DatabaseError 0A000'].includes(error) ? 'refused or new' : error)
      say('by another name', JSON.stringify((await a.query({ ...all, name: 'all again' })).rows))
    }),

  'in binary': () =>
    connections(2, async (a, b) => {
      const query = { name: 'binary', text: 'SELECT $1::int4 + 1 AS n, $1::int4::bool AS yes, 2.5::float8 AS f', binary: true }
      for (const client of [a, b, a]) say('row', JSON.stringify((await client.query({ ...query, values: [1] })).rows[0]))
    }),

  'deallocated behind its back': () =>
    connections(1, async (a) => {
      const query = { name: 'kept', text: 'SELECT 1' }
      say('before', await value(a, query))
      await a.query('DEALLOCATE ALL')
      say('after', await refusal(a.query(query)))
      say('without a name', await value(a, 'SELECT 1'))
    }),

  'in SQL': () =>
    connections(2, async (a, b) => {
      await a.query("PREPARE same AS SELECT 'one''s'")
      await b.query("PREPARE same AS SELECT 'another''s'")
      for (const client of [a, b, a, b]) say('executed', await value(client, 'EXECUTE same'))
      await a.query('DEALLOCATE same')
      say('deallocated', await refusal(a.query('EXECUTE same')), await value(b, 'EXECUTE same'))
    }),
}
