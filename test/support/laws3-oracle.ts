/**
 * What becomes of one service that fails and ends as a script says: the rules of section 5 told once more, naively.
 * Everything in it happens at once but backoffs, so the whole log, with its times, follows from the script alone.
 */
import type { FailureClass } from 'keelson'
import { broken, type Part, type Stage } from './laws3.js'

/** Where a life ends. */
export type Place = 'start' | 'fail in start' | 'timeout' | 'crash' | 'fail' | 'unhealthy' | 'clean'

export interface End {
  readonly place: Place
  readonly failure: FailureClass
}

export interface Setting {
  readonly policy: 'never' | 'on-failure' | 'always'
  readonly maxRetries: number
  readonly remote: boolean
}

/** How long a start that times out lasts. */
const TIMEOUT = 50
const INITIAL = 1000
const MOST = 60_000

const ERRORS: Record<FailureClass, Error> = {
  transient: new Error('boom'),
  connectivity: new Error('connect', { cause: broken({ code: 'ECONNREFUSED' }) }),
  permanent: new Error('tls', { cause: broken({ code: 'CERT_HAS_EXPIRED' }) }),
  auth: new Error('login', { cause: broken({ status: 401 }) }),
}

/** The puppet's part: its lives end as the script says, and the one after the last is a good one. */
export function enact(script: readonly End[], { policy, maxRetries, remote }: Setting): Part {
  let life = 0
  const now = (): End | undefined => script[life - 1]
  const error = (): Error => ERRORS[now()?.failure ?? 'transient']
  return {
    remote,
    // what has no effect beside never is refused (R51)
    restart: policy === 'never' ? { policy } : { policy, maxRetries, initialBackoff: INITIAL, maxBackoff: MOST },
    startTimeout: TIMEOUT,
    start: (_life, { fail, signal }) => {
      life += 1
      const place = now()?.place
      if (place === 'start') throw error()
      if (place === 'fail in start') fail(error())
      if (place === 'fail in start' || place === 'timeout') {
        return new Promise<void>((resolve) => {
          if (signal.aborted) resolve()
          else signal.addEventListener('abort', () => resolve(), { once: true })
        })
      }
      return undefined
    },
    run: (_life, { fail }) => {
      const place = now()?.place
      if (place === 'clean') return 'done'
      if (place === 'crash') return Promise.reject(error())
      if (place === 'fail') fail(error())
      return undefined
    },
    ...(script.some(({ place }) => place === 'unhealthy') && {
      healthCheck: { failureThreshold: 1, startGrace: 1 },
      check: () => {
        if (now()?.place === 'unhealthy') throw error()
        return true
      },
    }),
  }
}

const CODES: Record<Exclude<Place, 'clean'>, string> = {
  start: 'START_FAILED',
  'fail in start': 'START_FAILED',
  timeout: 'START_TIMEOUT',
  crash: 'CRASHED',
  fail: 'CRASHED',
  unhealthy: 'UNHEALTHY',
}

export interface Prophecy {
  /** The changes of state, as the stage logs them. */
  readonly lines: readonly string[]
  readonly retries: readonly string[]
  readonly starts: readonly number[]
}

export function foretell(script: readonly End[], { policy, maxRetries, remote }: Setting): Prophecy {
  const lines: string[] = []
  const retries: string[] = []
  const starts: number[] = []
  const checked = script.some(({ place }) => place === 'unhealthy')
  const active = remote ? 'connected' : 'running'
  let time = 0
  let state = 'unknown'
  let failures = 0
  let refused = 0
  let told = ''
  const enter = (next: string, more = ''): void => {
    lines.push(`${time} a ${state} → ${next}${more}`)
    state = next
  }
  for (const end of [...script, undefined]) {
    starts.push(time)
    enter('starting', told)
    if (end?.place === 'timeout') time += TIMEOUT
    if (end === undefined || !['start', 'fail in start', 'timeout'].includes(end.place)) {
      told = ''
      refused = 0
      enter(active, checked ? ' checking' : ' healthy')
    }
    if (end === undefined) break
    if (end.place === 'unhealthy') time += 1
    if (end.place === 'clean') {
      enter('stopping', ' (completed)')
      if (policy !== 'always') {
        enter(remote ? 'disconnected' : 'stopped')
        break
      }
      enter('waiting')
      time += INITIAL
      continue
    }
    enter('stopping', ` (${end.place === 'unhealthy' ? 'unhealthy' : 'failed'})${told}`)
    const code = CODES[end.place]
    failures += 1
    refused = end.failure === 'connectivity' ? refused + 1 : 0
    if (end.failure === 'auth') {
      enter('auth_required', ` ${code}`)
      break
    }
    if (end.failure === 'permanent' || policy === 'never') {
      enter('failed', ` (failed) ${code}`)
      break
    }
    if (maxRetries > 0 && failures > maxRetries) {
      enter('failed', ` (exhausted) ${code}`)
      break
    }
    told = ` #${failures}`
    enter(remote && refused >= 3 ? 'unreachable' : 'retrying', `${told} ${code}`)
    const delay = Math.min(MOST, INITIAL * 2 ** (failures - 1))
    retries.push(`${time} a${told} in ${delay} ${end.failure}`)
    time += delay
  }
  return { lines, retries, starts }
}

/**
 * What a stage has logged in the words of a prophecy: changes of state only. Whether a verdict that is final is told as
 * `unhealthy` (R9) or as `failed` (R20) is left open.
 */
export function told(stage: Stage): string[] {
  return stage
    .take()
    .filter((line) => !/ a \w+ → (healthy|unhealthy|unknown)$/.test(line))
    .map((line) => line.replace('→ failed (unhealthy)', '→ failed (failed)'))
}
