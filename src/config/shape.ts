// What a schema declares, as far as it says so: keys and types, from the JSON Schema that a Standard Schema may carry.
// Only ever a hint for overrides: which key a variable means, and what its text becomes. It validates nothing.

import type { StandardSchema } from './standard-schema.js'

type Node = Readonly<Record<string, unknown>>

/** Where one is in what a schema declares. */
export interface Shape {
  /** The keys that are declared here. */
  readonly keys: readonly string[]
  /** The JSON types that are allowed here; none if nothing is said. */
  readonly types: ReadonlySet<string>
  /** What is declared under a key. */
  child(key: string): Shape
}

/** Nothing is said. */
const UNKNOWN: Shape = { keys: [], types: new Set(), child: () => UNKNOWN }

/** The shape that a schema wants its input to have; unknown if it does not tell. */
export function shapeOf(schema: StandardSchema | undefined): Shape {
  try {
    // What JSON Schema cannot express (a date, a custom check) shall be left open, not refused.
    const libraryOptions = { unrepresentable: 'any' }
    const root = schema?.['~standard'].jsonSchema?.input({ target: 'draft-2020-12', libraryOptions })
    return root === undefined ? UNKNOWN : shaped([root], root)
  } catch {
    return UNKNOWN
  }
}

function shaped(nodes: readonly unknown[], root: Node): Shape {
  const all = alternatives(nodes, root)
  if (all.length === 0) return UNKNOWN
  const keys = new Set(all.flatMap(({ properties }) => (isNode(properties) ? Object.keys(properties) : [])))
  return {
    keys: [...keys],
    types: new Set(all.flatMap(typesOf)),
    child: (key) =>
      shaped(
        all.flatMap((node) => under(node, key)),
        root,
      ),
  }
}

/** Everything that may or must hold at once, references followed. */
function alternatives(nodes: readonly unknown[], root: Node): Node[] {
  const seen = new Set<Node>()
  const visit = (node: unknown): void => {
    if (!isNode(node) || seen.has(node)) return
    seen.add(node)
    if (typeof node.$ref === 'string') visit(referred(node.$ref, root))
    for (const list of [node.anyOf, node.oneOf, node.allOf]) if (Array.isArray(list)) list.forEach(visit)
  }
  nodes.forEach(visit)
  return [...seen]
}

function referred(ref: string, root: Node): unknown {
  const [start, ...keys] = ref.split('/')
  if (start !== '#') return undefined
  let found: unknown = root
  for (const key of keys) {
    const plain = key.replaceAll('~1', '/').replaceAll('~0', '~')
    found = isNode(found) && Object.hasOwn(found, plain) ? found[plain] : undefined
  }
  return found
}

function under({ properties, additionalProperties, items, prefixItems }: Node, key: string): unknown[] {
  if (isNode(properties) && Object.hasOwn(properties, key)) return [properties[key]]
  const item = Array.isArray(prefixItems) ? (prefixItems[Number(key)] ?? items) : items
  return [additionalProperties, item].filter(isNode)
}

function typesOf({ type, enum: choices, const: only }: Node): string[] {
  if (typeof type === 'string') return [type]
  if (Array.isArray(type)) return type.filter((each) => typeof each === 'string')
  const values: unknown[] = Array.isArray(choices) ? choices : only === undefined ? [] : [only]
  return values.map((value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value))
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
