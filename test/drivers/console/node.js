// The console by node-postgres: without values it speaks the simple protocol, with a name the extended one.
const { Client } = require('pg');

async function main() {
  const client = new Client({ ssl: false });
  await client.connect();
  console.log('simple:', (await client.query('SHOW VERSION')).rows[0].version);
  console.log('prepared:', (await client.query({ name: 'v', text: 'SHOW VERSION' })).rows[0].version);
  console.log('columns:', (await client.query('SHOW STATS')).fields.length);
  const list = (await client.query({ text: 'SHOW LISTS', binary: true })).rows[2];
  console.log('binary:', `('${list.list}', ${list.items})`);
  await client.query('SELECT * FROM pg_class').catch((e) => console.log('error:', e.code));
  await client.end();
}

main();
