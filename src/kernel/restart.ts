// The restart policy: of which class a failure is, and what comes after an epoch that ended by itself.
// Pure decisions (R17-R20); when and how they are carried out is the reconciler's.

import type { FailureClass } from '../service.js'
import type { Settings } from './settings.js'

const CONNECTIVITY = new Set(
  'ECONNREFUSED ECONNRESET ECONNABORTED ENOTFOUND EAI_AGAIN EAI_NODATA EHOSTUNREACH EHOSTDOWN ENETUNREACH ENETDOWN ENETRESET EPIPE ENOTCONN ETIMEDOUT UND_ERR_SOCKET UND_ERR_CONNECT_TIMEOUT'.split(
    ' ',
  ),
)
// OpenSSL's verification results as Node names them; the families ERR_TLS_ and ERR_SSL_ come by prefix.
const CERTIFICATE = new Set(
  'CERT_HAS_EXPIRED CERT_NOT_YET_VALID CERT_REVOKED CERT_UNTRUSTED CERT_REJECTED CERT_SIGNATURE_FAILURE CERT_CHAIN_TOO_LONG DEPTH_ZERO_SELF_SIGNED_CERT SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_GET_ISSUER_CERT UNABLE_TO_GET_ISSUER_CERT_LOCALLY UNABLE_TO_VERIFY_LEAF_SIGNATURE UNABLE_TO_DECRYPT_CERT_SIGNATURE INVALID_CA INVALID_PURPOSE HOSTNAME_MISMATCH EPROTO'.split(
    ' ',
  ),
)
/** Of a chain or tree of causes, so many are looked at. */
const MOST = 100

/** The class of a failure, from codes and statuses along the chain of causes; message text is never searched. */
function classify(error: unknown): FailureClass {
  return search(error, new Set()) ?? 'transient'
}

function search(error: unknown, seen: Set<object>): FailureClass | undefined {
  if (typeof error !== 'object' || error === null || seen.has(error) || seen.size >= MOST) return undefined
  seen.add(error)
  const code = read(error, 'code')
  if (typeof code === 'string') {
    if (CERTIFICATE.has(code) || code.startsWith('ERR_TLS_') || code.startsWith('ERR_SSL_')) return 'permanent'
    if (CONNECTIVITY.has(code)) return 'connectivity'
    if (code === 'CONFIG_INVALID') return 'permanent' // wrong options stay wrong
  }
  if ([read(error, 'status'), read(error, 'statusCode'), code].some((status) => status === 401)) return 'auth'
  const response = read(error, 'response')
  if (
    typeof response === 'object' &&
    response !== null &&
    [read(response, 'status'), read(response, 'statusCode')].includes(401)
  )
    return 'auth'
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

function read(from: object, key: string): unknown {
  try {
    return (from as Record<string, unknown>)[key]
  } catch {
    return undefined // a proxy that throws on read has no code
  }
}

const CLASSES: readonly unknown[] = ['transient', 'connectivity', 'permanent', 'auth'] satisfies FailureClass[]

/** The class that the service gives its failure, or the default one where it gives none. */
export function classOf(settings: Settings, thrown: unknown): FailureClass {
  if (settings.classify !== undefined) {
    try {
      const own: unknown = settings.classify(thrown)
      if (CLASSES.includes(own)) return own as FailureClass
    } catch {
      // a classifier that fails classifies nothing
    }
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
