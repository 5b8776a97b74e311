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

interface Meant {
  readonly keys: readonly string[]
  /** Whether every key of it is declared. */
  readonly isDeclared?: boolean
  readonly refusal?: string
}

/** The declared path that uses up the whole name, else the longest declared one with the rest of the name as new keys. */
function resolve(node: ConfigValue | undefined, shape: Shape, rest: string): Meant {
  let longest: Meant | undefined
  for (const { names, length } of matches(node, shape, rest)) {
    const [key = ''] = names
    const found = follow(node, shape, key, rest.slice(length + 1), length === rest.length)
    const meant =
      names.length === 1 ? found : { keys: [key], refusal: `${names.map(show).join(' and ')} match it equally` }
    if (meant.isDeclared) return meant
    longest ??= meant
  }
  if (longest) return longest
  const keys = rest.toLowerCase().split('_')
  if (keys.includes('')) return { keys: [], refusal: 'a part of its name is empty' }
  return { keys }
}

function follow(node: ConfigValue | undefined, shape: Shape, key: string, rest: string, isWhole: boolean): Meant {
  if (isWhole) return { keys: [key], isDeclared: true }
  const inner = resolve(child(node, key), shape.child(key), rest)
  return { ...inner, keys: [key, ...inner.keys] }
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
  const found = new Map<number, { names: string[]; rank: number }>()
  for (const key of new Set([...(isObject(node) ? Object.keys(node) : []), ...shape.keys])) {
    const spellings = [
      [name, key],
      [name.toLowerCase(), key.toLowerCase()],
      [name.toLowerCase(), snake(key)],
    ] as const
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
  if (keys.length > MAX_DEPTH) return `it is nested deeper than ${MAX_DEPTH} levels`
  for (let end = 1; end <= keys.length; end++) {
    const above = keys.slice(0, end)
    const value = lookup(draft, above)
    const isInside = end < keys.length
    const isBranch = value === undefined ? branches(at(shape, above)) : typeof value === 'object' && value !== null
    if (isInside && isBranch === false) return `${pathText(keys)} passes through ${pathText(above)}, which is no object`
    if (!isInside && isBranch === true)
      return `${pathText(keys)} is an object or a list, which a variable cannot replace`
    if (isInside && Array.isArray(value) && child(value, keys[end] as string) === undefined) {
      return `the list ${pathText(above)} has no element ${line(keys[end] as string, 20)}`
    }
  }
  return undefined
}

/** Whether the schema wants an object or a list here; `undefined` if it leaves that open. */
function branches({ types }: Shape): boolean | undefined {
  const wanted = [...types].map((type) => type === 'object' || type === 'array')
  return wanted.length > 0 && wanted.every((each) => each === wanted[0]) ? wanted[0] : undefined
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
