/**
 * The oracle of the corpus: which services move, when, and what the journal must then say.
 * It knows the graph and how long each hook takes, and nothing of the engine; it is naive on purpose -
 * closures by search, instants by recursion - so that it can be read against the rules.
 */
import type { Edge, Stack, StackService } from './corpus-stack.js'

/** How long the hooks of a simulated service take, in milliseconds. */
export interface Times {
  start: number
  /** Of a job: until it ends. */
  run: number
  stop: number
  /** The first check of an epoch. */
  check: number
}

/** The same service takes the same times in every run. */
export function timesOf(stack: Stack, name: string): Times {
  const draw = (what: string, most: number) => 1 + (hash(`${stack.name}/${name}/${what}`) % most)
  return { start: draw('start', 50), run: draw('run', 40), stop: draw('stop', 20), check: draw('check', 20) }
}

/** FNV-1a: pseudo-random, and the same everywhere. */
export function hash(text: string): number {
  let h = 0x811c9dc5
  for (const char of text) h = Math.imul(h ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0
  return (h ^ (h >>> 15)) >>> 0
}

/** One start of one service: the instants at which its hook is entered and each condition begins to hold. */
export interface Life {
  enter: number
  active: number
  healthy: number
  /** Of a job: its run is over, and it is at rest - completed, unless its run failed. */
  ended: number
  rest: number
  died?: 'failed' | 'retrying'
}

/** One stop of one service. */
export interface Death {
  enter: number
  rest: number
}

/** The services an orchestrator-wide start wants (R6): all with `autoStart`, and what they require. */
export function wanted(stack: Stack): Set<string> {
  const names = new Set<string>()
  const want = (service: StackService) => {
    if (names.has(service.name)) return
    names.add(service.name)
    for (const edge of service.dependsOn) if (!edge.optional) want(find(stack, edge.name))
  }
  for (const service of stack.services.values()) if (service.autoStart) want(service)
  return names
}

/** Of what a start wants, the jobs, which are soon at rest, and the services that stay up. */
export function crew(stack: Stack): { jobs: string[]; serving: string[] } {
  const names = [...wanted(stack)]
  const isJob = (name: string) => find(stack, name).job
  return { jobs: names.filter(isJob), serving: names.filter((name) => !isJob(name)) }
}

/** Whether to go on from a dependency to the dependent that has this edge to it. */
export type Follow = (from: StackService, edge: Edge) => boolean

/** Everything from which `name` can be reached over edges that are to be `follow`ed. */
export function dependents(stack: Stack, name: string, follow: Follow): Set<string> {
  const found = new Set<string>()
  const search = (target: string) => {
    for (const service of stack.services.values())
      for (const edge of service.dependsOn)
        if (edge.name === target && !found.has(service.name) && follow(service, edge)) {
          found.add(service.name)
          search(service.name)
        }
  }
  search(name)
  return found
}

/** Follows what goes down with its dependency (R14): only what is active, so neither jobs nor what was never wanted. */
export const loss =
  (active: ReadonlySet<string>): Follow =>
  (from, edge) =>
    edge.loss && active.has(from.name)

/**
 * When each of `names` comes up, none before `earliest` (R11, R12). What is not among them is up, or down for good
 * with only optional edges to it: either way it holds nobody. Lives that are `known` already are taken as they are.
 */
export function comeUp(
  stack: Stack,
  names: ReadonlySet<string>,
  earliest: (name: string) => number,
  known: Iterable<readonly [string, Life]> = [],
): Map<string, Life> {
  const lives = new Map(known)
  const liveOf = (name: string): Life => {
    const before = lives.get(name)
    if (before) return before
    const service = find(stack, name)
    const times = timesOf(stack, name)
    const needs = service.dependsOn.filter((edge) => names.has(edge.name))
    let enter = earliest(name)
    // A condition can come and go - a job is `started` while it runs, and again once it has completed -
    // so the first instant that suits all edges is looked for until nobody moves it.
    for (let at = -1; at !== enter; ) {
      at = enter
      for (const edge of needs) enter = Math.max(enter, holdsFrom(edge, liveOf(edge.name), at))
    }
    const active = enter + times.start
    const healthy = service.check ? active + service.check.startGrace + times.check : active
    const ended = service.job ? active + times.run : Number.POSITIVE_INFINITY
    const life = { enter, active, healthy, ended, rest: ended + times.stop }
    lives.set(name, life)
    return life
  }
  for (const name of names) liveOf(name)
  return lives
}

/** The first instant, not before `at`, at which the condition holds (§4). */
function holdsFrom({ condition }: Edge, life: Life, at: number): number {
  const completed = life.died ? Number.POSITIVE_INFINITY : life.rest
  if (condition === 'completed') return Math.max(at, completed)
  if (condition === 'healthy') return Math.max(at, life.healthy)
  const over = at >= life.ended && at < completed
  return over ? completed : Math.max(at, life.active)
}

/** When the last of them that comes up at all is healthy, or completed (R29). */
export function makespan(stack: Stack, lives: ReadonlyMap<string, Life>): number {
  const ends = [...lives].map(([name, life]) => (find(stack, name).job ? life.rest : life.healthy))
  return Math.max(0, ...ends.filter(Number.isFinite))
}

/** Why `path` is not a longest chain of waits, from a service that waits for none to the one that is up last. */
export function pathFaults(stack: Stack, lives: ReadonlyMap<string, Life>, path: readonly string[]): string[] {
  const found: string[] = []
  const began = Math.min(...[...lives.values()].map((life) => life.enter))
  path.forEach((name, i) => {
    const life = lives.get(name)
    const edge = find(stack, name).dependsOn.find((each) => each.name === path[i - 1])
    const before = edge && lives.get(edge.name)
    const from = i === 0 ? began : edge && before && holdsFrom(edge, before, began)
    if (life?.enter !== from) found.push(`${name} starts at ${life?.enter}, its predecessor allows ${from}`)
  })
  const last = path.at(-1)
  const end = makespan(stack, lives)
  const reached = last && lives.has(last) && makespan(stack, new Map([...lives].filter(([name]) => name === last)))
  if (reached !== end) found.push(`${last} is up at ${reached}, the last one at ${end}`)
  return found
}

/**
 * When each of `names` goes down from `at` on: after everything that depends on it over edges in which stops have an `order` (R13).
 * `sick` is an instance already gone, which waits for nobody.
 */
export function goDown(
  stack: Stack,
  names: ReadonlySet<string>,
  at: number,
  order: Follow,
  sick?: string,
): Map<string, Death> {
  const deaths = new Map<string, Death>()
  const deathOf = (name: string): Death => {
    const known = deaths.get(name)
    if (known) return known
    const before = name === sick ? [] : [...dependents(stack, name, order)].filter((other) => names.has(other))
    const enter = Math.max(at, ...before.map((other) => deathOf(other).rest))
    const death = { enter, rest: enter + timesOf(stack, name).stop }
    deaths.set(name, death)
    return death
  }
  for (const name of names) deathOf(name)
  return deaths
}

/** When the last of them is at rest. */
export function lastRest(deaths: ReadonlyMap<string, Death>): number {
  return Math.max(0, ...[...deaths.values()].map((death) => death.rest))
}

/** The journal of services coming up. `from` is the state each is in at `at`. */
export function journalUp(
  stack: Stack,
  lives: ReadonlyMap<string, Life>,
  at: number,
  from: (name: string) => string,
): string[] {
  const lines: string[] = []
  for (const [name, life] of lives) {
    let state = from(name)
    if (life.enter > at && state === 'unknown') {
      lines.push(line(at, name, 'unknown → waiting'))
      state = 'waiting'
    }
    if (life.enter === Number.POSITIVE_INFINITY) continue
    lines.push(line(life.enter, name, `${state} → starting`), line(life.enter, name, 'onStart'))
    lines.push(line(life.active, name, 'starting → running'))
    const { check, job } = find(stack, name)
    if (check) lines.push(line(life.healthy, name, 'checking → healthy'))
    if (job) {
      const why = life.died ? 'failed' : 'completed'
      const death = { enter: life.ended, rest: life.rest }
      lines.push(
        ...journalDown(
          new Map([[name, death]]),
          () => why,
          () => life.died ?? 'stopped',
        ),
      )
    }
  }
  return lines
}

/** The journal of services going down: why each does, and the state it comes to rest in. */
export function journalDown(
  deaths: ReadonlyMap<string, Death>,
  why: (name: string) => string,
  to: (name: string) => string,
): string[] {
  return [...deaths].flatMap(([name, death]) => [
    line(death.enter, name, `running → stopping (${why(name)})`),
    line(death.enter, name, 'onStop'),
    line(death.rest, name, `stopping → ${to(name)}`),
  ])
}

/** One line of a journal. */
export const line = (at: number, name: string, what: string): string => `${String(at).padStart(9)} ${name}: ${what}`

/** Of the stack, which has it. */
export function find(stack: Stack, name: string): StackService {
  const service = stack.services.get(name)
  if (!service) throw new Error(`${stack.name} has no service "${name}"`)
  return service
}
