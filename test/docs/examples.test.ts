/** The numbered course: each lesson is short, checks itself, and ends by itself with exit code 0. */
import { describe, expect, it } from 'vitest'
import { files, read, run } from '../support/house.js'

const lessons = files('examples').filter((path) => /^examples\/[^/]+$/.test(path))

describe('examples', () => {
  it('are numbered without gaps', () => {
    const expected = lessons.map((_, i) => `examples/${String(i + 1).padStart(2, '0')}-`)
    expect(lessons.map((path) => path.slice(0, expected[0]?.length))).toEqual(expected)
    expect(lessons).not.toEqual([])
  })

  it.each(lessons)(
    '%s has at most 80 lines, runs and exits 0',
    async (path) => {
      expect(read(path).split('\n').length - 1).toBeLessThanOrEqual(80)
      const { code, stderr } = await run(path)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    },
    30_000,
  )
})
