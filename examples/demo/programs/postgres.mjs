// The thread in which PostgreSQL lives: opens the data in a folder, then answers queries `{ id, sql, params }` and
// scripts `{ id, script }`, each of which is one transaction.
// Ending this thread from outside is to the database what `kill -9` is to a server: the next one recovers from its log.
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'

const postgres = await PGlite.create(workerData.folder)

parentPort.on('message', async ({ id, sql, params, script, close }) => {
  try {
    if (close) await postgres.close().finally(() => process.exit()) // ends this thread, not the process
    const { rows } = script ? (await postgres.exec(script)).at(-1) : await postgres.query(sql, params)
    parentPort.postMessage({ id, value: rows })
  } catch (error) {
    parentPort.postMessage({ id, error: error.message })
  }
})

parentPort.postMessage('open')
