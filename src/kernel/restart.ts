// The restart policy: of which class a failure is, and what comes after an epoch that ended by itself.
// Pure decisions (R17-R20); when and how they are carried out is the reconciler's.

import type { FailureClass } from '../service.js'
import type { Settings } from './settings.js'

/** What the system, its resolver and Node's HTTP client call a peer that cannot be reached. */
const CONNECTIVITY =
  /^(E(CONN|HOST|NET)[A-Z]+|EAI_[A-Z]+|E(NOTFOUND|PIPE|NOTCONN|TIMEDOUT)|UND_ERR_(SOCKET|CONNECT_TIMEOUT))$/
/** Node's errors of TLS, and OpenSSL's verification results as Node names them. */
const CERTIFICATE =
  /^(ERR_(TLS|SSL)_.*|CERT_[A-Z_]+|UNABLE_TO_[A-Z_]+|(DEPTH_ZERO_)?SELF_SIGNED_CERT(_IN_CHAIN)?|INVALID_(CA|PURPOSE)|HOSTNAME_MISMATCH|EPROTO)$/
/** Of a chain or tree of causes, so many are looked at. */
const MOST = 100

/** The class of a failure, from codes and statuses along the chain of causes; message text is never searched. */
function classify(error: unknown): FailureClass {
  return search(error, new Set()) ?? 'transient'
}

function search(error: unknown, seen: Set<unknown>): FailureClass | undefined {
  if (seen.has(error) || seen.size >= MOST) return undefined
  seen.add(error)
  const code = read(error, 'code')
  if (typeof code === 'string') {
    if (code === 'CONFIG_INVALID' || CERTIFICATE.test(code)) return 'permanent' // wrong options stay wrong
    if (CONNECTIVITY.test(code)) return 'connectivity'
  }
  if ([read(error, 'status'), read(error, 'statusCode'), code].includes(401)) return 'auth'
  const response = read(error, 'response')
  if ([read(response, 'status'), read(response, 'statusCode')].includes(401)) return 'auth'
  const deeper = search(read(error, 'cause'), seen)
  if (deeper !== undefined) return deeper
  const errors = read(error, 'errors') // an AggregateError of a dual-stack connect
  if (!Array.isArray(errors)) return undefined
  for (const each of errors) {
    const found = search(each, seen)
    if (found !== undefined) return found
  }
  return undefined
}

function read(from: unknown, key: string): unknown {
  try {
    return (from as Record<string, unknown> | undefined)?.[key]
  } catch {
    return undefined // a proxy that throws on read has no code
  }
}

const CLASSES: readonly unknown[] = ['transient', 'connectivity', 'permanent', 'auth'] satisfies FailureClass[]

/** The class that the service gives its failure, or the default one where it gives none. */
export function classOf(settings: Settings, thrown: unknown): FailureClass {
  try {
    const own: unknown = settings.classify?.(thrown)
    if (CLASSES.includes(own)) return own as FailureClass
  } catch {
    // a classifier that fails classifies nothing
  }
  return classify(thrown)
}

/** What becomes of a service after a failure; `failures` counts those of this budget, this one included (R17, R20). */
export function afterFailure(
  settings: Settings,
  failure: FailureClass,
  failures: number,
): 'retry' | 'auth' | 'failed' | 'exhausted' {
  if (failure === 'auth') return 'auth'
  const { policy, maxRetries } = settings.restart
  if (policy === 'never' || failure === 'permanent') return 'failed'
  return maxRetries !== 0 && failures > maxRetries ? 'exhausted' : 'retry'
}
