/**
 * Is a recorded history linearizable? Each operation must seem to take effect at one instant between its call and its
 * return (Herlihy & Wing, "Linearizability", TOPLAS 1990), so that one after another they are what a sequential model
 * allows.
 *
 * - The search is that of Wing & Gong ("Testing and verifying concurrent objects", JPDC 1993): try every operation that
 *   nobody's return precedes, and go back where a return is met whose operation could not be placed.
 * - Lowe ("Testing for linearizability", CCPE 2017): a configuration - the set of what has been placed and the state
 *   that it left - is tried once. As there, a history is a doubly linked list of calls and returns from which what has
 *   been placed is lifted.
 * - What only looks comes as soon as it may and tells nothing new: whatever order explains the rest explains it with this
 *   one moved to its front. So most reads cost no search.
 * - Horn & Kroening ("Faster linearizability checking via P-compositionality", FORTE 2015; Herlihy & Wing's locality):
 *   a history over several names is linearizable when that of each name is: check them one by one, `partition`.
 * - A model that may move of its own accord, or in more than one way, is followed through all it can be, `anyOf`.
 * - An operation that is no instant but several, as a start (asked for, then up), is recorded as several of one span,
 *   the later ones with `after`: Castañeda, Rajsbaum & Raynal, "Unifying concurrent objects and distributed tasks:
 *   interval-linearizability" (JACM 2018).
 *
 * It knows nothing of services, threads or clocks.
 */

/** What one client after another may see; a state is never changed, a step gives another one. */
export interface Model<State, Input, Output> {
  readonly init: State
  /** The state after an operation that gave `output`; `undefined` when it cannot have. One without output is pending. */
  step(state: State, input: Input, output: Output | undefined): State | undefined
  /** Equal for equal states, and for no others. */
  key(state: State): string
  /** Whether it changes nothing, whatever the state; without this every operation may. */
  looks?(input: Input, output: Output | undefined): boolean
}

/** A call and its return, on a clock that all clients share. */
export interface Operation<Input, Output> {
  readonly client: number
  readonly input: Input
  /** `undefined` if it never returned; it may have taken effect at any time after its call, or not at all. */
  readonly output: Output | undefined
  readonly call: number
  /** `Infinity` if it never returned. */
  readonly end: number
  /** The one that takes effect before this one, whatever their spans. */
  readonly after?: Operation<Input, Output>
}

/** An order that explains a history, or how far one could get. */
export interface Verdict<Input, Output> {
  readonly linearizable: boolean
  /** All of it in an order that the model allows; if there is none, the longest beginning of one. */
  readonly order: readonly Operation<Input, Output>[]
  /** The one whose return could not be passed then. */
  readonly stuck: Operation<Input, Output> | undefined
  /** Configurations looked at: what the answer cost. */
  readonly configurations: number
}

/** Looks for an order of the operations that the model allows and the clock does not contradict. */
export function linearize<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
): Verdict<Input, Output> {
  const list = new Calls(history)
  const seen = new Set<string>()
  const placed = new Placed(history.length)
  const stack: { readonly index: number; readonly before: State; readonly key: string; readonly isForced: boolean }[] =
    []
  let state = model.init
  let key = model.key(state)
  let left = history.filter(({ end }) => end !== Infinity).length
  let best: number[] = []
  let stuck: number | undefined
  let at = list.first

  const verdict = (linearizable: boolean, order: readonly number[]): Verdict<Input, Output> => ({
    linearizable,
    order: order.map((index) => history[index]!),
    stuck: linearizable || stuck === undefined ? undefined : history[stuck],
    configurations: seen.size,
  })
  const indices = (): number[] => stack.map(({ index }) => index)

  while (left > 0) {
    const index = list.operation(at)
    if (list.isCall(at)) {
      const { input, output, end, after } = history[index]!
      const next = after === undefined || placed.has(list.indexOf(after)) ? model.step(state, input, output) : undefined
      const nextKey = next === undefined ? '' : model.key(next)
      const isForced = nextKey === key && end !== Infinity && model.looks?.(input, output) === true
      if (next !== undefined && placed.isNews(isForced ? undefined : seen, index, nextKey)) {
        stack.push({ index, before: state, key, isForced })
        state = next
        key = nextKey
        if (end !== Infinity) left--
        list.lift(index)
        at = list.first
      } else at = list.following(at)
      continue
    }
    if (stuck === undefined || stack.length > best.length) {
      best = indices()
      stuck = index
    }
    let forced = true
    while (forced) {
      const last = stack.pop()
      if (last === undefined) return verdict(false, best)
      state = last.before
      key = last.key
      forced = last.isForced
      if (history[last.index]!.end !== Infinity) left++
      placed.delete(last.index)
      at = list.following(list.putBack(last.index))
    }
  }
  return verdict(true, indices())
}

/** Calls and returns in the order of the clock; at one instant calls come first, so that equal times count as overlap. */
class Calls<Input, Output> {
  readonly #indices = new Map<Operation<Input, Output>, number>()
  /** Of each place 2 × the index of its operation, + 1 if it is the return. Place 0 is before all. */
  readonly #events: number[] = [-1]
  readonly #next: number[] = []
  readonly #previous: number[] = []
  readonly #places: number[] = []

  constructor(history: readonly Operation<Input, Output>[]) {
    const events = history.flatMap(({ end }, i) => (end === Infinity ? [2 * i] : [2 * i, 2 * i + 1]))
    const time = (event: number): number => history[event >> 1]![event % 2 === 0 ? 'call' : 'end']
    events.sort((a, b) => time(a) - time(b) || (a % 2) - (b % 2))
    this.#events.push(...events)
    for (const [place, event] of this.#events.entries()) {
      this.#next.push(place + 1)
      this.#previous.push(place - 1)
      if (place > 0) this.#places[event] = place
    }
    for (const [i, operation] of history.entries()) this.#indices.set(operation, i)
  }

  get first(): number {
    return this.#next[0]!
  }

  following(place: number): number {
    return this.#next[place]!
  }

  operation(place: number): number {
    return this.#events[place]! >> 1
  }

  isCall(place: number): boolean {
    return this.#events[place]! % 2 === 0
  }

  indexOf(operation: Operation<Input, Output>): number {
    return this.#indices.get(operation)!
  }

  lift(index: number): void {
    for (const place of this.#both(index)) {
      this.#next[this.#previous[place]!] = this.#next[place]!
      this.#previous[this.#next[place]!] = this.#previous[place]!
    }
  }

  /** Undoes the latest `lift`; gives the place of the call. */
  putBack(index: number): number {
    for (const place of this.#both(index).reverse()) {
      this.#next[this.#previous[place]!] = place
      this.#previous[this.#next[place]!] = place
    }
    return this.#places[2 * index]!
  }

  #both(index: number): number[] {
    const end = this.#places[2 * index + 1]
    return end === undefined ? [this.#places[2 * index]!] : [this.#places[2 * index]!, end]
  }
}

/** The set of what has been placed, as bits. */
class Placed {
  readonly #words: Int32Array

  constructor(size: number) {
    this.#words = new Int32Array((size >> 5) + 1)
  }

  has(index: number): boolean {
    return ((this.#words[index >> 5]! >> (index & 31)) & 1) === 1
  }

  delete(index: number): void {
    this.#words[index >> 5]! &= ~(1 << (index & 31))
  }

  /** Adds `index` if that, with the state it leads to, has not been tried; remembers it. Asks nobody without `seen`. */
  isNews(seen: Set<string> | undefined, index: number, state: string): boolean {
    this.#words[index >> 5]! |= 1 << (index & 31)
    if (seen === undefined) return true
    const key = `${this.#words.join()} ${state}`
    if (!seen.has(key)) return seen.add(key).size > 0
    this.delete(index)
    return false
  }
}

/** A model that is free: an operation may lead to several states, and a state may move on of its own accord. */
export interface FreeModel<State, Input, Output> {
  readonly init: State
  /** All that it can be after an operation that gave `output`; empty when it cannot have. */
  step(state: State, input: Input, output: Output | undefined): readonly State[]
  /** What it may become without anybody's operation, in one move. */
  moves(state: State): readonly State[]
  key(state: State): string
  looks?(input: Input, output: Output | undefined): boolean
}

/** Follows all that a free model can be at once (the subset construction). */
export function anyOf<State, Input, Output>({
  init,
  step,
  moves,
  key,
  looks = () => false,
}: FreeModel<State, Input, Output>): Model<ReadonlyMap<string, State>, Input, Output> {
  const closed = (states: readonly State[]): ReadonlyMap<string, State> => {
    const all = new Map(states.map((state) => [key(state), state]))
    for (const state of all.values()) for (const next of moves(state)) all.set(key(next), next)
    return all
  }
  return {
    init: closed([init]),
    step: (states, input, output) => {
      const next = [...states.values()].flatMap((state) => step(state, input, output))
      return next.length === 0 ? undefined : closed(next)
    },
    key: (states) => [...states.keys()].sort().join('|'),
    looks,
  }
}

/** The history of each name. */
export function partition<Input, Output>(
  history: readonly Operation<Input, Output>[],
  nameOf: (input: Input) => string,
): Map<string, Operation<Input, Output>[]> {
  const parts = new Map<string, Operation<Input, Output>[]>()
  for (const operation of history) {
    const name = nameOf(operation.input)
    const part = parts.get(name)
    if (part === undefined) parts.set(name, [operation])
    else part.push(operation)
  }
  return parts
}

/** A refused history as text: a line per operation in the order of the calls, what could be placed with its number. */
export function tell<Input, Output>(
  history: readonly Operation<Input, Output>[],
  { order, stuck }: Verdict<Input, Output>,
): string {
  const lines = [...history]
    .sort((a, b) => a.call - b.call)
    .map((operation) => {
      const { client, input, output, call, end } = operation
      const place = operation === stuck ? 'X' : order.includes(operation) ? `${order.indexOf(operation) + 1}.` : ''
      return `${place.padStart(4)} ${`${call}-${end}`.padEnd(12)} #${client} ${JSON.stringify(input)} → ${JSON.stringify(output)}`
    })
  return `no order explains this; the longest beginning of one is numbered, X could not be placed:\n${lines.join('\n')}`
}
