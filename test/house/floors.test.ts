/** The floors of the house: imports go down only, rooms come in through the front door, nothing goes in circles. */
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { doors, files, imports, parse, place, walk } from '../support/house.js'

const sources = files('src')
const rooms = doors.map(({ source }) => source.split('/')[1]).filter((part) => part !== 'index.ts')
/** The outside libraries each room exists for. */
const libraries: Record<string, string[]> = {
  config: ['zod', 'yaml', 'smol-toml'],
  deploy: ['zod'],
  observe: ['pino', '@opentelemetry/api'],
}

const room = (path: string): string | undefined => rooms.find((name) => path.startsWith(`src/${name}/`))

function floor(path: string): number {
  if (['src/errors.ts', 'src/service.ts', 'src/events.ts'].includes(path)) return 0
  if (path.startsWith('src/kernel/')) return 1
  if (path.startsWith('src/engine/')) return 2
  if (path === 'src/index.ts') return 4
  return room(path) ? 5 : 3
}

const isOutside = (to: string): boolean => !to.startsWith('src/')

describe('floors', () => {
  it('there is a source to check', () => expect(sources).toContain('src/index.ts'))

  it('every file of src stands on a floor: loose, kernel, engine or a room with a door', () => {
    const lost = sources.filter((path) => !/^src\/([^/]+|kernel\/[^/]+|engine\/[^/]+)$/.test(path) && !room(path))
    expect(lost).toEqual([])
  })

  it('imports go down only', () => {
    const up = sources.flatMap((path) =>
      imports(path)
        .filter(({ to }) => !isOutside(to) && floor(to) > floor(path))
        .map(({ to, at }) => `${at} imports ${to}`),
    )
    expect(up).toEqual([])
  })

  it('no cycles, type-only imports included', () => {
    const done = new Set<string>()
    const cycles: string[] = []
    const visit = (path: string, trail: string[]): void => {
      if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
      if (done.has(path) || trail.includes(path)) return
      for (const { to } of imports(path)) if (!isOutside(to)) visit(to, [...trail, path])
      done.add(path)
    }
    for (const path of sources) visit(path, [])
    expect(cycles).toEqual([])
  })

  it('a room imports the front door, other doors but testing, its own files, node: and its library', () => {
    const bad = sources.flatMap((path) => {
      const own = room(path)
      if (!own) return []
      const allowed = (to: string): boolean =>
        to.startsWith(`src/${own}/`) ||
        (doors.some(({ source }) => source === to) && !to.startsWith('src/testing/')) ||
        to.startsWith('node:') ||
        (libraries[own] ?? []).includes(to)
      return imports(path).flatMap(({ to, at }) => (allowed(to) ? [] : [`${at} imports ${to}`]))
    })
    expect(bad).toEqual([])
  })

  it('below the rooms only the engine and the façade reach outside, and only for what Node brings', () => {
    const bad = sources.flatMap((path) => {
      if (room(path)) return []
      const allowed = (to: string): boolean => floor(path) >= 2 && to.startsWith('node:')
      return imports(path).flatMap(({ to, at }) => (isOutside(to) && !allowed(to) ? [`${at} imports ${to}`] : []))
    })
    expect(bad).toEqual([])
  })

  it('the front door is explicit named exports, nothing else', () => {
    const other = parse('src/index.ts').statements.filter(
      (s) => !(ts.isExportDeclaration(s) && s.exportClause && ts.isNamedExports(s.exportClause)),
    )
    expect(other.map(place)).toEqual([])
  })

  it('no default exports', () => {
    const found = sources.flatMap((path) => parse(path).statements.filter(isDefaultExport).map(place))
    expect(found).toEqual([])
  })

  it('the kernel is plain: no async, no promises', () => {
    const found: string[] = []
    for (const path of files('src/kernel')) {
      walk(parse(path), (node) => {
        const isAsync = node.kind === ts.SyntaxKind.AsyncKeyword || ts.isAwaitExpression(node)
        if (isAsync || (ts.isIdentifier(node) && /^(Promise|queueMicrotask)$/.test(node.text))) found.push(place(node))
      })
    }
    expect(found).toEqual([])
  })
})

function isDefaultExport(node: ts.Statement): boolean {
  if (ts.isExportAssignment(node)) return true
  return ts.canHaveModifiers(node) && !!ts.getModifiers(node)?.some((m) => m.kind === ts.SyntaxKind.DefaultKeyword)
}
