// COPY by pg-copy-streams.
'use strict'

const { Readable, Writable } = require('node:stream')
const { pipeline } = require('node:stream/promises')
const { from, to } = require('pg-copy-streams')
const { connections, numbers, refusal, say, value } = require('./common')

const table = (client) => client.query('DROP TABLE IF EXISTS copied; CREATE TABLE copied (n int, t text)')

// counter counts the bytes that it is given.
class Counter extends Writable {
  bytes = 0
  _write(chunk, _, done) {
    this.bytes += chunk.length
    done()
  }
}

module.exports = {
  'in': () =>
    connections(2, async (a, b) => {
      await table(a)
      for (const client of [a, b]) {
        const rows = Readable.from(numbers(4000).map((n) => `${n}\t${'x'.repeat(40)}\n`))
        const stream = client.query(from('COPY copied FROM STDIN'))
        await pipeline(rows, stream)
        say('copied', stream.rowCount, await value(client, 'SELECT count(*) FROM copied'))
      }
    }),

  'out': () =>
    connections(2, async (a, b) => {
      for (const form of ['text', 'binary', 'csv']) {
        const query = `COPY (SELECT n, repeat('x', 100) FROM generate_series(1, 4000) n) TO STDOUT (FORMAT ${form})`
        const counters = [new Counter(), new Counter()]
        await Promise.all([a, b].map((client, i) => pipeline(client.query(to(query)), counters[i])))
        say(form, ...counters.map((c) => c.bytes))
      }
    }),

  'from one to another in binary': () =>
    connections(2, async (a, b) => {
      await table(a)
      const source = a.query(to("COPY (SELECT n, 'x'::text FROM generate_series(1, 3000) n) TO STDOUT (FORMAT binary)"))
      await pipeline(source, b.query(from('COPY copied FROM STDIN (FORMAT binary)')))
      say('rows', await value(a, 'SELECT count(*) FROM copied'))
    }),

  'in with a bad row': () =>
    connections(1, async (a) => {
      await table(a)
      const rows = Readable.from(numbers(2000).map((n) => (n === 900 ? 'no number\tx\n' : `${n}\tx\n`)))
      say('error', await refusal(pipeline(rows, a.query(from('COPY copied FROM STDIN')))))
      say('rows', await value(a, 'SELECT count(*) FROM copied'))
    }),

  'in that the program breaks off': () =>
    connections(1, async (a) => {
      await table(a)
      const stream = a.query(from('COPY copied FROM STDIN'))
      stream.on('error', () => {})
      stream.write('1\tx\n')
      stream.destroy(new Error('the source is gone'))
      say('rows', await value(a, 'SELECT count(*) FROM copied'))
    }),

  'out that fails in the middle': () =>
    connections(1, async (a) => {
      const stream = a.query(to('COPY (SELECT 1 / (5000 - n) FROM generate_series(1, 9000) n) TO STDOUT'))
      say('error', await refusal(pipeline(stream, new Counter())))
      say('afterwards', await value(a, "SELECT 'in step'"))
    }),

  'in a transaction': () =>
    connections(1, async (a) => {
      await a.query('BEGIN; CREATE TEMP TABLE staging (n int) ON COMMIT DROP')
      await pipeline(Readable.from(['1\n', '2\n']), a.query(from('COPY staging FROM STDIN')))
      say('sum', await value(a, 'SELECT sum(n) FROM staging'))
      await a.query('COMMIT')
    }),
}
