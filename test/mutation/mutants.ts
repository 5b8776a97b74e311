/**
 * Makes the mutants of one source file: every place where a plausible slip changes what the code does. They all live in
 * one text, each behind a question whether it is the one that is switched on, so that nothing is built per mutant.
 * Knows TypeScript, not keelson. Types, imports and texts for people are left alone.
 */
import ts from 'typescript'
import {
  decides,
  isAllOfAnIf,
  isCompared,
  isComparedRight,
  isConditionOf,
  isConstant,
  isLastOfFunction,
  isOutermostOfChain,
  isStandsForResult,
  isStill,
  isTypeOnly,
  mayBeWrapped,
  nameOf,
  number,
  oneLine,
  placeOf,
  questionsOf,
  string,
} from './syntax.js'

/** One slip, and what the line is without and with it: that is how it is known, wherever it moves. */
export interface Mutant {
  readonly file: string
  /** The class, method or function that it is in. */
  readonly place: string
  readonly line: number
  readonly was: string
  readonly is: string
}

/** The text with all of its mutants in it: `$mutant === n` switches on the mutant of the number n. */
export interface Mutated {
  readonly mutants: readonly Mutant[]
  readonly text: string
  /**
   * The same text, in which every mutant says when it would matter: `$hit(n)` when it is reached, or where a value can be
   * had without effect, `$differ` when the mutant's is another one.
   */
  readonly probe: string
}

/** Puts a call into every loop of a text, for the bound of what never ends. */
export function ticking(path: string, text: string): string {
  return new Instrument(path, text, 0).ticking()
}

/** Makes all the mutants of a file; the first one has the number `from`. */
export function mutate(path: string, text: string, from: number): Mutated {
  return new Instrument(path, text, from).mutated()
}

interface Insertion {
  readonly at: number
  readonly depth: number
  readonly opens: boolean
  readonly text: string
  readonly probe: string
}

const SYNTAX = ts.SyntaxKind
const BINARY: Readonly<Record<string, readonly string[]>> = {
  '<': ['<='],
  '<=': ['<'],
  '>': ['>='],
  '>=': ['>'],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '**': ['*'],
  '&': ['|'],
  '|': ['&'],
  '^': ['&'],
  '<<': ['>>'],
  '===': ['!=='],
  '!==': ['==='],
  '+=': ['-='],
  '-=': ['+='],
  '|=': ['&='],
  '&=': ['|='],
  '??=': ['='],
}
const METHODS: Readonly<Record<string, string>> = {
  min: 'max',
  max: 'min',
  some: 'every',
  every: 'some',
  find: 'findLast',
  push: 'unshift',
  pop: 'shift',
  round: 'floor',
  floor: 'ceil',
  ceil: 'floor',
  startsWith: 'endsWith',
}
/** Calls that give back what they were called on, more or less: the mutant leaves them out. */
const DROPPED = ['filter', 'slice', 'sort', 'toSorted', 'reverse', 'toReversed', 'trim', 'flat']

class Instrument {
  readonly #path: string
  readonly #text: string
  readonly #source: ts.SourceFile
  readonly #from: number
  readonly #mutants: Mutant[] = []
  readonly #insertions: Insertion[] = []
  /** Per expression the mutants in it, each with what it would be. */
  readonly #compared = new Map<ts.Node, string>()

  constructor(path: string, text: string, from: number) {
    this.#path = path
    this.#text = text
    this.#from = from
    this.#source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true, ts.ScriptKind.TS)
  }

  mutated(): Mutated {
    this.#visit(this.#source, 0, true)
    return { mutants: this.#mutants, text: this.#print('text'), probe: this.#print('probe') }
  }

  ticking(): string {
    this.#visit(this.#source, 0, false)
    return this.#print('text')
  }

  #visit(node: ts.Node, depth: number, mutates: boolean): void {
    if (isTypeOnly(node)) return
    if (mutates && ts.isStatement(node)) this.#statement(node, depth)
    if (ts.isIterationStatement(node, false)) {
      const { statement } = node
      this.#around(statement, depth + 1, ['{$tick();', '}'])
    }
    node.forEachChild((child) => {
      if (child !== nameOf(node)) this.#visit(child, depth + 2, mutates)
    })
    if (mutates && ts.isExpression(node) && mayBeWrapped(node)) this.#expression(node, depth)
  }

  #statement(node: ts.Statement, depth: number): void {
    const removable =
      ts.isExpressionStatement(node) ||
      ts.isForOfStatement(node) ||
      ((ts.isReturnStatement(node) || ts.isBreakOrContinueStatement(node) || ts.isThrowStatement(node)) &&
        !isLastOfFunction(node))
    if (!removable || isAllOfAnIf(node)) return
    const n = this.#add(node, '')
    this.#around(node, depth, [`{if($mutant!==${n}){`, '}}'], [`{${this.#difference(node)}$hit(${n});{`, '}}'])
  }

  /** Called after the same for all that is in it. */
  #expression(node: ts.Expression, depth: number): void {
    const own = this.#textOf(node)
    const whole = this.#wholeOf(node)
    let open = ''
    let hits = ''
    for (const other of new Set(this.#alternatives(node))) {
      if (other === own) continue
      const n = this.#add(node, other)
      open += `$mutant===${n}?(${other}):`
      if (isConstant(other) || isStill(node)) this.#compare(whole, node, n, other)
      else hits += `$hit(${n}),`
    }
    const compared = this.#compared.get(node)
    if (open === '' && compared === undefined) return
    const [begin, end] = compared ? [`$differ(${decides(node)},(`, `)${compared})`] : ['(', ')']
    this.#around(node, depth, open === '' ? ['(', ')'] : [`(${open}(`, '))'], [`(${hits}${begin}`, `${end})`])
  }

  /** The mutant matters when it changes the value of the whole of which it is a part. */
  #compare(whole: ts.Expression, node: ts.Expression, n: number, other: string): void {
    const start = whole.getStart(this.#source)
    const before = this.#text.slice(start, node.getStart(this.#source))
    const text = `${before}(${other})${this.#text.slice(node.end, whole.end)}`
    this.#compared.set(whole, `${this.#compared.get(whole) ?? ''},${n},()=>(${text})`)
  }

  /** The largest expression around one that may be evaluated once more. */
  #wholeOf(node: ts.Expression): ts.Expression {
    let whole = node
    for (let at: ts.Node = node.parent; ts.isExpression(at) && !ts.isFunctionLike(at); at = at.parent) {
      if (!isStill(at)) break
      if (mayBeWrapped(at)) whole = at
    }
    return whole
  }

  /** Before a plain assignment is left out: whether it would change anything. */
  #difference(node: ts.Statement): string {
    if (!ts.isExpressionStatement(node) || !ts.isBinaryExpression(node.expression)) return ''
    const { left, operatorToken, right } = node.expression
    if (operatorToken.kind !== SYNTAX.EqualsToken || !isStill(left) || !isStill(right)) return ''
    return `if(!Object.is(${this.#textOf(left)},${this.#textOf(right)}))`
  }

  /** What may stand in the place of an expression. */
  #alternatives(node: ts.Expression): string[] {
    const text = this.#textOf(node)
    const found: string[] = []
    if (isConditionOf(node.parent, node)) {
      if (!ts.isIterationStatement(node.parent, false)) found.push('true')
      found.push('false')
    }
    if (isStandsForResult(node)) found.push('undefined')
    if (ts.isBinaryExpression(node)) found.push(...this.#binary(node))
    else if (ts.isPrefixUnaryExpression(node)) {
      const operand = this.#textOf(node.operand)
      if (node.operator === SYNTAX.ExclamationToken && !decides(node)) found.push(operand)
      else if (node.operator === SYNTAX.MinusToken) found.push(operand, '0')
      else if (node.operator === SYNTAX.PlusPlusToken) found.push(`--${operand}`)
      else if (node.operator === SYNTAX.MinusMinusToken) found.push(`++${operand}`)
    } else if (ts.isPostfixUnaryExpression(node)) {
      const operand = this.#textOf(node.operand)
      found.push(node.operator === SYNTAX.PlusPlusToken ? `${operand}--` : `${operand}++`)
    } else if (ts.isNumericLiteral(node)) found.push(...(isComparedRight(node) ? [] : number(node)))
    else if (node.kind === SYNTAX.TrueKeyword) found.push('false')
    else if (node.kind === SYNTAX.FalseKeyword) found.push('true')
    else if (ts.isIdentifier(node) && node.text === 'Infinity') found.push('0')
    else if (ts.isStringLiteral(node)) found.push(...string(node))
    else if (ts.isArrayLiteralExpression(node) && node.elements.length > 0) found.push('[]')
    else if (ts.isCallExpression(node)) found.push(...this.#call(node))
    if (isOutermostOfChain(node)) for (const at of questionsOf(node)) found.push(this.#without(node, text, at))
    return found
  }

  #binary(node: ts.BinaryExpression): string[] {
    const operator = node.operatorToken.getText(this.#source)
    const [left, right] = [this.#textOf(node.left), this.#textOf(node.right)]
    if (operator === '&&' || operator === '||' || operator === '??') return [left, right]
    if (operator === '=')
      return ts.isBinaryExpression(node.right) && node.right.operatorToken.kind === SYNTAX.EqualsToken
        ? [right, `${left} = ${this.#textOf(node.right.right)}`]
        : []
    const numbers = isCompared(node) && ts.isNumericLiteral(node.right) ? number(node.right) : []
    const compared = numbers.map((other) => `${left} ${operator} ${other}`)
    // To turn an (in)equality round says no more than to make the condition it is in true, and false.
    if ((operator === '===' || operator === '!==') && decides(node)) return compared
    return [...(BINARY[operator] ?? []).map((other) => `${left} ${other} ${right}`), ...compared]
  }

  #call(node: ts.CallExpression): string[] {
    const { expression } = node
    if (!ts.isPropertyAccessExpression(expression)) return []
    const { name } = expression
    if (DROPPED.includes(name.text)) return [this.#textOf(expression.expression)]
    const other = Object.hasOwn(METHODS, name.text) ? METHODS[name.text] : undefined
    if (other === undefined) return []
    const start = node.getStart(this.#source)
    const text = this.#textOf(node)
    return [text.slice(0, name.getStart(this.#source) - start) + other + text.slice(name.end - start)]
  }

  /** The text of a chain without one of its question marks. */
  #without(node: ts.Node, text: string, token: ts.Node): string {
    const at = token.getStart(this.#source) - node.getStart(this.#source)
    const rest = text.slice(at + 2)
    return text.slice(0, at) + (/^[([]/.test(rest) ? '' : '.') + rest
  }

  #add(node: ts.Node, other: string): number {
    const start = node.getStart(this.#source)
    const from = this.#text.lastIndexOf('\n', start - 1) + 1
    const to = this.#text.indexOf('\n', node.end)
    const end = to < 0 ? this.#text.length : to
    const was = this.#text.slice(from, end)
    const is = this.#text.slice(from, start) + other + this.#text.slice(node.end, end)
    const line = this.#source.getLineAndCharacterOfPosition(start).line + 1
    this.#mutants.push({ file: this.#path, place: placeOf(node), line, was: oneLine(was), is: oneLine(is) })
    return this.#from + this.#mutants.length - 1
  }

  #around(
    node: ts.Node,
    depth: number,
    text: readonly [string, string],
    probe: readonly [string, string] = text,
  ): void {
    const at = node.getStart(this.#source)
    this.#insertions.push({ at, depth, opens: true, text: text[0], probe: probe[0] })
    this.#insertions.push({ at: node.end, depth, opens: false, text: text[1], probe: probe[1] })
  }

  #print(kind: 'text' | 'probe'): string {
    const order = (a: Insertion, b: Insertion): number => {
      if (a.at !== b.at) return a.at - b.at
      if (a.opens !== b.opens) return a.opens ? 1 : -1 // what ends here, ends before anything begins
      return a.opens ? a.depth - b.depth : b.depth - a.depth
    }
    let out = ''
    let at = 0
    for (const insertion of this.#insertions.sort(order)) {
      out += this.#text.slice(at, insertion.at) + insertion[kind]
      at = insertion.at
    }
    return out + this.#text.slice(at)
  }

  #textOf(node: ts.Node): string {
    return this.#text.slice(node.getStart(this.#source), node.end)
  }
}
