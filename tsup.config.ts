import type { Options } from 'tsup'

/** One entry per door: the same list as `exports` in package.json (test/house/doors.test.ts compares). */
const options: Options = {
  entry: {
    index: 'src/index.ts',
    'config/index': 'src/config/index.ts',
    'deploy/index': 'src/deploy/index.ts',
    'main/index': 'src/main/index.ts',
    'observe/index': 'src/observe/index.ts',
    'observe/otel/index': 'src/observe/otel/index.ts',
    'testing/index': 'src/testing/index.ts',
    'threads/index': 'src/threads/index.ts',
  },
  format: 'esm',
  target: 'node20',
  platform: 'node',
  dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
  splitting: true,
  treeshake: true,
  clean: true,
  removeNodeProtocol: false,
}

export default options
