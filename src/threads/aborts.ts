// One listener for each signal, however many wait for it: a signal may end thousands of waits, of which each would have to be
// looked for among all when it goes, and Node warns of more than ten.

interface Waiting {
  readonly acts: Set<() => void>
  readonly aborted: () => void
}

const waiting = new WeakMap<AbortSignal, Waiting>()

/** Acts once when the signal is aborted, unless the function that it returns is called before. */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  const mine = (): void => act() // told from others that are the same
  const { acts, aborted } = waiting.get(signal) ?? listen(signal)
  acts.add(mine)
  return () => {
    if (!acts.delete(mine) || acts.size > 0 || waiting.get(signal)?.acts !== acts) return
    waiting.delete(signal)
    signal.removeEventListener('abort', aborted)
  }
}

function listen(signal: AbortSignal): Waiting {
  const acts = new Set<() => void>()
  const aborted = (): void => {
    waiting.delete(signal)
    for (const act of acts) act()
  }
  signal.addEventListener('abort', aborted, { once: true })
  const made = { acts, aborted }
  waiting.set(signal, made)
  return made
}
