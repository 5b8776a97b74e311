// Durations as people write them: "250ms", "5s", "1m30s". Text or a bare number in, milliseconds out.
// Says what a text means, not whether it is allowed: a range is the reader's business.

const NUMBER = '(\\d+(?:\\.\\d+)?)'
/** Units from large to small, each with the milliseconds in it: a factor, and a power of ten. */
const UNITS: readonly (readonly [name: string, factor: number, power: number])[] = [
  ['d', 86_400, 3],
  ['h', 3_600, 3],
  ['m', 60, 3],
  ['s', 1, 3],
  ['ms', 1, 0],
  ['us|µs|μs', 1, -3],
  ['ns', 1, -6],
]
const PARTS = new RegExp(`^${UNITS.map(([name]) => `(?:${NUMBER}(?:${name}))?`).join('')}$`)
/** Whatever a variable may have for a number: `1e3` and `.5`, too. */
const BARE = /^\+?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

/**
 * The milliseconds of a duration; `undefined` for what is none. A bare number, also as text, is seconds. May be
 * negative or infinite: nothing is cut off here.
 */
export function milliseconds(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isNaN(value) ? undefined : scaled(String(value), 3)
  if (typeof value !== 'string' || value.length > 400) return undefined
  if (value.startsWith('-')) {
    const positive = milliseconds(value.slice(1))
    return positive === undefined || value[1] === '-' ? undefined : -positive
  }
  if (BARE.test(value)) return scaled(value, 3)
  const parts = value === '' ? null : PARTS.exec(value)
  if (parts === null) return undefined
  return UNITS.reduce((sum, [, factor, power], index) => {
    const digits = parts[index + 1]
    return digits === undefined ? sum : sum + factor * scaled(digits, power)
  }, 0)
}

/** A decimal number times a power of ten, rounded once: "1.005" seconds are 1005 ms, not 1004.9999999999999. */
function scaled(decimal: string, power: number): number {
  return /[eI]/.test(decimal) ? Number(decimal) * 10 ** power : Number(`${decimal}e${power}`)
}
