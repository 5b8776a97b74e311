/**
 * What intents come to, told once more and naively (R6, R8): the calls of one turn by their net effect, and calls in turns
 * of their own one after the other. They are about `a`, which requires `b`; every hook of theirs settles in the call itself.
 */

export const VERBS = [
  'start',
  'stop',
  'startService',
  'stopService',
  'restartService',
  'unregister',
  'register',
  'replace',
  'stop b',
] as const

export type Verb = (typeof VERBS)[number]

/** All sequences of three. */
export const TRIPLES: readonly (readonly [Verb, Verb, Verb])[] = VERBS.flatMap((x) =>
  VERBS.flatMap((y) => VERBS.map((z) => [x, y, z] as const)),
)

/** How a service is found in the end: `down` is at rest. */
export type End = 'up' | 'waiting' | 'down' | 'absent'

export interface Prophecy {
  /** What becomes of each call: `done`, a code, or several codes where the rules leave it open. */
  readonly calls: readonly string[]
  readonly a: End
  readonly b: End
  /** Which object is registered as `a`: 0 is the first one, `k` the one that call number `k` brought. */
  readonly object: number
  /** The epoch of `a` in the end; two where the rules leave it open. */
  readonly epochs: readonly number[]
}

const isUp = (verb: Verb): boolean => ['start', 'startService', 'restartService', 'replace'].includes(verb)

/** The net effect of calls that share a turn, on services that are both up, or both at rest and never started. */
export function turn(verbs: readonly Verb[], up: boolean): Prophecy {
  const calls: string[] = verbs.map(() => '')
  let wants = { a: up, b: up }
  let [stopping, removing, exchanging, restarts, mayRestart] = [false, false, 0, false, false]
  let object = 0
  /** The calls of one direction that are still to be fulfilled are cancelled, as far as `whom` says. */
  const cancel = (whom: (verb: Verb) => boolean, how = 'CANCELLED'): void => {
    for (const [i, verb] of verbs.entries()) if (calls[i] === 'done' && whom(verb)) calls[i] = how
  }
  // What was at rest when its stop was called has nothing left to overtake.
  const overtaken = up ? 'CANCELLED' : 'CANCELLED or done'
  const refusal = (verb: Verb): string | undefined => {
    if (verb === 'register') return 'SERVICE_DUPLICATE'
    const isSingle = isUp(verb) && verb !== 'start'
    if (isSingle && stopping) return 'CLOSED'
    if ((isSingle || verb === 'unregister') && removing) return 'SERVICE_NOT_FOUND'
    return verb === 'replace' && exchanging > 0 ? 'SERVICE_IN_USE' : undefined
  }
  let restartCalled = false
  const down = (what: 'a' | 'b' | 'all'): void => {
    // A replacement that has not taken its place goes with its call; one that only exchanges stays.
    for (const [i, verb] of verbs.entries()) if (verb === 'replace' && calls[i] === 'done' && claims.has(i)) object = 0
    // Without `a`, a start of all is about `b` alone.
    cancel((verb) => isUp(verb) && verb !== 'replace' && (verb !== 'start' || removedBy < 0 || what !== 'a'))
    for (const i of claims) calls[i] = 'CANCELLED'
    claims.clear()
    mayRestart ||= restartCalled
    restarts = false
  }
  /** From its call on what is being removed is not started, by the earlier calls of the turn neither. */
  const removedBy = verbs.indexOf('unregister')
  /** The replacements that want `a` up. */
  const claims = new Set<number>()
  for (const [i, verb] of verbs.entries()) {
    const refused = refusal(verb)
    calls[i] = refused ?? 'done'
    if (refused !== undefined) continue
    if (i < removedBy && isUp(verb) && verb !== 'start') {
      if (verb === 'replace') exchanging = i + 1
      calls[i] = 'CANCELLED'
      continue
    }
    switch (verb) {
      case 'start':
        cancel((each) => each === 'stop' || each === 'stop b' || (each === 'stopService' && removedBy < 0), overtaken)
        wants = { a: removedBy < 0, b: true }
        break
      case 'startService':
      case 'restartService':
        cancel((each) => each === 'stopService' || each === 'stop b', overtaken)
        wants = { a: true, b: true }
        if (verb === 'restartService') restarts = restartCalled = true
        break
      case 'replace':
        exchanging = object = i + 1
        if (!wants.a) break
        claims.add(i)
        cancel((each) => each === 'stop b', overtaken)
        wants.b = true
        break
      case 'stop b':
        down('b')
        wants.b = false
        break
      default:
        down(verb === 'stop' ? 'all' : 'a')
        wants.a = false
        if (verb === 'stop') wants.b = false
        stopping ||= verb === 'stop'
        removing ||= verb === 'unregister'
    }
  }
  const a = removing ? 'absent' : !wants.a ? 'down' : wants.b ? 'up' : 'waiting'
  const first = up ? 1 : 0
  const again = restarts || object > 0
  const epochs = a !== 'up' ? [first] : !up ? [1] : again ? [2] : mayRestart ? [1, 2] : [1]
  return { calls, a, b: wants.b ? 'up' : 'down', object, epochs }
}

/** Calls in turns of their own, each when the one before has had its effect. */
export function turns(verbs: readonly Verb[], up: boolean): Prophecy {
  let [present, running, wantsA, wantsB, manualB] = [true, up, up, up, false]
  let object = 0
  let epoch = up ? 1 : 0
  let upA = up
  const calls = verbs.map((verb, i): string => {
    if (verb === 'register' && present) return 'SERVICE_DUPLICATE'
    if (!present && !['start', 'stop', 'stop b', 'register'].includes(verb)) return 'SERVICE_NOT_FOUND'
    const wasUp = upA
    const isNew = verb === 'restartService' || (verb === 'replace' && wantsA)
    if (verb === 'register') epoch = 0
    if (verb === 'register' || verb === 'replace') object = i + 1
    if (isUp(verb) && (verb !== 'replace' || wantsA)) {
      wantsA = present
      wantsB = true
      manualB = false
    }
    if (verb === 'register') {
      present = true
      wantsA = running
      wantsB ||= running && !manualB
    }
    if (verb === 'start') running = true
    if (verb === 'stop') running = false
    if (['stop', 'stopService', 'unregister'].includes(verb)) wantsA = false
    if (verb === 'stop' || verb === 'stop b') wantsB = false
    if (verb === 'stop b') manualB = true
    if (verb === 'unregister') present = false
    upA = wantsA && wantsB
    if (upA && (!wasUp || isNew)) epoch += 1
    return 'done'
  })
  const a = !present ? 'absent' : upA ? 'up' : wantsA ? 'waiting' : 'down'
  return { calls, a, b: wantsB ? 'up' : 'down', object, epochs: [epoch] }
}
