/** The list of error codes is closed: the page, the type, the code and the tests agree on it (R50). */
import ts from 'typescript'
import { expect, it } from 'vitest'
import { files, parse, read, walk } from '../support/house.js'

const isCode = (text: string): boolean => /^[A-Z]+(_[A-Z]+)*$/.test(text)

function literals(node: ts.Node): string[] {
  const found: string[] = []
  walk(node, (inner) => ts.isStringLiteralLike(inner) && isCode(inner.text) && found.push(inner.text))
  return found
}

/** The string literals of whatever src/errors.ts declares under a name with "code" in it. */
const declared = parse('src/errors.ts').statements.flatMap((statement) => {
  const named = ts.isVariableStatement(statement)
    ? statement.declarationList.declarations[0]?.name
    : 'name' in statement && statement.name
  return named && /code/i.test((named as ts.Node).getText()) ? literals(statement) : []
})
const codes = [...new Set(declared)].sort()

it('src/errors.ts declares the codes that the rules page lists', () => {
  const section =
    read('src/lifecycle.md')
      .split(/^## /m)
      .find((text) => /^\d+\. Errors/.test(text)) ?? ''
  const list = section.slice(section.indexOf('('), section.indexOf('**R50**'))
  const listed = [...list.matchAll(/`(\w+)`/g)].map(([, code = '']) => code).filter(isCode)
  expect(codes).toEqual(listed.sort())
  expect(codes).not.toEqual([])
})

it('every code is used outside src/errors.ts', () => {
  const used = new Set(
    files('src')
      .filter((path) => path !== 'src/errors.ts')
      .flatMap((path) => literals(parse(path))),
  )
  expect(codes.filter((code) => !used.has(code))).toEqual([])
})

it('every code is named in a test', () => {
  const tests = files('test', '.test.ts')
    .filter((path) => !path.startsWith('test/house/'))
    .map(read)
    .join('\n')
  expect(codes.filter((code) => !new RegExp(`\\b${code}\\b`).test(tests))).toEqual([])
})
