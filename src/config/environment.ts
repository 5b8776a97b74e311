// Environment variables laid over a tree: which key a variable means, and what its text becomes there.
// Takes the variables it is given, sorted, so that their order says nothing; what it cannot do it skips and tells.
// Does not read process.env: the caller passes it.

import type { Shape } from './shape.js'
import { type ConfigValue, child, type Draft, isObject, line, lookup, MAX_DEPTH, pathText, show } from './tree.js'

/** An override that was skipped, and why. */
export interface ConfigWarning {
  /** The variable, such as `APP_LINK_TIMEOUT`. */
  readonly variable: string
  /** The path that it means, as far as that is known. */
  readonly path: string
  /** For people: both, and what to do. */
  readonly message: string
}

/** Where a value that does not stand in the file came from. */
export interface Origin {
  readonly variable: string
  /** What the variable says. */
  readonly text: string
  /** Neither the file nor the schema says what type stands there: whoever reads it does. */
  readonly isFree: boolean
}

/** An override of which only the schema can tell what its text becomes: by trying. */
export interface Guess {
  readonly keys: readonly string[]
  /** What it may be, the likeliest first. */
  readonly candidates: readonly ConfigValue[]
}

/** What came of laying an environment over a tree. */
export interface Overlay {
  readonly origins: ReadonlyMap<string, Origin>
  readonly guesses: readonly Guess[]
  readonly warnings: readonly ConfigWarning[]
}

/** The variables with a prefix, by name: pairs of the part behind the prefix and the text. */
export type Variables = readonly (readonly [name: string, text: string])[]

/** The key of a path in `Overlay.origins`. */
export const originKey = (keys: readonly string[]): string => keys.join('\0')

/** Lays the variables, sorted by name, over the draft. */
export function overlay(subject: string, draft: Draft, shape: Shape, prefix: string, variables: Variables): Overlay {
  const origins = new Map<string, Origin>()
  const guesses: Guess[] = []
  const warnings: ConfigWarning[] = []
  for (const [name, text] of variables) {
    const meant = resolve(draft, shape, name.slice(prefix.length))
    const { keys } = meant
    const earlier = origins.get(originKey(keys))
    const refusal =
      meant.refusal ??
      (earlier ? `${pathText(keys)} is set by ${line(earlier.variable, 100)} already` : obstacle(draft, shape, keys))
    if (refusal !== undefined) {
      const message = `${subject}: the variable ${line(name, 100)} is skipped: ${refusal}; rename or unset it`
      warnings.push(Object.freeze({ variable: name, path: keys.join('.'), message }))
      continue
    }
    const declared = typesAt(lookup(draft, keys), at(shape, keys))
    const candidates = readings(text, declared)
    put(draft, keys, candidates[0] as ConfigValue)
    origins.set(originKey(keys), { variable: name, text, isFree: declared.size === 0 })
    if (candidates.length > 1) guesses.push({ keys, candidates })
  }
  return { origins, guesses, warnings }
}

/** How often it may be tried another way: a schema that contains itself could offer billions. */
type Tries = { left: number }

interface Meant {
  readonly keys: readonly string[]
  /** Whether every key of it is declared. */
  readonly isDeclared?: boolean
  readonly refusal?: string
}

/** The declared path that uses up the whole name, else the longest declared one with the rest of the name as new keys. */
function resolve(
  node: ConfigValue | undefined,
  shape: Shape,
  rest: string,
  depth: number = 0,
  tries: Tries = { left: 1_000 },
): Meant {
  const follow = (key: string, length: number): Meant => {
    if (length === rest.length) return { keys: [key], isDeclared: true }
    const inner = resolve(child(node, key), shape.child(key), rest.slice(length + 1), depth + 1, tries)
    return { ...inner, keys: [key, ...inner.keys] }
  }
  const keys = rest.toLowerCase().split('_')
  if (keys.length + depth > MAX_DEPTH) return { keys }
  let longest: Meant | undefined
  for (const { names, length } of matches(node, shape, rest)) {
    const [key = '', ...others] = names
    const meant =
      others.length > 0
        ? { keys: [key], refusal: `${names.map(show).join(' and ')} match it equally` }
        : follow(key, length)
    if (meant.isDeclared || --tries.left < 0) return meant
    longest ??= meant
  }
  if (longest) return longest
  if (keys.includes('')) return { keys: [], refusal: 'a part of its name is empty' }
  const [key = ''] = keys
  // A new key, below which the schema may declare something all the same.
  return keys.length === 1 ? { keys } : { ...follow(key, rest.split('_', 1)[0]!.length), isDeclared: false }
}

interface Match {
  /** More than one where they differ by case or punctuation only. */
  readonly names: readonly string[]
  /** How much of the name they use up. */
  readonly length: number
}

/** The declared keys with which a name may begin, the longest first; of equally long ones those spelt most alike. */
function matches(node: ConfigValue | undefined, shape: Shape, name: string): Match[] {
  if (Array.isArray(node)) {
    const [index] = name.split('_', 1) as [string]
    return child(node, index) === undefined ? [] : [{ names: [index], length: index.length }]
  }
  const lower = name.toLowerCase()
  const small = lower.length === name.length ? lower : name // a letter or two of Unicode grow
  const found = new Map<number, { names: string[]; rank: number }>()
  for (const key of new Set([...(isObject(node) ? Object.keys(node) : []), ...shape.keys])) {
    const spellings = [[name, key] as const, [small, key.toLowerCase()] as const, [small, snake(key)] as const]
    const rank = spellings.findIndex(([text, form]) => form !== '' && (text === form || text.startsWith(`${form}_`)))
    if (rank < 0) continue
    const { length } = spellings[rank]![1]
    const best = found.get(length)
    if (best === undefined || rank < best.rank) found.set(length, { names: [key], rank })
    else if (rank === best.rank) best.names.push(key)
  }
  return [...found].map(([length, { names }]) => ({ names, length })).sort((a, b) => b.length - a.length)
}

/** `maxRetries` and `max-retries` as a variable would spell them. */
function snake(key: string): string {
  return key
    .replace(/([\p{Ll}\d])(\p{Lu})/gu, '$1_$2')
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .toLowerCase()
}

/** What is in the way of a value at the path. */
function obstacle(draft: Draft, shape: Shape, keys: readonly string[]): string | undefined {
  if (keys.includes('__proto__')) return "it has the key '__proto__', which no object may have"
  if (keys.length > MAX_DEPTH) return `it is nested deeper than ${MAX_DEPTH} levels`
  for (const end of keys.keys()) {
    const above = keys.slice(0, end)
    const kind = kindAt(lookup(draft, above), at(shape, above))
    if (kind === 'scalar') return `${pathText(keys)} passes through ${pathText(above)}, which is no object`
    const element = keys[end] as string
    if (kind === 'list' && lookup(draft, [...above, element]) === undefined) {
      return `the list ${pathText(above)} has no element ${line(element, 20)}`
    }
  }
  const value = lookup(draft, keys)
  const kind = kindAt(value, at(shape, keys))
  // A list that only the schema knows may well be made of text: it will say.
  const isTaken = kind === 'object' || (kind === 'list' && value !== undefined)
  return isTaken
    ? `${pathText(keys)} is ${kind === 'list' ? 'a list' : 'an object'}, which a variable cannot replace`
    : undefined
}

/** What stands at a place; where nothing does, what the schema wants there, if it wants one thing. */
function kindAt(value: ConfigValue | undefined, { types }: Shape): 'object' | 'list' | 'scalar' | undefined {
  if (value !== undefined) return Array.isArray(value) ? 'list' : isObject(value) ? 'object' : 'scalar'
  const kinds = new Set([...types].map((type) => (type === 'object' ? 'object' : type === 'array' ? 'list' : 'scalar')))
  return kinds.size === 1 ? [...kinds][0] : undefined
}

function at(shape: Shape, keys: readonly string[]): Shape {
  return keys.reduce((here, key) => here.child(key), shape)
}

/** The types that are declared for a place: the file's, else the schema's. */
function typesAt(value: ConfigValue | undefined, { types }: Shape): ReadonlySet<string> {
  return value === undefined || value === null ? types : new Set([typeof value])
}

const WORDS: ReadonlyMap<string, boolean> = new Map([
  ...['true', '1', 'yes', 'on'].map((word) => [word, true] as const),
  ...['false', '0', 'no', 'off'].map((word) => [word, false] as const),
])

/** What a text may stand for, the likeliest first; one reading if it is declared what stands there. */
function readings(text: string, declared: ReadonlySet<string>): ConfigValue[] {
  const all = [asJson(text), text, asBoolean(text), asNumber(text)].filter(
    (each) => each !== undefined && (typeof each !== 'number' || Number.isFinite(each)),
  ) as ConfigValue[]
  if (declared.size === 0) return [...new Set(all)]
  if (declared.size === 1 && declared.has('array')) return [text]
  const fits = (value: ConfigValue): boolean =>
    declared.has(value === null ? 'null' : typeof value) || (Number.isInteger(value) && declared.has('integer'))
  return [all.find(fits) ?? (all[0] as ConfigValue)]
}

/** A number, boolean or null as JSON writes them; a number that would lose digits is none. */
function asJson(text: string): ConfigValue | undefined {
  if (text === 'null') return null
  if (text === 'true' || text === 'false') return text === 'true'
  if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return undefined
  const number = Number(text)
  const isLossless = Math.abs(number) <= Number.MAX_SAFE_INTEGER || !/^-?\d+$/.test(text)
  return Number.isFinite(number) && isLossless ? number : undefined
}

/** The boolean that a text of a variable means to whoever asks for one. */
export const asBoolean = (text: string): boolean | undefined => WORDS.get(text.toLowerCase())

/** The number that a text of a variable means to whoever asks for one; infinite if it is out of range. */
export const asNumber = (text: string): number | undefined =>
  /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined

/** Puts a value at a path, making the objects that lead there; nothing is in the way. */
export function put(draft: Draft, keys: readonly string[], value: ConfigValue): void {
  let here = draft
  for (const key of keys.slice(0, -1)) {
    if (child(here, key) === undefined) here[key] = {}
    here = here[key] as Draft
  }
  here[keys.at(-1) as string] = value
}
