/**
 * What may be seen of one name of a registry, whoever asks from whichever thread: a sequential model for the checker of
 * histories. It says R6-R9, R47 and R48 of a service without dependencies whose hooks succeed.
 *
 * - Registering is an instant. Unregistering is two: from the first on starts are refused, at the second the name is
 *   free (R48). Starting, restarting and stopping are two as well: asked for, then so; who was overtaken is told
 *   `CANCELLED` (R8).
 * - Between operations the service moves by itself to where it is wanted, one legal transition after the other (R1).
 *   So a state on the way may be seen or not, but none that is not on the way, and never an older one after a newer one.
 * - In an orchestrator that was started, what is registered is wanted up from then on (R6).
 * - A view is of the service that it was got of, for good; of the next one of that name it says nothing.
 */
import type { ServiceState } from 'keelson'
import { anyOf, type Model } from './linearizable.js'

/** An instant of what is asked of a name. */
export interface Ask {
  readonly name: string
  readonly do: Deed
  /** Of `register` and hooks: which of the services that bear the name one after the other. */
  readonly tag?: string
  /** Of `get` and `look`: where the view is kept. */
  readonly view?: number
}

export type Deed = Change | Reached | 'has' | 'see' | 'get' | 'look' | 'status' | 'entered' | 'left'
export type Change = 'register' | 'unregister' | 'startService' | 'restartService' | 'stopService'
/** The second instant of a call: what it waited for is so, or it was overtaken. */
export type Reached = 'gone' | 'up' | 'down' | 'not up' | 'not down'

interface Known {
  readonly tag: string
  readonly state: ServiceState
  readonly epoch: number
  readonly wanted: boolean
  /** The epoch that is wanted at least: of a restart. */
  readonly least: number
  /** Somebody said that it is to be down. */
  readonly told: boolean
  /** Is being unregistered. */
  readonly leaving: boolean
}

/** A name: its service, and of which service each view is. */
interface Named {
  readonly known: Known | undefined
  readonly views: Readonly<Record<number, string>>
}

const MISSING = 'SERVICE_NOT_FOUND'

/** What a reader of the table finds, as text. */
export const reading = (state: ServiceState, health: string, epoch: number): string => `${state} ${health} ${epoch}`
/** What a view of a removed service says. */
export const REMOVED = 'removed'

const read = ({ state, epoch }: Known): string => reading(state, state === 'running' ? 'healthy' : 'unknown', epoch)
const isIdle = ({ state }: Known): boolean => state === 'unknown' || state === 'stopped'

/** The next state on the way to where it is wanted. */
function move(known: Known): Known | undefined {
  const { state, wanted, told, epoch, least } = known
  if (isIdle(known)) {
    if (wanted) return { ...known, state: 'starting', epoch: epoch + 1 }
    return told && state === 'unknown' ? { ...known, state: 'stopped' } : undefined
  }
  if (state === 'stopping') return { ...known, state: 'stopped' }
  if (!wanted || epoch < least) return { ...known, state: 'stopping' }
  return state === 'starting' ? { ...known, state: 'running' } : undefined
}

/** How a change ends that is asked for now, and what it makes of the service. */
function change(
  known: Known | undefined,
  { do: deed, tag = '' }: Ask,
  started: boolean,
): readonly [answer: string, after: Known | undefined] {
  if (deed === 'register') {
    if (known !== undefined) return ['SERVICE_DUPLICATE', known]
    const born = { state: 'unknown', epoch: 0, wanted: started, least: 0, told: false, leaving: false } as const
    return ['done', { tag, ...born }]
  }
  if (known === undefined || (known.leaving && deed !== 'stopService')) return [MISSING, known]
  const down = { ...known, wanted: false, least: 0, told: true }
  if (deed === 'unregister') return ['done', { ...down, leaving: true }]
  if (deed === 'stopService') return ['done', down]
  const isAgain = deed === 'restartService' && !isIdle(known)
  return ['done', { ...known, wanted: true, least: isAgain ? known.epoch + 1 : known.least }]
}

const reached: Readonly<Record<Reached, (known: Known | undefined) => boolean>> = {
  gone: (known) => known === undefined,
  up: (known) => known?.state === 'running' && known.epoch >= known.least,
  down: (known) => known === undefined || isIdle(known),
  'not up': (known) => known === undefined || known.leaving || !known.wanted,
  'not down': (known) => known?.wanted === true,
}

/** What a look gives now. */
function look({ known, views }: Named, { do: deed, tag, view = 0 }: Ask): string {
  switch (deed) {
    case 'has':
    case 'get':
      return known === undefined ? 'no' : 'yes'
    case 'status':
      return known === undefined ? MISSING : `${known.tag} ${known.state} ${known.epoch}`
    case 'see':
      return known === undefined ? 'no' : read(known)
    case 'look':
      if (known === undefined || views[view] !== known.tag) return REMOVED
      return read(known)
    default: {
      const states = deed === 'entered' ? ['starting', 'stopping'] : ['stopping']
      return known !== undefined && known.tag === tag && states.includes(known.state)
        ? `${known.epoch}`
        : 'in no such hook'
    }
  }
}

const isChange = (deed: Deed): deed is Change =>
  deed === 'register' || deed.endsWith('Service') || deed === 'unregister'
const isReached = (deed: Deed): deed is Reached => deed in reached

/** All that a name can be after an instant that gave `output`; that of a call which never returned is `undefined`. */
function step(named: Named, ask: Ask, output: string | undefined, started: boolean): readonly Named[] {
  const { known, views } = named
  if (isReached(ask.do)) return reached[ask.do](known) ? [named] : []
  if (isChange(ask.do)) {
    const [answer, after] = change(known, ask, started)
    // Overtaken before it was looked at, it says so instead of what it would have found.
    const isAnswer = output === undefined || output === answer || (output === 'CANCELLED' && ask.do !== 'register')
    return isAnswer ? [{ known: after, views }] : []
  }
  if (output !== undefined && output !== look(named, ask)) return []
  return ask.do === 'get' && known !== undefined
    ? [{ known, views: { ...views, [ask.view ?? 0]: known.tag } }]
    : [named]
}

/** One name, absent at first, of an orchestrator that was started or not. */
export const nameModel = (started: boolean): Model<ReadonlyMap<string, Named>, Ask, string> =>
  anyOf<Named, Ask, string>({
    init: { known: undefined, views: {} },
    step: (named, ask, output) => step(named, ask, output, started),
    moves: ({ known, views }) => {
      if (known === undefined) return []
      const next = move(known)
      const all: Named[] = next === undefined ? [] : [{ known: next, views }]
      if (known.leaving && isIdle(known)) all.push({ known: undefined, views })
      return all
    },
    looks: ({ do: deed }, output) =>
      deed !== 'get' && (!isChange(deed) || output === MISSING || output === 'SERVICE_DUPLICATE'),
    key: ({ known, views }) => {
      const held = Object.entries(views).join()
      if (known === undefined) return held
      const { tag, state, epoch, wanted, least, told, leaving } = known
      return `${tag} ${state} ${epoch} ${wanted} ${least} ${told} ${leaving} ${held}`
    },
  })
