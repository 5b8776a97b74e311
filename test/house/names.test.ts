/** Whatever a door exports says what the caller gets: each name, and each member of its classes and interfaces. */
import ts from 'typescript'
import { expect, it } from 'vitest'
import { doors, place, read, root } from '../support/house.js'

it('every public name and member has a docstring', () => {
  const { options } = ts.convertCompilerOptionsFromJson(JSON.parse(read('tsconfig.json')).compilerOptions, root)
  const program = ts.createProgram(
    doors.map(({ source }) => root + source),
    options,
  )
  const checker = program.getTypeChecker()
  const undocumented = new Set<string>()

  const look = (symbol: ts.Symbol, label: string): void => {
    const own = (symbol.declarations ?? []).filter((node) => node.getSourceFile().fileName.startsWith(`${root}src/`))
    if (own.length > 0 && symbol.getDocumentationComment(checker).length === 0) {
      undocumented.add(`${label} (${place(own[0] as ts.Node).slice(root.length)})`)
    }
    for (const node of own) {
      if (!ts.isClassDeclaration(node) && !ts.isInterfaceDeclaration(node)) continue
      for (const member of node.members) {
        const hidden = ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private
        if (hidden || !member.name || ts.isPrivateIdentifier(member.name)) continue
        const inner = checker.getSymbolAtLocation(member.name)
        if (inner) look(inner, `${label}.${member.name.getText()}`)
      }
    }
  }

  for (const { source, name } of doors) {
    const file = program.getSourceFile(root + source)
    const door = file && checker.getSymbolAtLocation(file)
    expect(door, `${source} exports something`).toBeDefined()
    for (const symbol of door ? checker.getExportsOfModule(door) : []) {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
      look(target, `${name} ${symbol.name}`)
    }
  }
  expect([...undocumented]).toEqual([])
}, 30_000)
