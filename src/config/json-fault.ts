// Where a text ceases to be JSON. The host's parser does not always say, and instead quotes what stands around it -
// which in a configuration may be a password. Knows the grammar, builds nothing, and keeps a stack of its own.

const SPACE = /[ \t\r\n]*/y
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y
const ESCAPE = /["\\/bfnrt]|u[\da-fA-F]{4}/y

/** What may come next: `first` and `firstKey` may also be the end of what they are in. */
type Next = 'value' | 'first' | 'key' | 'firstKey' | 'colon' | 'comma'

/** The position of the first thing that is out of place in a text that is no JSON; its length if it merely ends early. */
export function jsonFault(text: string): number {
  const open: ('{' | '[')[] = []
  let next: Next = 'value'
  let at = 0
  for (;;) {
    at += eaten(SPACE, text, at)
    const char = text[at]
    const isEnd = next === 'comma' || next === 'first' || next === 'firstKey'
    if (isEnd && open.length > 0 && char === (open.at(-1) === '{' ? '}' : ']')) {
      open.pop()
      next = 'comma'
    } else if (next === 'comma' && char === ',' && open.length > 0) {
      next = open.at(-1) === '{' ? 'key' : 'value'
    } else if (next === 'colon' && char === ':') {
      next = 'value'
    } else if ((next === 'value' || next === 'first') && (char === '{' || char === '[')) {
      open.push(char)
      next = char === '{' ? 'firstKey' : 'first'
    } else {
      const isKey: boolean = next === 'key' || next === 'firstKey'
      const isOpen = isKey || next === 'value' || next === 'first'
      const length = !isOpen ? 0 : char === '"' ? stringLength(text, at) : isKey ? 0 : eaten(SCALAR, text, at)
      if (length === 0) return at
      at += length
      next = isKey ? 'colon' : 'comma'
      continue
    }
    at++
  }
}

function eaten(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0].length ?? 0
}

/** How long the string is that begins there; 0 if it is none. No pattern: a long one would be too much for it. */
function stringLength(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x22) return at + 1 - start
    if (code < 0x20) return 0
    if (code !== 0x5c) continue
    const length = eaten(ESCAPE, text, at + 1)
    if (length === 0) return 0
    at += length
  }
  return 0
}
