// What applications do with node-postgres that breaks behind poolers. PGHOST and the other variables of libpq say where to. Each
// case is told by its name, and what must follow is in want.txt.
'use strict'

const subjects = ['prepared', 'batches', 'copies', 'interruptions', 'listening', 'pools', 'settings', 'cursors']

async function main() {
  for (const subject of subjects) {
    for (const [name, run] of Object.entries(require(`./${subject}`))) {
      console.log(`# ${subject}/${name}`)
      try {
        await run()
      } catch (e) {
        console.log('unexpected:', e.stack)
      }
    }
  }
}

main()
