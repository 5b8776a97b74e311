// Completes package-lock.json after `npm install` (run it as `npm run lock`).
// npm leaves out optional packages for other platforms when a registry does not carry them, and `npm ci` then
// refuses its own file (npm/cli issue 9846). Their version stands in the parent; their platform in the name.
import { readFileSync, writeFileSync } from 'node:fs'

const file = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(file, 'utf8'))

for (const [path, { dev, optionalDependencies = {} }] of Object.entries(lock.packages)) {
  const folder = path.replace(/^(.*node_modules\/).*/, '$1')
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (lock.packages[folder + name]?.version || lock.packages[`node_modules/${name}`]?.version === version) continue
    const word = (...words) => words.filter((w) => name.split(/[-/]/).includes(w)).slice(0, 1)
    const os = word('android', 'darwin', 'freebsd', 'openbsd', 'openharmony', 'win32', 'linux')
    const cpu = word('arm64', 'x64', 'ia32', 'arm', 'loong64', 'ppc64', 'riscv64', 's390x')
    const libc = word('musl')
    lock.packages[folder + name] = { version, cpu, ...(dev && { dev }), ...(libc[0] && { libc }), optional: true, os }
  }
}

const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'))
writeFileSync(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`)
