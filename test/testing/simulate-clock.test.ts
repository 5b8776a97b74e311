import { VirtualClock } from 'keelson/testing'
import { describe, expect, it } from 'vitest'

describe('what a simulation asks of the clock', () => {
  it('order says which of the timers of one millisecond fires next, asked only where there are several', async () => {
    const asked: number[] = []
    const clock = new VirtualClock({
      order: (count) => {
        asked.push(count)
        return count - 1
      },
    })
    const fired: string[] = []
    for (const name of ['a', 'b', 'c']) clock.setTimeout(() => fired.push(name), 5)
    clock.setTimeout(() => fired.push('early'), 4)
    clock.setTimeout(() => fired.push('late'), 6)
    await clock.advance(10)
    expect(fired).toEqual(['early', 'c', 'b', 'a', 'late'])
    expect(asked).toEqual([3, 2])
  })

  it('every order of many timers of one millisecond fires each of them once', async () => {
    let state = 1
    const clock = new VirtualClock({
      order: (count) => {
        state = (state * 48_271) % 2_147_483_647
        return state % count
      },
    })
    const fired: number[] = []
    for (let n = 0; n < 100; n++) clock.setTimeout(() => fired.push(n), n % 3)
    await clock.advance(2)
    expect(fired).toHaveLength(100)
    expect(fired.map((n) => n % 3)).toEqual(fired.map((n) => n % 3).sort())
    expect([...fired].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, n) => n))
    expect(fired.slice(0, 34)).not.toEqual([...fired.slice(0, 34)].sort((a, b) => a - b))
  })

  it('refuses an order that is none with CONFIG_INVALID', async () => {
    const clock = new VirtualClock({ order: () => 7 })
    clock.setTimeout(() => {}, 1)
    clock.setTimeout(() => {}, 1)
    await expect(clock.advance(1)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'new VirtualClock: order is 7; pass a function that gives one of 0 to 1',
    })
  })

  it('next is when the next timer is due, late ones included', async () => {
    const clock = new VirtualClock()
    expect(clock.next).toBeUndefined()
    clock.setTimeout(() => {}, 20)
    clock.setTimeout(() => {}, 10)
    expect(clock.next).toBe(10)
    clock.stall(15)
    expect([clock.now(), clock.next]).toEqual([15, 10])
    await clock.settle()
    expect(clock.next).toBe(20)
  })

  it('an advance ends where until() becomes true, asked whenever nothing more happens without time passing', async () => {
    const clock = new VirtualClock()
    let ticks = 0
    const tick = (): void => {
      ticks++
      clock.setTimeout(tick, 10)
    }
    clock.setTimeout(tick, 10)
    await clock.advance(1_000, () => ticks === 3)
    expect([clock.now(), ticks]).toEqual([30, 3])
    await clock.advance(1_000, () => true)
    expect(clock.now()).toBe(30)
    await clock.advance(15, () => false)
    expect([clock.now(), ticks]).toEqual([45, 4])
  })
})
