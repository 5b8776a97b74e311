/**
 * What the house checks look at: the files of this tree, each read and parsed once,
 * and programs run in a child process. It knows nothing of the library itself.
 */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))

/** The text of a file of this tree; `''` when there is none, so that a check reports what is missing. */
export const read = (path: string): string =>
  existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : ''

/** The files under a folder that end in `suffix`, as sorted paths from the root. */
export function files(folder: string, suffix = '.ts'): string[] {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((path) => posix.join(folder, path.replaceAll('\\', '/')))
    .filter((path) => path.endsWith(suffix) && !/\/\.|node_modules/.test(path))
    .sort()
}

const parsed = new Map<string, ts.SourceFile>()

/** The syntax tree of a file, with parents set. */
export function parse(path: string): ts.SourceFile {
  const known = parsed.get(path) ?? ts.createSourceFile(path, read(path), ts.ScriptTarget.ES2022, true)
  parsed.set(path, known)
  return known
}

/** Calls `visit` for each node below `node`, in source order. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  ts.forEachChild(node, (child) => walk(child, visit))
}

/** `path:line` of a node, as an editor opens it. */
export function place(node: ts.Node): string {
  const file = node.getSourceFile()
  return `${file.fileName}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`
}

/** What a file imports or re-exports, types and `import()` included: a path of this tree, or the bare specifier. */
export function imports(path: string): { to: string; at: string }[] {
  const found: { to: string; at: string }[] = []
  walk(parse(path), (node) => {
    const from =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
          ? node.argument.literal
          : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
            ? node.arguments[0]
            : undefined
    if (!from || !ts.isStringLiteral(from)) return
    const to = from.text.startsWith('.') ? posix.join(dirname(path), from.text).replace(/\.js$/, '.ts') : from.text
    found.push({ to, at: place(node) })
  })
  return found
}

/** The files reached from `entry` through imports, itself included, and the outside packages on the way. */
export function reach(entry: string, seen: Set<string> = new Set()): Set<string> {
  if (seen.has(entry)) return seen
  seen.add(entry)
  if (entry.endsWith('.ts')) for (const { to } of imports(entry)) reach(to, seen)
  return seen
}

/** The doors, from `exports` of package.json: sub-path, name to import, source file, built file. */
export const doors: { subpath: string; name: string; source: string; built: string }[] = Object.entries(
  JSON.parse(read('package.json')).exports as Record<string, string | { default: string }>,
).flatMap(([subpath, target]) => {
  if (typeof target === 'string') return []
  const built = target.default.slice('./'.length)
  const source = built.replace(/^dist/, 'src').replace(/js$/, 'ts')
  return [{ subpath, name: posix.join('keelson', subpath), source, built }]
})

/** Runs a TypeScript program of this tree in a child process; resolves whatever its exit code. */
export function run(...args: string[]): Promise<{ code: number | string; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', FORCE_COLOR: undefined }
    const options = { cwd: root, timeout: 25_000, env }
    const child = execFile(process.execPath, ['--import', 'tsx', ...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? (error.code ?? error.signal ?? 'killed') : 0, stdout, stderr }),
    )
    child.stdin?.end()
  })
}
