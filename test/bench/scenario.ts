// The parts that every scenario has, and what goes between the driver and the fresh process that measures. No scenario
// knows of rounds; no driver knows what is measured.

/** What a fresh process is told to do. */
export interface Task {
  readonly scenario: string
  readonly contestant: string
  readonly params: Params
  /** Asserts that the contestant does it right, instead of timing it. */
  readonly verify: boolean
}

/** What makes one case differ from another. */
export type Params = Readonly<Record<string, string | number>>

/** What was measured in one process, by name of the figure. */
export type Figures = Record<string, number>

/** One case: what is measured, and who is put to it. */
export interface Case {
  readonly id: string
  readonly params: Params
  readonly contestants: readonly string[]
  /** What is asserted, if it is the same for several cases. */
  readonly asserted?: Params
  /** Milliseconds that one process may take, if more than usual. */
  readonly patience?: number
  /** Rounds, if other than what was asked for. */
  readonly rounds?: number
}

/** What the person at the command line asked for. */
export interface Wishes {
  readonly n: readonly number[] | undefined
  readonly quick: boolean
  readonly peers: boolean
}

/** One line of the report: a figure, and the target that it must keep. */
export interface Row {
  readonly what: string
  /** `NaN` if it was not asked for this time. */
  readonly value: number
  readonly unit?: string
  /** What else there is to know of the figure. */
  readonly note?: string
  readonly atMost?: number
  readonly atLeast?: number
  /** The line of the digest that it goes into, with others of the same name. */
  readonly gist?: string
}

/** Whether the figure keeps its target. */
export const isReached = ({ value, atMost, atLeast }: Row): boolean =>
  value <= (atMost ?? Number.POSITIVE_INFINITY) && value >= (atLeast ?? Number.NEGATIVE_INFINITY)

/** A scenario: its cases, how one is measured, and what the figures say. */
export interface Scenario {
  readonly name: string
  /** What is measured and in what unit, in one line. */
  readonly about: string
  /** The figure that is compared to the floors; the others are shown beside it. */
  readonly main: string
  cases(wishes: Wishes): Case[]
  /** Throws unless the contestant does all that is asked for, in the right order. */
  verify(contestant: string, params: Params): Promise<void>
  /** How those are used who are contestants of this scenario alone, in one line each. */
  readonly uses?: Readonly<Record<string, string>>
  measure(contestant: string, params: Params): Promise<Figures>
  rows(results: Results): Row[]
}

/** Where a figure is found: its case, its contestant, its name. */
export type Place = readonly [id: string, contestant: string, figure: string]

/** All that was measured in one scenario. */
export class Results {
  readonly cases: readonly Case[]
  /** What could not be measured, and why. */
  readonly lost: string[] = []
  readonly #rounds: Map<string, Figures[]> = new Map()

  constructor(cases: readonly Case[]) {
    this.cases = cases
  }

  enter(id: string, contestant: string, round: number, figures: Figures): void {
    const key = `${id} ${contestant}`
    const rounds = this.#rounds.get(key) ?? []
    rounds[round] = figures
    this.#rounds.set(key, rounds)
  }

  /** The names of the figures that a contestant has in a case. */
  figures(id: string, contestant: string): string[] {
    return Object.keys((this.#rounds.get(`${id} ${contestant}`) ?? []).find(Boolean) ?? {})
  }

  /** A figure in every round; empty if the contestant was not put to it. */
  values(id: string, contestant: string, figure: string): number[] {
    return (this.#rounds.get(`${id} ${contestant}`) ?? []).flatMap((figures) => figures?.[figure] ?? [])
  }

  /** One contestant's figure over another's, each within the same round. */
  ratios(id: string, contestant: string, other: string, figure: string): number[] {
    const [mine, theirs] = [[id, contestant, figure] as const, [id, other, figure] as const]
    return this.compared(mine, theirs, (a, b) => a / b).filter(Number.isFinite)
  }

  /** Two figures and what to make of them, for each round that has both: one that was lost shifts no other. */
  compared(one: Place, other: Place, of: (a: number, b: number) => number): number[] {
    const rounds = ([id, contestant]: Place): Figures[] => this.#rounds.get(`${id} ${contestant}`) ?? []
    const others = rounds(other)
    return rounds(one).flatMap((figures, round) => {
      const [a, b] = [figures?.[one[2]], others[round]?.[other[2]]]
      return a === undefined || b === undefined ? [] : [of(a, b)]
    })
  }

  /** Everything, for the JSON. */
  toJSON(): unknown {
    return this.cases.map(({ id, params, contestants }) => ({
      id,
      params,
      rounds: Object.fromEntries(contestants.map((name) => [name, this.#rounds.get(`${id} ${name}`) ?? []])),
    }))
  }
}
