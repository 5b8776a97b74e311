// Checks what would be published: packs it, lints the tarball, installs it in an empty folder
// and loads every door with `import` and with `require`.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'keelson-package-'))
const npm = (...args) => execFileSync('npm', args, { stdio: ['ignore', 'inherit', 'inherit'] })
const node = (type, code) =>
  execFileSync(process.execPath, [`--input-type=${type}`, '-e', code], { cwd: folder, encoding: 'utf8' }).trim()

try {
  npm('pack', '--silent', '--pack-destination', folder)
  const { name, version, exports, peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
  const tarball = join(folder, `${name}-${version}.tgz`)
  npm('exec', '--no', '--', 'publint', 'run', '--strict', tarball)
  npm('exec', '--no', '--', 'attw', '--profile', 'esm-only', tarball)

  writeFileSync(join(folder, 'package.json'), '{}')
  npm('install', '--silent', '--prefix', folder, tarball)
  const load = (door) => {
    const imported = node('module', `console.log(Object.keys(await import('${door}')).sort().join())`)
    const required = node('commonjs', `console.log(Object.keys(require('${door}')).sort().join())`)
    if (!imported || imported !== required)
      throw new Error(`${door}: import gives [${imported}], require [${required}]`)
    console.log(`${door}: ${imported.split(',').length} names, with import and with require`)
  }
  const doors = Object.keys(exports).filter((subpath) => exports[subpath].types)
  // This one door is for a library that its users have; every other one opens without any optional peer.
  const otel = './observe/otel'
  for (const door of doors) if (door !== otel) load(join(name, door))
  npm('install', '--silent', '--prefix', folder, `@opentelemetry/api@${peerDependencies['@opentelemetry/api']}`)
  load(join(name, otel))

  rmSync(join(folder, 'node_modules/zod'), { recursive: true })
  load(name) // the root entry does not need zod
} catch (error) {
  console.error(String(error.message))
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true })
}
