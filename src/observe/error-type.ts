// What an error is called where few different names are wanted, and in a line for people.
// Names by the semantic conventions of OpenTelemetry (`error.type`); reads what is thrown and never throws itself.

/** A value of `error.type`: the code of an error - such as `START_FAILED` of a `KeelsonError` -, else its name, else `_OTHER`. */
export function errorType(thrown: unknown): string {
  const { code, name } = read(thrown)
  if (typeof code === 'string' && code !== '') return code
  return typeof name === 'string' && name !== '' ? name : '_OTHER'
}

/** What it says, for people. */
export function errorText(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown
  const { code, message } = read(thrown)
  if (typeof message === 'string' && message !== '') return message
  if (typeof code === 'string') return code
  try {
    return String(thrown)
  } catch {
    return 'a value that cannot be read'
  }
}

/** The members of anything that can be thrown; a proxy may throw when it is read. */
function read(thrown: unknown): { readonly code?: unknown; readonly name?: unknown; readonly message?: unknown } {
  try {
    const { code, name, message } = Object(thrown) as { [member: string]: unknown }
    return { code, name, message }
  } catch {
    return {}
  }
}
