import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

const root = fileURLToPath(new URL('..', import.meta.url))

const config: ViteUserConfig = defineConfig({
  root,
  resolve: {
    alias: [
      { find: /^keelson$/, replacement: `${root}src/index.ts` },
      { find: /^keelson\/([\w/]+)$/, replacement: `${root}src/$1/index.ts` },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // Its default leaves one core idle, which on two of them is half of the machine.
    maxWorkers: availableParallelism(),
    setupFiles: ['test/support/fixed-chance.ts'],
    // Nothing is asserted by the clock; this only ends a test that hangs, also on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      // These run in threads of their own (test/threads), whose coverage is not seen from here.
      exclude: ['attach', 'link', 'lodger', 'ports', 'sleep', 'table-reader', 'thread-events', 'view', 'waits'].map(
        (name) => `src/threads/${name}.ts`,
      ),
      reporter: ['text', 'json-summary'],
      thresholds: { branches: 95, functions: 95, lines: 95, statements: 95 },
    },
  },
})

export default config
