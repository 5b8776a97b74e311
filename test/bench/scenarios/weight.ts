// What it weighs: the first import in a fresh process beside one that imports nothing, the bytes of each entry minified
// and zipped with everything it reaches, and how many packages an installation brings beside keelson itself.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { entry } from '../contestants/keelson.js'
import type { Case, Figures, Params, Results, Row, Scenario } from '../scenario.js'
import { median } from '../statistics.js'

const IMPORTS = 3
const PROBE =
  'const t = performance.now(); if (process.argv[1]) await import(process.argv[1]); console.log(performance.now() - t, performance.now())'

const PEER: Readonly<Record<string, string>> = {
  avvio: 'avvio',
  systemic: 'systemic',
  effect: 'effect',
  nest: '@nestjs/core',
  moleculer: 'moleculer',
  cordis: 'cordis',
  'p-graph': 'p-graph',
}

/** Milliseconds of an import, and of a whole process with it, beside an empty one. */
async function imported(name: string): Promise<Figures> {
  const target = name === 'keelson' ? entry : import.meta.resolve(PEER[name]!)
  const probe = (...args: string[]): number[] => {
    const began = performance.now()
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', PROBE, ...args], { encoding: 'utf8' })
    return [Number(said.split(' ')[0]), performance.now() - began]
  }
  const times: number[][] = []
  for (let k = 0; k < IMPORTS; k++) {
    const [[, empty], [own, whole]] = [probe(), probe(target)] as [number[], number[]]
    times.push([own!, whole! - empty!])
  }
  return { import: median(times.map(([own]) => own!)), process: median(times.map(([, beyond]) => beyond!)) }
}

/** The package whose build is measured. */
const packed = (): string => join(dirname(fileURLToPath(entry)), '..')
const manifest = () => JSON.parse(readFileSync(join(packed(), 'package.json'), 'utf8'))

/** What the package exports, by the name under which it is imported. */
function doors(): Map<string, string> {
  const exported = Object.entries<string | { default: string }>(manifest().exports)
  return new Map(
    exported.flatMap(([name, to]) =>
      typeof to === 'string' ? [] : [[join('keelson', name), join(packed(), to.default)]],
    ),
  )
}

async function zipped(): Promise<Figures> {
  const { build } = await import('esbuild')
  const figures: Figures = {}
  for (const [name, file] of doors()) {
    const { outputFiles } = await build({
      entryPoints: [file],
      bundle: true,
      minify: true,
      write: false,
      format: 'esm',
      platform: 'node',
      logLevel: 'error',
    })
    figures[name] = gzipSync(outputFiles[0]!.contents, { level: 9 }).length / 1_024
  }
  return figures
}

/** What `npm install` of the package brings: its dependencies, and theirs, in an empty folder. */
async function installed(): Promise<Figures> {
  const { dependencies } = manifest()
  const folder = mkdtempSync(join(tmpdir(), 'keelson-weight-'))
  try {
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }))
    execFileSync('npm', ['install', '--package-lock-only', '--silent', '--no-audit', '--no-fund'], { cwd: folder })
    const { packages } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'))
    return { packages: Object.keys(packages).length - 1 }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function rows(results: Results): Row[] {
  const own = median(results.values('import', 'keelson', 'process'))
  const packages = median(results.values('installed packages', 'keelson', 'packages'))
  const rows: Row[] = [
    {
      what: 'cold import of the root entry, beside an empty process',
      value: own,
      unit: 'ms',
      atMost: 15,
      gist: 'cold import of the root entry, beside an empty process',
    },
  ]
  for (const door of results.figures('min + gzip', 'keelson')) {
    const kilobytes = median(results.values('min + gzip', 'keelson', door))
    const row: Row = { what: `${door}, min + gzip, with all it reaches`, value: kilobytes, unit: 'KiB' }
    rows.push(door === 'keelson' ? { ...row, atMost: 32, gist: 'root entry, min + gzip' } : row)
  }
  rows.push({
    what: 'packages besides keelson',
    value: packages,
    atMost: 4,
    gist: 'installed packages besides keelson',
  })
  return rows
}

export const scenario: Scenario = {
  name: 'weight',
  about: 'cold import in ms, entries in KiB min + gzip, packages that are installed',
  main: 'process',
  cases({ peers }) {
    const cases: Case[] = [
      { id: 'import', params: { what: 'import' }, contestants: ['keelson', ...(peers ? Object.keys(PEER) : [])] },
      { id: 'min + gzip', params: { what: 'zipped' }, contestants: ['keelson'], rounds: 1 },
      { id: 'installed packages', params: { what: 'installed' }, contestants: ['keelson'], rounds: 1 },
    ]
    return cases
  },
  verify: async (name) => assert.ok(Object.keys(await import(name === 'keelson' ? entry : PEER[name]!)).length > 0),
  measure: (name, { what }: Params) =>
    what === 'import' ? imported(name) : what === 'zipped' ? zipped() : installed(),
  rows,
}
