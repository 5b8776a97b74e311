// A line to a thread or a child process: numbered questions, answers in any order, one error for all when it is cut.

interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

export class Line {
  readonly #send: (question: object) => void
  readonly #open = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>()
  #asked = 0
  #cut: Error | undefined

  constructor(send: (question: object) => void) {
    this.#send = send
  }

  ask<T>(question: object): Promise<T> {
    if (this.#cut) return Promise.reject(this.#cut)
    const id = ++this.#asked
    return new Promise<T>((resolve, reject) => {
      this.#open.set(id, { resolve, reject })
      this.#send({ id, ...question })
    })
  }

  answer({ id, value, error }: Answer): void {
    const question = this.#open.get(id)
    this.#open.delete(id)
    if (error === undefined) question?.resolve(value as never)
    else question?.reject(new Error(error))
  }

  /** Rejects what is open and whatever is asked from now on. */
  cut(error: Error): void {
    this.#cut = error
    for (const { reject } of this.#open.values()) reject(error)
    this.#open.clear()
  }
}
