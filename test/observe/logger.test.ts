/** createLogger on the real pino, and what the core writes into any logger: pino itself, the console, one of its own. */
import { defineService, isKeelsonError, KeelsonError, type Logger, Orchestrator } from 'keelson'
import { createLogger, type LoggerOptions, parseLevel } from 'keelson/observe'
import { VirtualClock } from 'keelson/testing'
import { pino } from 'pino'
import { describe, expect, it, vi } from 'vitest'
import { settled, world } from '../support/world.js'

function made(options: LoggerOptions = {}) {
  const lines: string[] = []
  const log = createLogger({ clock: new VirtualClock(), stream: { write: (line) => lines.push(line) }, ...options })
  return { log, lines, records: () => lines.map((line): Record<string, unknown> => JSON.parse(line)) }
}

describe('createLogger', () => {
  it('writes one line of JSON per record: level, time, source, fields, message', () => {
    const { log, lines, records } = made({ source: 'gateway' })
    log.info('listening', { port: 8080, tags: ['a'] })
    log.warn('slow')
    const time = 1_704_067_200_000
    expect(records()).toEqual([
      { level: 'info', time, source: 'gateway', port: 8080, tags: ['a'], msg: 'listening' },
      { level: 'warn', time, source: 'gateway', msg: 'slow' },
    ])
    expect(lines.every((line) => line.endsWith('\n') && line.indexOf('\n') === line.length - 1)).toBe(true)
  })

  it('writes lines for people with format text', () => {
    const { log, lines } = made({ source: 'gateway', format: 'text', level: 'debug' })
    log.debug('listening', { port: 8080, path: '/a b', deep: { n: 1 }, none: null })
    log.error('gone')
    expect(lines).toEqual([
      '2024-01-01T00:00:00.000Z DEBUG gateway: listening port=8080 path="/a b" deep={"n":1} none=null\n',
      '2024-01-01T00:00:00.000Z ERROR gateway: gone\n',
    ])
  })

  it('writes errors with code, message and stack, keelson ones with their cause', () => {
    const { log, records } = made()
    const boom = Object.assign(new Error('boom'), { code: 'EBOOM' })
    log.error('failed', { error: new KeelsonError('START_FAILED', 'it failed', { cause: boom }) })
    log.error('failed', { error: boom })
    log.error('failed', { error: 'a string' })
    expect(records().map(({ error }) => error)).toEqual([
      {
        name: 'KeelsonError',
        code: 'START_FAILED',
        message: 'it failed',
        cause: 'EBOOM: boom',
        stack: expect.any(String),
      },
      { type: 'Error', code: 'EBOOM', message: 'boom', stack: expect.stringContaining('logger.test.ts') },
      'a string',
    ])
  })

  it('shows the stack of an error below its line with format text, and lets nobody forge a line', () => {
    const { log, lines } = made({ format: 'text' })
    log.error('failed', { error: new Error('boom\n2024 ERROR forged'), 'a\nb': 'c\r\u001b[31md' })
    log.info('one\ntwo')
    const [failed = '', info] = lines
    const [line, ...stack] = failed.trimEnd().split('\n')
    expect(line).toBe(
      '2024-01-01T00:00:00.000Z ERROR failed error="boom\\n2024 ERROR forged" a\\u000ab="c\\r\\u001b[31md"',
    )
    expect(stack.length).toBeGreaterThan(1)
    expect(stack.every((each) => each.startsWith('    '))).toBe(true)
    expect(info).toBe('2024-01-01T00:00:00.000Z INFO  one\\u000atwo\n')
  })

  it('writes any field that is an error as one, and the stacks of causes', () => {
    const { log, records } = made()
    const boom = new Error('boom')
    log.warn('odd', { reason: boom, cause: new KeelsonError('CRASHED', 'it died', { cause: boom }) })
    log.warn('bare', boom as never)
    const stack = expect.stringContaining('logger.test.ts')
    expect(records()).toMatchObject([
      { reason: { message: 'boom', stack }, cause: { code: 'CRASHED', message: 'it died', stack } },
      { error: { message: 'boom', stack }, msg: 'bare' },
    ])
    const text = made({ format: 'text' })
    text.log.error('failed', { error: new KeelsonError('CRASHED', 'it died', { cause: boom }) })
    expect(text.lines[0]).toMatch(
      /^.* ERROR failed error="it died"\n {4}KeelsonError: it died\n(?: {8}.*\n)* {4}caused by: Error: boom\n {8}at /,
    )
  })

  it('has one level, time, source and message per record, whatever the fields are called', () => {
    const fields = { time: 'later', level: 'x', msg: 'forged', source: 's', time_: 1, port_: 2, __proto: 3 }
    const { log, lines } = made({ source: 'me' })
    log.info('hello', fields)
    const mine = '"time_":"later","level_":"x","msg_":"forged","source_":"s","time__":1,"port_":2,"__proto":3'
    expect(lines).toEqual([`{"level":"info","time":1704067200000,"source":"me",${mine},"msg":"hello"}\n`])
    const text = made({ format: 'text' })
    text.log.info('hello', fields)
    expect(text.lines[0]).toMatch(/^2024-01-01T00:00:00\.000Z INFO {2}s: hello time_=later /)
  })

  it('loses no message to a field that is none', () => {
    const { log, records } = made()
    log.info('100 %s', 'abc' as never)
    log.info('none', null as never)
    expect(records()).toMatchObject([{ value: 'abc', msg: '100 %s' }, { msg: 'none' }])
  })

  it('writes nothing below its level, and nothing at all if silent', () => {
    for (const [level, expected] of [
      ['debug', 4],
      ['info', 3],
      ['warn', 2],
      ['error', 1],
      ['silent', 0],
    ] as const) {
      const { log, lines } = made({ level })
      log.debug('d')
      log.info('i')
      log.warn('w')
      log.error('e')
      expect(lines).toHaveLength(expected)
    }
    expect(made().log.debug('not by default')).toBeUndefined()
  })

  it.each([
    [{ level: 'loud' }, /level is 'loud'; pass one of debug/],
    [{ format: 'xml' }, /format is 'xml'/],
    [{ source: 1 }, /source is number/],
    [{ stream: {} }, /stream has no write/],
    [{ clock: {} }, /clock has no wall/],
    [{ levle: 'info' }, /levle is no option; known are level, format/],
    [null, /options is no object/],
  ])('R51 refuses %j with the path of the mistake', (options, message) => {
    let thrown: unknown
    try {
      createLogger(options as never)
    } catch (error) {
      thrown = error
    }
    expect(isKeelsonError(thrown, 'CONFIG_INVALID')).toBe(true)
    expect((thrown as Error).message).toMatch(message)
  })

  it('tells any day of any century as ISO 8601 does', () => {
    const days = [0, 951_782_400_000, 951_868_799_999, 1_709_164_800_123, 4_107_542_400_000, -1, -62_135_596_800_000]
    for (const wall of days) {
      const { log, lines } = made({ format: 'text', clock: new VirtualClock({ wall }) })
      log.info('x')
      expect(lines).toEqual([`${new Date(wall).toISOString()} INFO  x\n`])
    }
  })
})

describe('parseLevel', () => {
  it.each([
    ['debug', 'debug'],
    [' INFO ', 'info'],
    ['Warning', 'warn'],
    ['fatal', 'error'],
    ['trace', 'debug'],
    ['off', 'silent'],
    ['', 'warn'],
    ['loud', 'warn'],
    ['constructor', 'warn'],
    [undefined, 'warn'],
  ] as const)('%j is %s where warn is the default', (text, level) => {
    expect(parseLevel(text, 'warn')).toBe(level)
  })
})

/** A service that writes from each hook, and an orchestrator that writes about it. */
async function talk(logger: Logger): Promise<void> {
  const db = defineService('db', {
    start: ({ log, own }) => {
      log.info('opening', { service: 'another', path: '/db' })
      own(() => Promise.reject(new Error('lock lost')))
    },
    stop: ({ log }) => log.debug('closing'),
  })
  const { app, clock } = world({ services: [db], logger })
  const end = app.on('operation', ({ phase }) => {
    if (phase === 'end') throw new Error('a clumsy listener')
  })
  for (const _ of [1, 2]) {
    void settled(app.start())
    await clock.settle()
    void settled(app.stop())
    await clock.settle()
  }
  end()
}

const told = (epoch: number): object[] => [
  { message: 'opening', service: 'db', epoch, path: '/db' },
  { message: expect.stringMatching(/^a listener of 'operation' events threw/) },
  { message: 'closing', service: 'db', epoch },
  { message: expect.stringMatching(/disposer failed: lock lost/), service: 'db', epoch },
  { message: expect.stringMatching(/^a listener of 'operation' events threw/) },
]

describe('every record of a service carries its name and epoch', () => {
  it('with createLogger', async () => {
    const { log, records } = made({ level: 'debug' })
    await talk(log)
    const seen = records().map(({ msg, ...fields }) => ({ message: msg, ...fields }))
    expect(seen).toMatchObject([...told(1), ...told(2)])
  })

  it('with a pino of its own, which has the fields first', async () => {
    const lines: string[] = []
    await talk(pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) }))
    const seen = lines.map((line) => JSON.parse(line)).map(({ msg, ...fields }) => ({ message: msg, ...fields }))
    expect(seen).toMatchObject([...told(1), ...told(2)])
  })

  it('with a child of a pino, whose bindings stay', async () => {
    const lines: string[] = []
    const parent = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
    await talk(parent.child({ part: 'boot' }))
    expect(lines.map((line) => JSON.parse(line)).every(({ part }) => part === 'boot')).toBe(true)
    expect(lines).toHaveLength(10)
  })

  it('with the console', async () => {
    const seen: object[] = []
    const spies = (['debug', 'info', 'warn', 'error'] as const).map((level) =>
      vi.spyOn(console, level).mockImplementation((message, fields) => void seen.push({ message, ...fields })),
    )
    await talk(console)
    for (const spy of spies) spy.mockRestore()
    expect(seen).toMatchObject([...told(1), ...told(2)])
  })
})

it('is a logger of an orchestrator by its type, and so are the others', () => {
  const loggers: Logger[] = [createLogger({ level: 'silent' }), pino({ level: 'silent' }), console]
  for (const logger of loggers) expect(new Orchestrator({ logger })).toBeInstanceOf(Orchestrator)
})
