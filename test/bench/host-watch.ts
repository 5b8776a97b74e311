// How the host fares while something runs beside it: how long its event loop was held, and how late its timers were.

/** Something that watches until it is ended, and then says the worst it has seen, in milliseconds. */
export interface Watch {
  end(): number
}

/** The longest time between two tasks of the event loop. */
export function longestHold(): Watch {
  let worst = 0
  let last = performance.now()
  let immediate: NodeJS.Immediate
  const look = (): void => {
    const now = performance.now()
    if (now - last > worst) worst = now - last
    last = now
    immediate = setImmediate(look)
  }
  immediate = setImmediate(look)
  return {
    end() {
      clearImmediate(immediate)
      return Math.max(worst, performance.now() - last)
    },
  }
}

/** By how much a timer of `interval` milliseconds that is set again and again came late, at worst. */
export function heartbeat(interval: number): Watch {
  let worst = 0
  let due = performance.now() + interval
  let timer: NodeJS.Timeout
  const beat = (): void => {
    const now = performance.now()
    if (now - due > worst) worst = now - due
    due = now + interval
    timer = setTimeout(beat, interval)
  }
  timer = setTimeout(beat, interval)
  return {
    end() {
      clearTimeout(timer)
      return Math.max(worst, performance.now() - due)
    },
  }
}

/** Lets everything that is due come to an end, and what is garbage go; bytes of heap that are then in use. */
export async function heapInUse(): Promise<number> {
  for (let k = 0; k < 4; k++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}
