// A JSON log record as a line for people: time, level, source, message, fields; an error's stack below it.
// Pure text in, text out. What comes from outside cannot forge a record: control characters are written as escapes.

const PLAIN = /^[^\s"=\\]+$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

/** The line, or lines, that say what a JSON record says. */
export function textOf(json: string): string {
  const { time, level, source, msg, ...fields } = JSON.parse(json) as { [field: string]: unknown }
  const who = source === undefined ? '' : ` ${safe(String(source))}:`
  let line = `${iso(Number(time))} ${String(level).toUpperCase().padEnd(5)}${who} ${safe(String(msg ?? ''))}`
  let below = ''
  for (const [name, value] of Object.entries(fields)) {
    const { message, stack } = Object(value) as { message?: unknown; stack?: unknown }
    const isError = typeof message === 'string' && typeof stack === 'string'
    line += ` ${safe(name)}=${show(isError ? message : value)}`
    if (isError && stack.includes('\n')) below += `${stack.replace(/^/gm, '    ').split('\n').map(safe).join('\n')}\n`
  }
  return `${line}\n${below}`
}

function show(value: unknown): string {
  if (typeof value === 'string' && PLAIN.test(value)) return safe(value)
  return safe(JSON.stringify(value) ?? 'undefined')
}

function safe(text: string): string {
  return text.replace(CONTROL, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, '0')
    return `\\u${code}`
  })
}

/** ISO 8601 of milliseconds since the Unix epoch, by the proleptic Gregorian calendar whose years begin in March. */
function iso(wall: number): string {
  const ms = Math.floor(wall)
  const day = Math.floor(ms / 86_400_000)
  const shifted = day + 719_468
  const era = Math.floor(shifted / 146_097)
  const ofEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1_460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  )
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const march = Math.floor((5 * ofYear + 2) / 153)
  const month = march < 10 ? march + 3 : march - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  const rest = ms - day * 86_400_000
  const two = (number: number): string => String(Math.floor(number)).padStart(2, '0')
  const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(ofYear - Math.floor((153 * march + 2) / 5) + 1)}`
  const time = `${two(rest / 3_600_000)}:${two((rest / 60_000) % 60)}:${two((rest / 1_000) % 60)}`
  return `${date}T${time}.${String(rest % 1_000).padStart(3, '0')}Z`
}
