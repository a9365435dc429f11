// Portals that are read piece by piece: pg-cursor and pg-query-stream.
'use strict'

const Cursor = require('pg-cursor')
const QueryStream = require('pg-query-stream')
const { connections, refusal, say, value } = require('./common')

module.exports = {
  'read in pieces': () =>
    connections(2, async (a, b) => {
      const query = 'SELECT generate_series($1::int, $1 + 9) AS n'
      const [left, right] = [a.query(new Cursor(query, [1])), b.query(new Cursor(query, [101]))]
      for (const count of [3, 4]) {
        for (const cursor of [left, right]) say('rows', (await cursor.read(count)).map((r) => r.n).join(' '))
      }
      await left.close() // before its end
      say('rest', (await right.read(100)).length, (await right.read(100)).length)
      say('afterwards', await value(a, "SELECT 'in step'"), await value(b, "SELECT 'in step'"))
    }),

  'in a transaction': () =>
    connections(1, async (a) => {
      await a.query('BEGIN')
      const cursor = a.query(new Cursor('SELECT generate_series(1, 10) AS n'))
      say('rows', (await cursor.read(4)).length)
      await cursor.close()
      say('a query', await value(a, "SELECT 'in step'"))
      await a.query('COMMIT')
    }),

  'that fail': () =>
    connections(1, async (a) => {
      const cursor = a.query(new Cursor('SELECT 1 / (5 - n) AS n FROM generate_series(1, 9) n'))
      say('rows', (await cursor.read(3)).length)
      say('error', await refusal(cursor.read(3)))
      const wrong = a.query(new Cursor('SELECT nosuch'))
      say('wrong', await refusal(wrong.read(1)))
      say('afterwards', await value(a, "SELECT 'in step'"))
    }),

  'streams': () =>
    connections(2, async (a, b) => {
      const sum = async (client, from) => {
        let all = 0
        for await (const row of client.query(new QueryStream('SELECT generate_series($1::int, $1 + 999) AS n', [from], { batchSize: 50 }))) all += row.n
        return all
      }
      say('sums', ...(await Promise.all([sum(a, 1), sum(b, 10001)])))
    }),

  'a stream that is left': () =>
    connections(1, async (a) => {
      for await (const row of a.query(new QueryStream('SELECT generate_series(1, 100000) AS n'))) if (row.n === 10) break
      say('afterwards', await value(a, "SELECT 'in step'"))
    }),

  'in SQL': () =>
    connections(2, async (a, b) => {
      for (const [i, client] of [a, b].entries()) {
        await client.query(`BEGIN; DECLARE same CURSOR FOR SELECT generate_series(${i * 100 + 1}, ${i * 100 + 10})`)
      }
      for (const client of [a, b, a, b]) say('fetched', await value(client, 'FETCH same'))
      for (const client of [a, b]) await client.query('COMMIT')
      say('gone', await refusal(a.query('FETCH same')))
    }),
}
