/** Readings of the syntax: what an expression is to those around it, and what may be done with it. */
import ts from 'typescript'

const SYNTAX = ts.SyntaxKind

export const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()

export function isTypeOnly(node: ts.Node): boolean {
  return (
    ts.isTypeNode(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isImportDeclaration(node) ||
    ts.isExportDeclaration(node) ||
    ts.isTypeParameterDeclaration(node)
  )
}

/** The part of a node that is a name and no expression. */
export function nameOf(node: ts.Node): ts.Node | undefined {
  if (ts.isBindingElement(node)) return node.propertyName
  return (node as { name?: ts.Node }).name
}

/** Whether an expression may stand in brackets behind a question: not what is assigned to, called, or part of a chain. */
export function mayBeWrapped(node: ts.Expression): boolean {
  const { parent } = node
  if (ts.isExpressionWithTypeArguments(node) || ts.isExpressionStatement(parent)) return false
  if (ts.isBinaryExpression(parent) && parent.left === node && isAssignment(parent.operatorToken.kind)) return false
  if (ts.isPrefixUnaryExpression(parent) || ts.isPostfixUnaryExpression(parent)) {
    const { operator } = parent
    if (operator === SYNTAX.PlusPlusToken || operator === SYNTAX.MinusMinusToken) return false
    if (operator === SYNTAX.MinusToken && ts.isNumericLiteral(node)) return false
  }
  if (ts.isDeleteExpression(parent)) return false
  const inner = (parent as { expression?: ts.Node }).expression === node
  if (inner && (ts.isPropertyAccessExpression(parent) || ts.isElementAccessExpression(parent)))
    return !ts.isOptionalChain(parent) && !ts.isPropertyAccessExpression(node) && !ts.isIdentifier(node)
  if (inner && ts.isCallExpression(parent)) return false
  if (inner && ts.isNonNullExpression(parent)) return false
  if ((ts.isShorthandPropertyAssignment(parent) && parent.name === node) || ts.isParameter(parent)) {
    return ts.isParameter(parent) && parent.initializer === node
  }
  return !(ts.isForOfStatement(parent) && parent.initializer === node)
}

const isAssignment = (kind: ts.SyntaxKind): boolean => kind >= SYNTAX.FirstAssignment && kind <= SYNTAX.LastAssignment

/** Whether a node is the condition of an `if`, a loop or a choice. */
export function isConditionOf(parent: ts.Node, node: ts.Node): boolean {
  if (ts.isIfStatement(parent) || ts.isWhileStatement(parent) || ts.isDoStatement(parent))
    return parent.expression === node
  if (ts.isForStatement(parent) || ts.isConditionalExpression(parent)) return parent.condition === node
  return false
}

/** Whether an expression is a condition or, by `&&`, `||` and `!`, a part of one. */
export function decides(node: ts.Node): boolean {
  const { parent } = node
  if (isConditionOf(parent, node)) return true
  if (ts.isParenthesizedExpression(parent)) return decides(parent)
  if (ts.isPrefixUnaryExpression(parent)) return parent.operator === SYNTAX.ExclamationToken && decides(parent)
  const { AmpersandAmpersandToken: and, BarBarToken: or } = SYNTAX
  return (
    ts.isBinaryExpression(parent) &&
    (parent.operatorToken.kind === and || parent.operatorToken.kind === or) &&
    decides(parent)
  )
}

/** A call that is made for what it returns, or only returned in passing: the mutant leaves it out. */
export function isStandsForResult(node: ts.Expression): boolean {
  return (
    ts.isCallExpression(node) &&
    ((ts.isReturnStatement(node.parent) && node.parent.expression === node) ||
      (ts.isArrowFunction(node.parent) && node.parent.body === node))
  )
}

export function isOutermostOfChain(node: ts.Expression): boolean {
  return ts.isOptionalChain(node) && !(ts.isOptionalChain(node.parent) && node.parent.expression === node)
}

/** The question marks of a chain, outermost first. */
export function questionsOf(node: ts.Node): ts.Node[] {
  const found: ts.Node[] = []
  for (let at: ts.Node = node; ts.isOptionalChain(at); at = at.expression) {
    const { questionDotToken } = at as { readonly questionDotToken?: ts.Node }
    if (questionDotToken !== undefined) found.push(questionDotToken)
  }
  return found
}

/** A comparison: a number in it is changed as part of it, so that it can be seen whether that matters. */
export function isCompared(node: ts.Node): node is ts.BinaryExpression {
  return ts.isBinaryExpression(node) && /^([!=]==|[<>]=?)$/.test(node.operatorToken.getText())
}

export function isComparedRight(node: ts.Expression): boolean {
  return isCompared(node.parent) && node.parent.right === node
}

export function number({ text, parent }: ts.NumericLiteral): string[] {
  if (ts.isPropertyAssignment(parent) && parent.name.getText() === text) return []
  const value = Number(text.replaceAll('_', ''))
  return value === 1 ? ['0', '2'] : [String(value + 1)]
}

/** A word is a value of the program; what has blanks in it is a text for people. */
export function string({ text, parent }: ts.StringLiteral): string[] {
  if (text !== '' && !/^[\w$-]+$/.test(text)) return []
  if (ts.isBinaryExpression(parent) && /^[!=]==$/.test(parent.operatorToken.getText())) return []
  return [text === '' ? `'mutant'` : `''`]
}

export const isConstant = (text: string): boolean => text === 'true' || text === 'false'

/** Calls that change nothing. */
const STILL = [
  'min',
  'max',
  'round',
  'floor',
  'ceil',
  'includes',
  'has',
  'get',
  'indexOf',
  'startsWith',
  'opens',
  'filter',
]
/** Properties that are made when they are asked for. */
const MADE = ['pausing', 'signal']

/** Whether an expression may be evaluated once more than the program does, to see what a mutant makes of it. */
export function isStill(node: ts.Node): boolean {
  if (ts.isFunctionLike(node) || ts.isTypeNode(node)) return true
  if (ts.isCallExpression(node)) {
    const { expression } = node
    if (!ts.isPropertyAccessExpression(expression) || !STILL.includes(expression.name.text)) return false
  }
  if (ts.isPropertyAccessExpression(node) && MADE.includes(node.name.text)) return false
  if (ts.isNewExpression(node) || ts.isAwaitExpression(node) || ts.isYieldExpression(node)) return false
  if (ts.isBinaryExpression(node) && isAssignment(node.operatorToken.kind)) return false
  if (ts.isPostfixUnaryExpression(node) || ts.isDeleteExpression(node)) return false
  if (ts.isPrefixUnaryExpression(node) && /^(\+\+|--)/.test(node.getText())) return false
  return node.forEachChild((child) => (isStill(child) ? undefined : true)) === undefined
}

/** A statement that is all that an `if` does: to make the condition false says the same. */
export function isAllOfAnIf(node: ts.Statement): boolean {
  const block = ts.isBlock(node.parent) && node.parent.statements.length === 1 ? node.parent : node
  return ts.isIfStatement(block.parent) && block.parent.thenStatement === block && !block.parent.elseStatement
}

export function isLastOfFunction(node: ts.Statement): boolean {
  const { parent } = node
  return ts.isBlock(parent) && parent.statements.at(-1) === node && ts.isFunctionLike(parent.parent)
}

function isConstantOfFile(node: ts.Node): node is ts.VariableDeclaration {
  return ts.isVariableDeclaration(node) && ts.isSourceFile(node.parent.parent.parent)
}

export function placeOf(node: ts.Node): string {
  const names: string[] = []
  for (let at: ts.Node | undefined = node; at !== undefined; at = at.parent) {
    if (ts.isClassLike(at) || ts.isFunctionDeclaration(at) || ts.isClassElement(at) || isConstantOfFile(at))
      names.unshift(at.name?.getText() ?? 'constructor')
  }
  return names.join('.')
}
