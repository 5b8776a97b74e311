// An abort signal that is made when somebody asks for it: most hooks never do, and an AbortController is dear.

export class LazySignal {
  #controller: AbortController | undefined
  #aborted = false
  #reason: unknown

  /** The signal; whoever asks late finds it aborted. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#aborted) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** Aborts it, once. */
  abort(reason: unknown): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#reason = reason
    this.#controller?.abort(reason)
  }
}
