/** Time, chance and the process come in through one file, so that a test can replace them. */
import ts from 'typescript'
import { expect, it } from 'vitest'
import { files, imports, parse, place, walk } from '../support/house.js'

const ambient = new Set(
  'setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate Date performance process globalThis'.split(
    ' ',
  ),
)
const modules = /^node:(timers|timers\/promises|perf_hooks|process)$/

/** Whether an identifier is read as a value of the outer world, not the name of a member, a parameter or a type. */
function isAmbient(node: ts.Node): boolean {
  if (!ts.isIdentifier(node)) return false
  const { parent, text } = node
  if ('name' in parent && parent.name === node && !ts.isShorthandPropertyAssignment(parent)) {
    return text === 'random' && ts.isPropertyAccessExpression(parent) && parent.expression.getText() === 'Math'
  }
  return ambient.has(text) && !ts.isPartOfTypeNode(node)
}

it('timers, clocks, randomness and process are used in the two files called ports.ts and in main/ only', () => {
  const found: string[] = []
  for (const path of files('src')) {
    if (['src/engine/ports.ts', 'src/threads/ports.ts'].includes(path) || path.startsWith('src/main/')) continue
    walk(parse(path), (node) => isAmbient(node) && found.push(`${place(node)} ${node.parent.getText().slice(0, 60)}`))
    for (const { to, at } of imports(path)) if (modules.test(to)) found.push(`${at} ${to}`)
  }
  expect(found).toEqual([])
})
