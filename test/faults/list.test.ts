/** Every named fault has its scenarios, in one of the files beside this one or, where it is dear, where it was played before. */
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { FAULTS } from '../support/faults-list.js'
import { files, parse, read, walk } from '../support/house.js'

/** The names that the files beside this one give to `fault()`. */
const played = new Set(
  files('test/faults', '.test.ts').flatMap((path) => {
    const names: string[] = []
    walk(parse(path), (node) => {
      if (!ts.isCallExpression(node) || node.expression.getText() !== 'fault') return
      const [name] = node.arguments
      if (name && ts.isStringLiteralLike(name)) names.push(name.text)
    })
    return names
  }),
)

it('each of them is played, and what is not played here is named here', () => {
  expect(FAULTS.filter((name) => !played.has(name))).toEqual(['chain of 100 000'])
})

describe('chain of 100 000', () => {
  it('R12 R44 it starts from its root and stops from its tip: test/laws/04-dependencies-order.test.ts', () => {
    const title = 'R12 R44 a chain of a hundred thousand starts from its root and stops from its tip'
    expect(read('test/laws/04-dependencies-order.test.ts')).toContain(`it('${title}'`)
  })
})
