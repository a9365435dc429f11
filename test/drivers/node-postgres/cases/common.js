// What the cases share.
'use strict'

const { once } = require('node:events')
const { Client } = require('pg')

const say = (name, ...values) => console.log(`${name}:`, ...values)

// connections gives a case so many clients, as the driver makes them by default, and ends them.
async function connections(count, use, more) {
  const clients = []
  try {
    for (let i = 0; i < count; i++) {
      const client = new Client({ ssl: false, connectionTimeoutMillis: 60000, ...more })
      client.on('error', () => {}) // the next query tells
      await client.connect()
      clients.push(client)
    }
    await use(...clients)
  } finally {
    await Promise.all(clients.map((client) => client.end()))
  }
}

async function value(client, query, ...values) {
  const { rows } = await client.query({ ...query, text: query.text ?? query, values, rowMode: 'array' })
  return rows[0][0]
}

// refusal is the error that an attempt ends with: its class, and its SQLSTATE or what it says.
const refusal = (attempt) => attempt.then(() => 'none', (e) => `${e.constructor.name} ${e.code ?? e.message}`)

// within waits for an event, though not for ever.
const within = (emitter, event) => once(emitter, event, { signal: AbortSignal.timeout(60000) })

// numbers are the integers from 0 to below n.
const numbers = (n) => [...Array(n).keys()]

module.exports = { connections, numbers, refusal, say, value, within }
