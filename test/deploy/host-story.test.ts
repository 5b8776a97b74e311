/** The gateway that is deployed from a directory while it runs: its whole story, in a process of its own. */
import { expect, it } from 'vitest'
import { run } from '../support/house.js'

it('the story of examples/gateway-host comes out as promised, traces included', async () => {
  const { code, stdout, stderr } = await run('examples/gateway-host/main.ts')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout.match(/✓/g)?.length ?? 0).toBeGreaterThanOrEqual(40)
  expect(stdout).toMatch(/As promised\. \d+ checks\.\n$/)
}, 60_000)
