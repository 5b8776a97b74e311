// What a person at a terminal reads when a program ends with 1: first what, then who, then why.
// Text only; it decides nothing and never throws, whatever was thrown at the program.

import { inspect } from 'node:util'
import { isKeelsonError, type OperationReport } from '../index.js'

/**
 * Several lines about the error with which a program ended: its code and message, the services of its report that are
 * to blame, and under each, once, what its code really threw - with stack and causes.
 */
export function failureText(error: unknown): string {
  try {
    const told = new Set<unknown>()
    const why = (of: unknown, indent: string): string[] => {
      const thrown = root(of)
      if (thrown === of || told.has(thrown)) return []
      told.add(thrown)
      return [`${indent}caused by ${full(thrown)}`.replaceAll('\n', `\n${indent}`)]
    }
    const culprits = services(error).filter(({ outcome }) => outcome === 'failed' || outcome === 'abandoned')
    const who = culprits.flatMap((one) => [
      `  ${one.name}: ${one.outcome}${'error' in one ? ` - ${headline(one.error)}` : ''}`,
      ...('error' in one ? why(one.error, '    ') : []),
    ])
    return [`keelson: ${headline(error)}`, ...who, ...why(error, '  ')].join('\n')
  } catch {
    return 'keelson: the program failed with an error that cannot be read'
  }
}

function services(error: unknown): OperationReport['services'] {
  return (isKeelsonError(error) && (error.report as OperationReport | undefined)?.services) || []
}

/** What foreign code threw, below the errors of the library; the innermost of these if it threw nothing. */
function root(error: unknown): unknown {
  let inner = error
  for (let depth = 0; depth < 20 && isKeelsonError(inner) && 'cause' in inner; depth++) inner = inner.cause
  return inner
}

const headline = (error: unknown): string => (isKeelsonError(error) ? `${error.code}: ${error.message}` : full(error))

const full = (thrown: unknown): string =>
  isKeelsonError(thrown) ? headline(thrown) : typeof thrown === 'string' ? thrown : inspect(thrown)
