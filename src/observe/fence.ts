// Calls into an observer that may be anybody's (R39): whatever it throws or rejects with is kept, and raised when the
// event is handled, so that the orchestrator reports it as it reports any listener that throws.
// An observer that fails at one span or number still gets all the others.

/** What calls into an observer have thrown since the last look. */
export class Fence {
  #thrown: unknown[] = []

  /** Calls; `undefined` if that threw. */
  readonly call = <Answer>(into: () => Answer): Answer | undefined => {
    try {
      const answer: unknown = into()
      // Nobody waits for an observer; one that is async in spite of its type must not end the process.
      if (answer instanceof Promise) answer.catch((error: unknown) => this.#thrown.push(error))
      return answer as Answer
    } catch (error) {
      this.#thrown.push(error)
      return undefined
    }
  }

  /** Throws what came first, if anything did: one report per event is enough. */
  readonly raise = (): void => {
    if (this.#thrown.length > 0) throw this.#thrown.splice(0)[0]
  }
}
