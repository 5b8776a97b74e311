/** The README keeps its word: it is short, its links lead somewhere, its programs compile, run and print what it says. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import ts from 'typescript'
import { afterAll, describe, expect, it } from 'vitest'
import { read, root, run } from '../support/house.js'
import { anchors, blocks, links } from '../support/house-readme.js'

const page = read('README.md')
const folder = mkdtempSync(join(root, 'test/docs/.blocks-'))
const programs = blocks(page)
  .filter(({ language }) => language === 'ts')
  .map((block) => ({ ...block, file: join(folder, `line-${block.line}.ts`), isRun: !block.info.includes('no-run') }))
for (const { file, code } of programs) writeFileSync(file, `${code}\nexport {}\n`)
afterAll(() => rmSync(folder, { recursive: true }))

describe('README', () => {
  it('is there, and has at most 250 lines', () => {
    expect(page).not.toBe('')
    expect(page.split('\n').length - 1).toBeLessThanOrEqual(250)
  })

  it.each(['README.md', 'src/lifecycle.md'])('the relative links of %s lead to a file and a heading', (from) => {
    const dead = links(read(from)).filter((link) => {
      const [path = '', anchor] = link.split('#')
      const target = path ? posix.join(dirname(from), path) : from
      return (
        !existsSync(join(root, target)) || (anchor && target.endsWith('.md') && !anchors(read(target)).includes(anchor))
      )
    })
    expect(dead).toEqual([])
  })

  it('its ts blocks compile', () => {
    const { options } = ts.convertCompilerOptionsFromJson(JSON.parse(read('tsconfig.json')).compilerOptions, root)
    const program = ts.createProgram(
      programs.map(({ file }) => file),
      { ...options, isolatedDeclarations: false, declaration: false },
    )
    const errors = programs.flatMap(({ file, line }) => {
      const source = program.getSourceFile(file)
      return ts.getPreEmitDiagnostics(program, source).map(({ start = 0, messageText }) => {
        const at = line + (source?.getLineAndCharacterOfPosition(start).line ?? 0) + 1
        return `README.md:${at} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
      })
    })
    expect(errors).toEqual([])
  }, 30_000)

  for (const { file, line, prints, isRun } of programs) {
    it.runIf(isRun)(
      `the program at line ${line} runs${prints ? ' and prints what it says' : ''}`,
      async () => {
        const { code, stdout, stderr } = await run(file)
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
        if (prints) expect(stdout.trim()).toBe(prints.trim())
      },
      30_000,
    )
  }
})
