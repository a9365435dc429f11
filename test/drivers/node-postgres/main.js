// node-postgres as applications use it. PGHOST and the other variables of libpq say where to; what it must print is in
// want.txt: the first half, or with TLS_CA, the file of an authority, the second. TLS_OTHER_CA has signed nothing here.
'use strict'

const fs = require('node:fs')
const { Client, Query } = require('pg')

// endless is a statement that says when it runs.
const endless = "DO $$ BEGIN RAISE NOTICE 'running'; PERFORM pg_sleep(60); END $$"

const say = (name, value) => console.log(`${name}: ${value}`)

async function connect(more) {
  const client = new Client({ ssl: false, connectionTimeoutMillis: 60000, ...more })
  client.on('error', (e) => say('connection lost', e.message))
  await client.connect()
  return client
}

async function value(client, query, ...values) {
  const { rows } = await client.query({ ...query, text: query.text ?? query, values, rowMode: 'array' })
  return rows[0][0]
}

// refusal is the error that an attempt ends with: its class, and its SQLSTATE.
const refusal = (attempt) => attempt.then(() => 'none', (e) => `${e.constructor.name} ${e.code ?? e.message}`)

// canceled interrupts a statement that runs, as the driver does it: by a connection of its own, in clear.
function canceled(client) {
  const query = new Query(endless)
  const ended = new Promise((resolve, reject) => query.on('end', resolve).on('error', reject))
  client.once('notice', () => new Client({ ssl: false }).cancel(client, query))
  client.query(query)
  return refusal(ended)
}

async function queries(client) {
  say('query', await value(client, 'SELECT $1::int + 1', 41))
  for (const n of [0, 1, 2]) {
    say('prepared', await value(client, { name: 'double', text: 'SELECT $1::int * 2' }, n))
  }
  say('error', await refusal(client.query('SELECT 1 / $1::int', [0])))
  say('several', (await client.query('SELECT 1; SELECT 2')).length)
}

async function transactions(client) {
  await client.query('BEGIN')
  await client.query('CREATE TEMP TABLE fruit (name text) ON COMMIT DROP')
  await client.query("INSERT INTO fruit VALUES ('apple')")
  await client.query('SAVEPOINT before_pear')
  await client.query("INSERT INTO fruit VALUES ('pear')")
  await client.query('ROLLBACK TO SAVEPOINT before_pear')
  say('transaction', await value(client, "SELECT string_agg(name, ',') FROM fruit"))
  await client.query('COMMIT')
}

async function interruptions(client) {
  say('cancel', await canceled(client))
  await client.query("SET statement_timeout = '400ms'")
  say('timeout', await refusal(client.query('SELECT pg_sleep(60)')))
  await client.query('RESET statement_timeout')
  say('afterwards', await value(client, 'SHOW statement_timeout'))
}

async function inClear() {
  const client = await connect({
    application_name: 'node-postgres',
    statement_timeout: 4321,
    options: '-c search_path=a,\\ b --extra-float-digits=0',
  })
  say('user', await value(client, 'SELECT current_user'))
  for (const name of ['application_name', 'statement_timeout', 'search_path', 'extra_float_digits']) {
    say(name, await value(client, `SHOW ${name}`))
  }
  const other = await connect({}) // whose statement has the same name
  say('prepared by another', await value(other, { name: 'double', text: 'SELECT $1::text' }, 'b'))
  await queries(client)
  say('prepared by another', await value(other, { name: 'double', text: 'SELECT $1::text' }, 'c'))
  await transactions(client)
  await interruptions(client)
  await other.end()
  await client.end()
  say('wrong password', await refusal(connect({ password: 'wrong' })))
  say('unknown database', await refusal(connect({ database: 'nosuch' })))
}

// tls says whether a connection is encrypted, and lives through a prepared statement, a cancel and much data.
async function tls(name, more) {
  const client = await connect(more)
  const rows = []
  for (const n of [0, 1, 2]) rows.push(await value(client, { name: 'echo', text: 'SELECT $1::int' }, n))
  const interrupted = await canceled(client)
  const long = await value(client, "SELECT repeat('x', 100000)")
  const { stream } = client.connection
  const channel = `${stream.encrypted && stream.getProtocol()} ${stream.alpnProtocol || 'no ALPN'}`
  say(name, `${channel} [${rows}] ${interrupted} ${long.length}`)
  await client.end()
}

async function encrypted() {
  const ca = fs.readFileSync(process.env.TLS_CA)
  const otherCA = fs.readFileSync(process.env.TLS_OTHER_CA)
  await tls('require', { ssl: { rejectUnauthorized: false } })
  await tls('verify-full', { ssl: { ca } })
  await tls('channel binding', { ssl: { ca }, enableChannelBinding: true })
  await tls('direct', { ssl: { ca }, sslnegotiation: 'direct' })
  await tls('direct with channel binding', { ssl: { ca }, sslnegotiation: 'direct', enableChannelBinding: true })
  const unverified = await refusal(connect({ ssl: { ca: otherCA } }))
  say('another authority', /CERT|VERIFY/.test(unverified) ? 'not verified' : unverified)
  say('wrong password', await refusal(connect({ ssl: { ca }, password: 'wrong' })))
  say('in clear', await refusal(connect({})))
}

process.env.TLS_CA ? encrypted() : inClear()
