/** logObserver and consoleObserver: spans as log records, with durations and errors. */
import { KeelsonError } from 'keelson'
import { consoleObserver, createLogger, logObserver } from 'keelson/observe'
import { VirtualClock } from 'keelson/testing'
import { pino } from 'pino'
import { describe, expect, it, vi } from 'vitest'
import { observing } from '../support/telemetry.js'
import { service, settled, world } from '../support/world.js'

function recorder() {
  const records: [level: string, message: string, fields: object | undefined][] = []
  const at = (level: string) => (message: string, fields?: object) => void records.push([level, message, fields])
  return { records, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } }
}

describe('logObserver', () => {
  it('writes spans at debug and failed ones at error, each with its duration and what it is below', async () => {
    const { records, logger } = recorder()
    const boom = new Error('no disk')
    const db = service('db', {
      type: 'store',
      start: { takes: 12, fails: true, error: boom },
      restart: { policy: 'never' },
    })
    const { app, clock } = world({ services: [db] })
    observing(app, logObserver(logger, { clock }), { clock })
    const start = settled(app.start())
    await clock.advance(20)
    const of = { 'keelson.service.name': 'db', 'keelson.service.type': 'store', 'keelson.service.epoch': 1 }
    expect(records).toEqual([
      [
        'error',
        "keelson.service.start - 12 ms - service 'db' - onStart failed: no disk",
        {
          span: 'keelson.service.start',
          parent: 'keelson.start',
          duration: 12,
          ...of,
          error: expect.objectContaining({ code: 'START_FAILED', cause: boom }),
        },
      ],
      [
        'debug',
        'keelson.service.stop - 0 ms',
        expect.objectContaining({ ...of, 'keelson.stop.reason': 'failed', duration: 0 }),
      ],
      [
        'error',
        expect.stringMatching(/^keelson\.start - 12 ms - start - failed/),
        expect.objectContaining({ error: start.error }),
      ],
    ])
  })

  it('measures by its clock what does not say when it begins and ends, whatever happens to the wall clock', () => {
    const { records, logger } = recorder()
    const clock = new VirtualClock()
    const observer = logObserver(logger, { clock })
    const work = observer.startSpan('work', { size: 3 })
    const part = observer.startSpan('part', undefined, work)
    clock.jump(-1_000)
    clock.stall(5)
    part.setAttribute('more', true)
    part.end()
    part.end() // once
    clock.stall(2.25)
    work.setError('first')
    work.setError('second')
    work.end()
    const began = observer.startSpan('began', {}, null, clock.wall() - 30)
    began.end()
    const ended = observer.startSpan('ended')
    ended.end(clock.wall() + 7)
    expect(records).toEqual([
      ['debug', 'part - 5 ms', { span: 'part', parent: 'work', duration: 5, more: true }],
      ['error', 'work - 7.3 ms - first', { span: 'work', duration: 7.25, size: 3, error: 'first' }],
      ['debug', 'began - 30 ms', { span: 'began', duration: 30 }],
      ['debug', 'ended - 7 ms', { span: 'ended', duration: 7 }],
    ])
  })

  it('takes any parent, any error, and drops numbers', () => {
    const { records, logger } = recorder()
    const observer = logObserver(logger, { clock: new VirtualClock() })
    const foreign = { setAttribute: () => {}, setError: () => {}, end: () => {} }
    const unreadable = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no')
        },
      },
    )
    for (const error of [undefined, null, unreadable, {}, Object.create(null), { code: 'E' }, Symbol('s')]) {
      const span = observer.startSpan('x', {}, foreign)
      span.setError(error)
      span.end()
    }
    observer.counter('c').add(1)
    observer.histogram('h').record(1)
    expect(records.map(([level, message]) => `${level} ${message}`)).toEqual([
      'error x - 0 ms - undefined',
      'error x - 0 ms - null',
      'error x - 0 ms - a value that cannot be read',
      'error x - 0 ms - [object Object]',
      'error x - 0 ms - a value that cannot be read',
      'error x - 0 ms - E',
      'error x - 0 ms - Symbol(s)',
    ])
  })

  it('writes into a pino with the fields where pino has them, and into createLogger', () => {
    const lines: string[] = []
    const stream = { write: (line: string) => void lines.push(line) }
    for (const logger of [pino({ level: 'debug' }, stream), createLogger({ level: 'debug', stream })])
      logObserver(logger).startSpan('work', { size: 3 }).end()
    for (const line of lines)
      expect(JSON.parse(line)).toMatchObject({ span: 'work', size: 3, msg: expect.stringMatching(/^work - .* ms$/) })
    expect(lines).toHaveLength(2)
  })
})

it.each<[unknown, unknown, string]>([
  [null, {}, 'logger has no debug(); pass a logger, such as console'],
  [{ debug: () => {} }, {}, 'logger has no error(); pass a logger, such as console'],
  [console, null, 'options is no object; pass { clock }'],
  [console, { clok: 1 }, 'clok is no option; known is clock'],
  [console, { clock: { now: () => 0 } }, 'clock has no wall(); pass a Clock'],
])('R51 what logObserver cannot take is refused when it is made: %#', (logger, options, message) => {
  expect(() => logObserver(logger as never, options as never)).toThrowError(
    new KeelsonError('CONFIG_INVALID', `logObserver(): ${message}`),
  )
})

it('consoleObserver writes spans to the console', () => {
  const debug = vi.spyOn(console, 'debug').mockImplementation(() => {})
  const error = vi.spyOn(console, 'error').mockImplementation(() => {})
  consoleObserver.startSpan('good').end()
  const bad = consoleObserver.startSpan('bad')
  bad.setError(new Error('boom'))
  bad.end()
  expect(debug.mock.calls).toEqual([[expect.stringMatching(/^good - /), expect.objectContaining({ span: 'good' })]])
  expect(error.mock.calls).toEqual([
    [expect.stringMatching(/^bad - .* - boom$/), expect.objectContaining({ span: 'bad' })],
  ])
  debug.mockRestore()
  error.mockRestore()
})
