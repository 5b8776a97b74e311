/** The form of the tree: what may lie at the top, and how long a file may be. */
import { readdirSync } from 'node:fs'
import { expect, it } from 'vitest'
import { files, read, root } from '../support/house.js'

it('the top level holds what it must and nothing else but dot files', () => {
  const must = [
    'LICENSE',
    'README.md',
    'examples',
    'package-lock.json',
    'package.json',
    'src',
    'test',
    'tsconfig.json',
    'tsup.config.ts',
  ]
  const ignored = read('.gitignore').split('\n')
  const found = readdirSync(root).filter(
    (name) => !name.startsWith('.') && !ignored.some((line) => line === name || line === `${name}/`),
  )
  expect(found.filter((name) => !name.endsWith('.tgz')).sort()).toEqual(must)
})

it('no file is longer than 400 lines', () => {
  const long = ['src', 'test', 'examples', '.ci', '.config'].flatMap((folder) =>
    ['.ts', '.mjs', '.js', '.sql']
      .flatMap((suffix) => files(folder, suffix))
      .flatMap((path) => {
        const lines = read(path).split('\n').length - 1
        return lines > 400 && !path.startsWith('test/data/') ? [`${path}: ${lines}`] : []
      }),
  )
  expect(long).toEqual([])
})

it('the lock file names no registry', () => {
  expect(read('package-lock.json')).not.toContain('"resolved"')
})
