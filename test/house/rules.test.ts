/** The rules page, the code and the tests name the same rules, and the page leads to the tests. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, it } from 'vitest'
import { files, parse, read, root, walk } from '../support/house.js'

const page = read('src/lifecycle.md')
const numbers = (text: string): string[] => text.match(/\bR\d+\b/g) ?? []
const rulesOf = (text: string): string[] => [...text.matchAll(/^\*\*(R\d+)\*\*/gm)].map(([, rule = '']) => rule)
const rules = rulesOf(page)
const tests = files('test', '.test.ts').filter((path) => !path.startsWith('test/house/'))

/** The rules that a test file names in titles: strings that begin with a rule (`R12 …`, `R12, R14: …`). */
const named = new Map(
  tests.map((path) => {
    const found: string[] = []
    walk(parse(path), (node) => {
      const text = ts.isStringLiteralLike(node) || ts.isTemplateHead(node) ? node.text : ''
      if (/^R\d/.test(text)) found.push(...numbers(text))
    })
    return [path, found] as const
  }),
)

it('the page holds the rules R1 to R51, in order', () => {
  expect(rules).toEqual(Array.from({ length: 51 }, (_, i) => `R${i + 1}`))
})

it('every rule is named in the title of a test', () => {
  const all = new Set([...named.values()].flat())
  expect(rules.filter((rule) => !all.has(rule))).toEqual([])
})

it('nobody names a rule that does not exist', () => {
  const texts = ['README.md', 'src/lifecycle.md', ...files('src'), ...tests, ...files('examples')]
  const unknown = texts.flatMap((path) =>
    numbers(read(path)).flatMap((rule) => (rules.includes(rule) ? [] : [`${path}: ${rule}`])),
  )
  expect(unknown).toEqual([])
})

it('each section of the page links tests that name its rules', () => {
  const unlinked = page.split(/^## /m).flatMap((section) => {
    const linked = [...section.matchAll(/\]\(\.\.\/(test\/[^)#]+\.test\.ts)[^)]*\)/g)].map(([, path = '']) => path)
    const missing = linked.filter((path) => !existsSync(join(root, path))).map((path) => `no file ${path}`)
    const known = new Set(linked.flatMap((path) => named.get(path) ?? []))
    return [...missing, ...rulesOf(section).filter((rule) => !known.has(rule))]
  })
  expect(unlinked).toEqual([])
})
