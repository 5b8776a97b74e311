// An abort signal that is made when somebody asks for it: most hooks never do, and an AbortController is dear.

export abstract class LazySignal {
  /** Nobody has asked, or it was aborted before anybody did. */
  #controller: AbortController | 'aborted' | undefined

  /** Why it is aborted; asked for once, when somebody sees it. */
  protected abstract why(): unknown

  /** The signal; whoever asks late finds it aborted. */
  get signal(): AbortSignal {
    const known = this.#controller
    if (known instanceof AbortController) return known.signal
    const made = new AbortController()
    this.#controller = made
    if (known === 'aborted') made.abort(this.why())
    return made.signal
  }

  /** Somebody has asked for it: aborting it runs code of theirs. */
  protected get seen(): boolean {
    return this.#controller instanceof AbortController
  }

  /** Aborts it, once. */
  abort(): void {
    const known = this.#controller
    if (!(known instanceof AbortController)) this.#controller = 'aborted'
    else if (!known.signal.aborted) known.abort(this.why())
  }
}
