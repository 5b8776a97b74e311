/** A worker of the exhaustive search: is given one scope after the other, and tells what it found in each. */
import { parentPort } from 'node:worker_threads'
import { LAWS } from '../../src/testing/laws.js'
import { explore, type Scope } from '../support/exhaustive.js'

Error.stackTraceLimit = 0 // thousands of errors are made that nobody reads

parentPort?.on('message', (scope: Scope) => {
  void explore(scope, LAWS).then((found) => parentPort?.postMessage(found))
})
