// node --import tsx examples/gateway-host/main.ts
//
// A small gateway that is deployed from a directory while it runs: files are edited, broken, renamed, disabled and
// removed, configuration and environment change. Plays itself and checks itself; exit code 0 if all came as promised.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Teller } from '../demo/story/teller.js'
import { Gateway } from './gateway.js'
import { ACTS, Stage } from './story.js'

const folder = await mkdtemp(join(tmpdir(), 'keelson-host-'))
const gateway = await Gateway.build(folder)
const tell = new Teller()
try {
  for (const act of ACTS) await act(new Stage(tell, gateway))
  console.log(`\n As promised. ${tell.checks} checks.`)
} catch (error) {
  console.error(`\n Not as promised: ${error instanceof Error ? error.message : String(error)}`)
  for (const { name } of gateway.app.getAllServices()) console.error(`   ${gateway.app.explain(name).text}`)
  for (const line of gateway.log) console.error(`   ${line}`)
  process.exitCode = 1
} finally {
  await gateway.app.stop().catch(() => {})
  await rm(folder, { recursive: true, force: true })
}
