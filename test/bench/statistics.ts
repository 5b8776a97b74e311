// What is made of numbers measured several times, and how a number is written.

/** The middle one; of an even count the mean of the two. `NaN` of nothing. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value below which a share of all lies, between two neighbours in proportion. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = (sorted.length - 1) * share
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]]
  if (low === undefined || high === undefined) return Number.NaN
  return low + (high - low) * (place - Math.floor(place))
}

/** The least and the greatest, without spreading a long array over the stack. */
export const least = (values: readonly number[]): number =>
  values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
export const greatest = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), 0)

/** A number with three digits that say something. */
export function brief(value: number): string {
  if (!Number.isFinite(value)) return '-'
  const size = Math.abs(value)
  if (size >= 100) return number(Math.round(value))
  // What is about 1 is a ratio, of which hundredths count.
  return value.toFixed(size >= 10 ? 1 : size >= 0.9 && size < 1.1 ? 3 : 2)
}

/** A whole number in groups of three. */
export const number = (value: number): string => value.toLocaleString('en-US').replaceAll(',', ' ')

/** `median (min-max)`. */
export function spread(values: readonly number[]): string {
  if (values.length === 0) return '-'
  return `${brief(median(values))} (${brief(least(values))}-${brief(greatest(values))})`
}
