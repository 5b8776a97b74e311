// An abort signal that is made when somebody asks for it: most hooks never do, and an AbortController is dear.

export abstract class LazySignal {
  #controller: AbortController | undefined
  #aborted = false

  /** Why it is aborted; asked for once, when somebody sees it. */
  protected abstract why(): unknown

  /** The signal; whoever asks late finds it aborted. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#aborted) this.#controller.abort(this.why())
    }
    return this.#controller.signal
  }

  /** Somebody has asked for it: aborting it runs code of theirs. */
  protected get seen(): boolean {
    return this.#controller !== undefined
  }

  /** Aborts it, once. */
  protected abort(): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#controller?.abort(this.why())
  }
}
