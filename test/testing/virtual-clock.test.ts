import { VirtualClock } from 'keelson/testing'
import { describe, expect, it } from 'vitest'
import { settled } from '../support/promises.js'

const setup = () => {
  const clock = new VirtualClock()
  const log: string[] = []
  const note = (what: string) => (): void => void log.push(`${clock.now()} ${what}`)
  return { clock, log, note }
}

/** A promise chain of so many microtasks. */
async function microtasks(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await null
}

describe('time', () => {
  it('stands still until it is advanced, from 0 and the first instant of 2024', async () => {
    const clock = new VirtualClock()
    expect([clock.now(), clock.wall()]).toEqual([0, Date.UTC(2024, 0, 1)])
    await clock.settle()
    expect(clock.now()).toBe(0)
    await clock.advance(1_500)
    expect([clock.now(), clock.wall()]).toEqual([1_500, Date.UTC(2024, 0, 1) + 1_500])
  })

  it('begins where the options say', () => {
    const clock = new VirtualClock({ now: 7, wall: 1_000 })
    expect([clock.now(), clock.wall()]).toEqual([7, 1_000])
  })

  it('jump moves the wall clock alone, forth and back, and fires nothing', async () => {
    const { clock, log, note } = setup()
    clock.setTimeout(note('timer'), 10)
    clock.jump(3_600_000)
    expect([clock.now(), clock.wall()]).toEqual([0, Date.UTC(2024, 0, 1, 1)])
    clock.jump(-7_200_000)
    expect(clock.wall()).toBe(Date.UTC(2023, 11, 31, 23))
    await clock.advance(9)
    expect(log).toEqual([])
  })
})

describe('timers', () => {
  it('fire in order of due time, then of insertion, each at its own time', async () => {
    const { clock, log, note } = setup()
    clock.setTimeout(note('late'), 30)
    clock.setTimeout(note('first of 10'), 10)
    clock.setTimeout(note('second of 10'), 10)
    clock.setTimeout(note('5'), 5)
    clock.setTimeout(note('beyond'), 31)
    await clock.advance(30)
    expect(log).toEqual(['5 5', '10 first of 10', '10 second of 10', '30 late'])
    expect(clock.pending).toBe(1)
  })

  it('of 1 000 shuffled timers, half of them taken back, the others fire in order', async () => {
    const clock = new VirtualClock()
    const fired: number[] = []
    const handles = Array.from({ length: 1_000 }, (_, n) => {
      const due = (n * 7_919) % 503
      return clock.setTimeout(() => fired.push(due * 1_000 + n), due)
    })
    for (const [n, handle] of handles.entries()) if (n % 2) clock.clearTimeout(handle)
    expect(clock.pending).toBe(500)
    await clock.advance(503)
    expect(fired).toHaveLength(500)
    expect(fired).toEqual([...fired].sort((a, b) => a - b))
    expect(clock.pending).toBe(0)
  })

  it('a timer set by a callback fires in the same advance if it is due within it', async () => {
    const { clock, log, note } = setup()
    clock.setTimeout(() => {
      note('outer')()
      clock.setTimeout(note('inner'), 5)
    }, 10)
    await clock.advance(15)
    expect(log).toEqual(['10 outer', '15 inner'])
  })

  it('a delay of 0 or less is due at once, but never inside the call', async () => {
    const { clock, log, note } = setup()
    clock.setTimeout(note('zero'), 0)
    clock.setTimeout(note('negative'), -5)
    expect(log).toEqual([])
    await clock.settle()
    expect(log).toEqual(['0 zero', '0 negative'])
  })

  it('clearTimeout takes back a timer, also one that is due now, and ignores what is none', async () => {
    const { clock, log, note } = setup()
    const second = clock.setTimeout(note('second'), 10)
    clock.clearTimeout(second)
    const third = { handle: undefined as unknown }
    clock.setTimeout(() => clock.clearTimeout(third.handle), 10)
    third.handle = clock.setTimeout(note('third'), 10)
    for (const other of [undefined, null, 5, {}, new VirtualClock().setTimeout(() => {}, 1)]) clock.clearTimeout(other)
    expect(clock.pending).toBe(2)
    await clock.advance(10)
    clock.clearTimeout(second)
    expect(log).toEqual([])
    expect(clock.pending).toBe(0)
  })

  it('a sleep resolves at its time and counts as pending until then', async () => {
    const { clock, log, note } = setup()
    const nap = settled(clock.sleep(20).then(note('awake')))
    await clock.advance(19)
    expect([nap.status, clock.pending]).toEqual(['pending', 1])
    await clock.advance(1)
    expect([nap.status, clock.pending, log]).toEqual(['fulfilled', 0, ['20 awake']])
  })

  it('a sleep beyond the limit of host timers works', async () => {
    const { clock, log, note } = setup()
    const month = 30 * 86_400_000
    clock.sleep(month).then(note('a month'))
    await clock.advance(month)
    expect(log).toEqual([`${month} a month`])
  })

  it('10 000 timers at 10 000 instants, each with a chain of promises, take no more than a second', async () => {
    const clock = new VirtualClock()
    let done = 0
    for (let n = 0; n < 10_000; n++) clock.setTimeout(() => void microtasks(20).then(() => done++), n)
    const began = performance.now()
    await clock.advance(10_000)
    expect(done).toBe(10_000)
    expect(performance.now() - began).toBeLessThan(1_000)
  })
})

describe('between two callbacks', () => {
  it('all microtasks run, however long their chains', async () => {
    const { clock, log, note } = setup()
    clock.setTimeout(() => void microtasks(5_000).then(note('chain of the first')), 10)
    clock.setTimeout(note('second'), 10)
    clock.setTimeout(note('third'), 11)
    await clock.advance(11)
    expect(log).toEqual(['10 chain of the first', '10 second', '11 third'])
  })

  it('deferred tasks run one by one, with their microtasks, and those that they defer', async () => {
    const { clock, log, note } = setup()
    clock.setTimeout(() => {
      clock.defer(() => {
        note('one')()
        void microtasks(100).then(note('microtasks of one'))
        clock.defer(note('three'))
      })
      clock.defer(note('two'))
      void microtasks(100).then(note('microtasks of the timer'))
      expect(clock.pending).toBe(3)
    }, 10)
    clock.setTimeout(note('next timer'), 10)
    await clock.advance(10)
    const at10 = ['microtasks of the timer', 'one', 'microtasks of one', 'two', 'three', 'next timer']
    expect(log).toEqual(at10.map((what) => `10 ${what}`))
  })

  it('what was already under way is settled before time moves', async () => {
    const { clock, log, note } = setup()
    void microtasks(1_000).then(note('earlier'))
    clock.setTimeout(note('timer'), 1)
    await clock.advance(1)
    expect(log).toEqual(['0 earlier', '1 timer'])
  })

  it('settle runs deferred tasks and microtasks until nothing more happens, and no time passes', async () => {
    const { clock, log, note } = setup()
    let left = 50
    const again = (): void => {
      if (left-- > 0) void microtasks(10).then(() => clock.defer(again))
      else note('done')()
    }
    clock.defer(again)
    clock.setTimeout(note('later'), 1)
    await clock.settle()
    expect([log, clock.pending]).toEqual([['0 done'], 1])
  })
})

describe('a stall', () => {
  it('moves both clocks and fires nothing; what fell due fires late, in order, when the host runs again', async () => {
    const { clock, log, note } = setup()
    clock.setTimeout(note('20'), 20)
    clock.setTimeout(note('10'), 10)
    clock.setTimeout(note('101'), 101)
    clock.stall(100)
    expect([clock.now(), clock.wall(), log]).toEqual([100, Date.UTC(2024, 0, 1) + 100, []])
    await clock.settle()
    expect(log).toEqual(['100 10', '100 20'])
    await clock.advance(1)
    expect(log.at(-1)).toBe('101 101')
  })

  it('in a callback is part of the time that is advanced', async () => {
    const { clock, log, note } = setup()
    clock.setTimeout(() => clock.stall(50), 10)
    clock.setTimeout(note('20'), 20)
    clock.setTimeout(note('80'), 80)
    await clock.advance(100)
    expect([clock.now(), log]).toEqual([100, ['60 20', '80 80']])
  })

  it('in a callback may outlast the advance', async () => {
    const { clock, log, note } = setup()
    clock.setTimeout(() => clock.stall(500), 10)
    clock.setTimeout(note('20'), 20)
    clock.setTimeout(note('200'), 200)
    clock.setTimeout(note('600'), 600)
    await clock.advance(100)
    expect([clock.now(), log, clock.pending]).toEqual([510, ['510 20', '510 200'], 1])
  })
})

describe('callers', () => {
  it('overlapping calls are served one after the other', async () => {
    const { clock, log, note } = setup()
    clock.setTimeout(note('15'), 15)
    const calls = [clock.advance(10).then(note('first')), clock.settle().then(note('second')), clock.advance(10)]
    await Promise.all(calls)
    expect([clock.now(), log]).toEqual([20, ['10 first', '10 second', '15 15']])
  })

  it('a hook may wait for time itself without blocking the test', async () => {
    const { clock, log, note } = setup()
    clock.setTimeout(() => void clock.advance(5).then(note('hook')), 10)
    await clock.advance(10)
    await clock.settle()
    expect(log).toEqual(['15 hook'])
  })

  it('a callback that throws rejects the advance, after all the others were called', async () => {
    const { clock, log, note } = setup()
    const error = new Error('boom')
    clock.setTimeout(() => {
      throw error
    }, 10)
    clock.setTimeout(note('20'), 20)
    await expect(clock.advance(20)).rejects.toBe(error)
    expect([clock.now(), log]).toEqual([20, ['20 20']])
    await clock.advance(1)
  })

  it('several that throw are told together, deferred tasks included', async () => {
    const { clock } = setup()
    const errors = [new Error('one'), 'two']
    clock.defer(() => {
      throw errors[0]
    })
    clock.setTimeout(() => {
      throw errors[1]
    }, 10)
    await expect(clock.advance(20)).rejects.toMatchObject({ name: 'AggregateError', errors })
  })

  it('what is no duration is refused with CONFIG_INVALID and the value, and nothing moves', async () => {
    const clock = new VirtualClock()
    const bad = [-1, Number.NaN, Number.POSITIVE_INFINITY, '5' as unknown as number]
    for (const ms of bad) {
      const refused = { code: 'CONFIG_INVALID', message: expect.stringContaining(`ms is ${ms}; pass`) }
      await expect(clock.advance(ms)).rejects.toMatchObject(refused)
      await expect(clock.sleep(ms)).rejects.toMatchObject(refused)
      expect(() => clock.stall(ms)).toThrow(expect.objectContaining(refused))
    }
    for (const ms of [Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY]) {
      const refused = { code: 'CONFIG_INVALID', message: expect.stringContaining('VirtualClock.setTimeout: ms is') }
      expect(() => clock.setTimeout(() => {}, ms)).toThrow(expect.objectContaining(refused))
    }
    const invalid = expect.objectContaining({ code: 'CONFIG_INVALID' })
    expect(() => clock.jump(Number.NaN)).toThrow(invalid)
    expect(() => new VirtualClock({ now: Number.NaN })).toThrow(invalid)
    expect(() => new VirtualClock({ wall: Number.POSITIVE_INFINITY })).toThrow(invalid)
    expect([clock.now(), clock.wall(), clock.pending]).toEqual([0, Date.UTC(2024, 0, 1), 0])
  })
})
