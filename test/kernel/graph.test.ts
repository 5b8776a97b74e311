/** The graph as a graph: shortest cycles, near names, and how it is drawn. */
import { describe, expect, it } from 'vitest'
import { cycleThrough, drawn, nearest } from '../../src/kernel/graph.js'

describe('cycles', () => {
  /** A cycle through `a` in a graph written as `a>b`, looked for both ways. */
  const cycle = (text: string): string | undefined => {
    const edges = text.split(' ').map((edge) => edge.split('>') as [string, string])
    const down = (node: string): string[] => edges.filter(([from]) => from === node).map(([, to]) => to)
    const up = (node: string): string[] => edges.filter(([, to]) => to === node).map(([from]) => from)
    return cycleThrough('a', down, up)?.join('')
  }

  it.each([
    ['a>a', 'aa'],
    ['a>b b>a', 'aba'],
    ['a>b b>c c>a', 'abca'],
    ['a>b b>c c>d d>a', 'abcda'],
    ['a>b b>c c>a b>a', 'aba'],
    ['a>b b>c c>d d>a a>x x>d', 'axda'],
    ['a>b a>c a>d b>x c>x d>a', 'ada'],
    ['b>a c>a d>a a>x x>d', 'axda'],
    ['a>b b>c c>b', undefined],
    ['a>b a>c b>d c>d', undefined],
    ['b>a c>b d>c', undefined],
    ['b>c c>b', undefined],
  ])('R10 of %s the shortest one through a is %s', (text, is) => {
    expect(cycle(text)).toBe(is)
  })

  it('R10 a search ends when the smaller side is exhausted', () => {
    let looked = 0
    const many = Array.from({ length: 1_000 }, (_, i) => `n${i}`)
    const down = (node: string): string[] => {
      looked++
      return node === 'a' ? many : []
    }
    expect(cycleThrough('a', down, () => [])).toBeUndefined()
    expect(looked).toBe(1)
  })
})

describe('near names', () => {
  it.each([
    ['database', ['databse'], 'databse'],
    ['database', ['databases'], 'databases'],
    ['database', ['dtaabase'], 'dtaabase'],
    ['database', ['detabese'], 'detabese'],
    ['database', ['dxtxbxse'], undefined],
    ['database', ['databasexy'], 'databasexy'],
    ['database', ['databasexyz'], undefined],
    ['database', ['databa'], 'databa'],
    ['database', ['datab'], undefined],
    ['database', ['databsae', 'databas'], 'databsae'],
    ['database', ['datbse', 'databas'], 'databas'],
    ['api', ['apx'], 'apx'],
    ['api', ['pai'], 'pai'],
    ['api', ['axx'], undefined],
    ['api', ['iap'], undefined],
    ['abcdef', ['bacdfe'], 'bacdfe'],
    ['abcdef', ['badcfe'], undefined],
    ['ab', ['ba'], undefined],
    ['abc', ['bxc'], undefined],
    ['abc', ['xac'], undefined],
    ['abc', ['bca'], undefined],
    ['abcdef', ['cabdef'], 'cabdef'],
    ['abcdefghi', ['bcadefghi'], 'bcadefghi'],
    ['aab', ['aba'], 'aba'],
    ['', ['a'], undefined],
    ['database', [], undefined],
    ['database', ['database', 'databasf'], 'databasf'],
  ] as const)('R10 for %s among %j it is %s', (name, names, is) => {
    expect(nearest(name, names)).toBe(is)
  })
})

it('a drawing is Mermaid and DOT, with what is missing and optional, and names that need quoting', () => {
  const graph = drawn({
    nodes: [{ name: 'a "b"', state: 'running' }, { name: 'c\\d' }],
    edges: [
      { from: 'a "b"', to: 'c\\d', condition: 'healthy', optional: false },
      { from: 'c\\d', to: 'a "b"', condition: 'started', optional: true },
    ],
  } as unknown as Parameters<typeof drawn>[0])
  expect(graph.toMermaid()).toBe(
    [
      'graph LR',
      '  n0["a #quot;b#quot; · running"]',
      '  n1["c\\d (missing)"]',
      '  n0 -->|healthy| n1',
      '  n1 -.->|started| n0',
    ].join('\n'),
  )
  expect(graph.toDot()).toBe(
    [
      'digraph services {',
      '  rankdir=LR',
      '  "a \\"b\\"" [label="a \\"b\\" · running"]',
      '  "c\\\\d" [label="c\\\\d (missing)"]',
      '  "a \\"b\\"" -> "c\\\\d" [label="healthy"]',
      '  "c\\\\d" -> "a \\"b\\"" [label="started" style=dashed]',
      '}',
    ].join('\n'),
  )
  expect(JSON.parse(JSON.stringify(graph))).toEqual({ nodes: graph.nodes, edges: graph.edges })
  expect([graph, graph.nodes, graph.edges].every(Object.isFrozen)).toBe(true)
})
