// Levels of log records, and how they are read from a setting: an environment variable, a flag, a configuration file.

/** How grave a record is at least that is written; `silent` writes none. */
export type Level = 'debug' | 'info' | 'warn' | 'error' | 'silent'

const WORDS: Readonly<{ [word: string]: Level | undefined }> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  fatal: 'error',
  silent: 'silent',
  off: 'silent',
  none: 'silent',
}

/**
 * The level that a text names, in upper or lower case: `debug`, `info`, `warn`, `error`, `silent`, and what other
 * programs call these - `trace`, `warning`, `fatal`, `off`, `none`. Anything else, also nothing, is `fallback`.
 */
export function parseLevel(text: string | undefined, fallback: Level): Level {
  const word = String(text ?? '')
    .trim()
    .toLowerCase()
  return (Object.hasOwn(WORDS, word) ? WORDS[word] : undefined) ?? fallback
}
