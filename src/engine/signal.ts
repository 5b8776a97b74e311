// An abort signal that is made when somebody asks for it: most hooks never do, and an AbortController is dear.

export class LazySignal {
  #controller: AbortController | undefined
  #aborted = false
  #reason: () => unknown = () => undefined

  /** The signal; whoever asks late finds it aborted. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#aborted) this.#controller.abort(this.#reason())
    }
    return this.#controller.signal
  }

  /** Aborts it, once; the reason is made only if somebody sees it. */
  abort(reason: () => unknown): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#reason = reason
    this.#controller?.abort(reason())
  }
}
