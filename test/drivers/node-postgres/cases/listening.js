// LISTEN and NOTIFY.
'use strict'

const { connections, numbers, refusal, say, value, within } = require('./common')

// ears collects what a client is notified of; next waits for the next one.
function ears(client) {
  const heard = []
  client.on('notification', (n) => heard.push(`${n.channel}=${n.payload}`))
  return {
    heard,
    async next(count) {
      while (heard.length < count) await within(client, 'notification')
      return heard.splice(0).join(' ')
    },
  }
}

module.exports = {
  'one listens another notifies': () =>
    connections(2, async (listener, notifier) => {
      const heard = ears(listener)
      await listener.query('LISTEN news')
      for (const n of numbers(3)) {
        await notifier.query("SELECT pg_notify('news', $1)", [`payload ${n}`])
        say('heard', await heard.next(1))
        say('a query in between', await value(listener, 'SELECT $1::int', n))
      }
    }),

  'in order and once': () =>
    connections(2, async (listener, notifier) => {
      const heard = ears(listener)
      await listener.query('LISTEN a; LISTEN b')
      await notifier.query("BEGIN; NOTIFY a, '1'; NOTIFY b, '2'; NOTIFY a, '1'; NOTIFY a, '3'; COMMIT")
      say('heard', await heard.next(3))
    }),

  'only what commits': () =>
    connections(2, async (listener, notifier) => {
      const heard = ears(listener)
      await listener.query('LISTEN news')
      await notifier.query("BEGIN; NOTIFY news, 'rolled back'; ROLLBACK")
      await notifier.query("BEGIN; SAVEPOINT s; NOTIFY news, 'undone'; ROLLBACK TO s; NOTIFY news, 'committed'; COMMIT")
      say('heard', await heard.next(1))
    }),

  'no longer': () =>
    connections(2, async (listener, notifier) => {
      const heard = ears(listener)
      await listener.query('LISTEN one; LISTEN two')
      await listener.query('UNLISTEN one')
      await notifier.query("NOTIFY one, 'unheard'; NOTIFY two, 'heard'")
      say('heard', await heard.next(1))
      await listener.query('UNLISTEN *')
      await notifier.query("NOTIFY two, 'unheard'")
      say('channels', (await listener.query('SELECT pg_listening_channels()')).rowCount, heard.heard.length)
    }),

  'not in a transaction': () =>
    connections(2, async (listener, notifier) => {
      const heard = ears(listener)
      await listener.query('LISTEN news')
      await listener.query('BEGIN')
      await notifier.query("NOTIFY news, 'held back'")
      await listener.query('SELECT 1')
      say('inside', heard.heard.length)
      await listener.query('COMMIT')
      say('outside', await heard.next(1))
    }),

  'who has sent it': () =>
    connections(2, async (listener, notifier) => {
      await listener.query('LISTEN news')
      for (const client of [notifier, listener]) {
        const heard = within(listener, 'notification')
        await client.query('NOTIFY news')
        say('by the notifier', (await heard)[0].processId === client.processID)
      }
    }),

  'names': () =>
    connections(2, async (listener, notifier) => {
      const heard = ears(listener)
      await listener.query(`LISTEN ${listener.escapeIdentifier('A "b" c')}`)
      await notifier.query('SELECT pg_notify($1, $2)', ['A "b" c', 'quoted'])
      say('heard', await heard.next(1))
      say('too long', await refusal(notifier.query("SELECT pg_notify('n', repeat('x', 8000))")))
    }),
}
