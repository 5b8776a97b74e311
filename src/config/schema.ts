// Validation by a Standard Schema: all issues in one error, each with its path, its value and where that came from.
// Where only the schema can tell what the text of a variable becomes, it is asked with one reading after the other.
// Written once for schemas that answer at once and for those that take their time: a generator that either drives.

import { KeelsonError } from '../index.js'
import { type Guess, type Origin, originKey, put } from './environment.js'
import type { InferOutput, SchemaIssue, SchemaResult, StandardSchema } from './standard-schema.js'
import {
  type ConfigValue,
  copy,
  type Draft,
  freeze,
  line,
  lookup,
  pathText,
  refused,
  saidBy,
  sealed,
  show,
  shown,
  unquoted,
} from './tree.js'

/** One thing that a schema found wrong; a `CONFIG_INVALID` of a schema has the list of them as its `report`. */
export interface ConfigIssue {
  /** Where, keys with dots between them; empty for the whole. */
  readonly path: string
  /** What the schema says. */
  readonly message: string
  /** The environment variable that the value came from; absent if it stands in the file. */
  readonly variable?: string
}

/** How many issues a message lists; the report has them all. */
const LISTED = 50

export type Step = SchemaResult<unknown> | Promise<SchemaResult<unknown>>

/** A tree as a schema has accepted it. */
export interface Accepted {
  readonly tree: ConfigValue
  readonly value: unknown
}

/** Asks the schema about the draft; of several readings of a variable the first that it has least to say against. */
export function* accept(
  subject: string,
  schema: StandardSchema,
  draft: Draft,
  guesses: readonly Guess[],
  origins: ReadonlyMap<string, Origin>,
): Generator<Step, Accepted, SchemaResult<unknown>> {
  const choice = guesses.map(() => 0)
  let best: { tree: Draft; result: SchemaResult<unknown>; count: number } | undefined
  for (;;) {
    const tree = freeze(copy(subject, draft))
    const result = yield ask(subject, schema, tree)
    const count = result.issues?.length ?? 0
    if (best === undefined || count < best.count) best = { tree, result, count }
    if (count === 0 || !another(draft, guesses, choice, result.issues ?? [])) break
  }
  const { tree, result } = best
  if (result.issues) throw failure(subject, tree, result.issues, origins)
  return { tree, value: result.value === tree ? tree : sealed(result.value) }
}

/** Takes the next reading of every variable that an issue may be about; `false` if there is none left. */
function another(draft: Draft, guesses: readonly Guess[], choice: number[], issues: readonly SchemaIssue[]): boolean {
  const paths = issues.map(keysOfIssue)
  let isChanged = false
  for (const [index, { keys, candidates }] of guesses.entries()) {
    const next = (choice[index] ?? 0) + 1
    const isMeant = paths.some((path) => path.every((key, at) => at >= keys.length || String(key) === keys[at]))
    if (!isMeant || next >= candidates.length) continue
    choice[index] = next
    put(draft, keys, candidates[next] as ConfigValue)
    isChanged = true
  }
  return isChanged
}

function ask(subject: string, schema: StandardSchema, tree: unknown): Step {
  const wrap = (error: unknown): KeelsonError =>
    refused(subject, `the schema threw: ${saidBy(error)}; correct the schema`, { cause: error })
  try {
    const answer = schema['~standard'].validate(tree)
    return isPromise(answer) ? answer.then(undefined, (error) => Promise.reject(wrap(error))) : answer
  } catch (error) {
    throw wrap(error)
  }
}

const keysOfIssue = ({ path = [] }: SchemaIssue): PropertyKey[] =>
  path.map((part) => (typeof part === 'object' ? part.key : part))

function failure(
  subject: string,
  tree: ConfigValue,
  found: readonly SchemaIssue[],
  origins: ReadonlyMap<string, Origin>,
): KeelsonError {
  const issues = found.map((issue): { says: string; issue: ConfigIssue } => {
    const keys = keysOfIssue(issue).map(String)
    const variable = origins.get(originKey(keys))?.variable
    const found = lookup(tree, keys)
    const value = shown(found, [...keys, variable])
    const what = unquoted(String(issue.message), found, value)
    const is = keys.length > 0 ? ` is ${value}` : ''
    const says = `${pathText(keys)}${is}${variable === undefined ? '' : ` (from ${line(variable, 100)})`} - ${line(what)}`
    return { says, issue: { path: keys.join('.'), message: what, ...(variable === undefined ? {} : { variable }) } }
  })
  const listed = issues.slice(0, LISTED).map(({ says }) => says)
  if (issues.length === 0) listed.push('the schema does not say what is wrong')
  if (issues.length > LISTED) listed.push(`and ${issues.length - LISTED} more`)
  const message = `${subject}: ${listed.join('; ')}; correct ${issues.length <= 1 ? 'it' : 'them'}`
  return new KeelsonError('CONFIG_INVALID', message, { report: freeze(issues.map(({ issue }) => issue)) })
}

const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof (Object(value) as { then?: unknown }).then === 'function'

/** Drives to the end what asks a schema that answers at once. */
export function atOnce<Result>(subject: string, asking: Generator<Step, Result, SchemaResult<unknown>>): Result {
  let step = asking.next()
  while (!step.done) {
    if (isPromise(step.value)) {
      step.value.then(undefined, () => {}) // nobody will look
      throw refused(subject, 'the schema answers later (it is asynchronous); use Config.load, which waits')
    }
    step = asking.next(checked(subject, step.value))
  }
  return step.value
}

/** Drives to the end what asks a schema that may take its time. */
export async function inTime<Result>(
  subject: string,
  asking: Generator<Step, Result, SchemaResult<unknown>>,
): Promise<Result> {
  let step = asking.next()
  while (!step.done) step = asking.next(checked(subject, await step.value))
  return step.value
}

function checked(subject: string, result: SchemaResult<unknown>): SchemaResult<unknown> {
  if (typeof result === 'object' && result !== null && ('value' in result || Array.isArray(result.issues)))
    return result
  const says = result === undefined ? 'nothing' : show(result)
  throw refused(subject, `the schema answered ${says}; pass one that follows Standard Schema`)
}

/**
 * Validates plain data by any Standard Schema; resolves to its typed output, frozen as far as it is plain. `subject`,
 * such as `descriptor db.json`, begins the message of an error.
 *
 * @throws `CONFIG_INVALID` with all issues, each with its path and the value found; its `report` lists them as data.
 */
export async function validate<Schema extends StandardSchema>(
  schema: Schema,
  data: unknown,
  subject: string,
): Promise<InferOutput<Schema>> {
  return (await inTime(subject, accept(subject, schema, copy(subject, data), [], new Map()))).value
}
