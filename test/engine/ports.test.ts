/** The outside of the engine: what is made of a logger that may be anybody's. */
import { asLogger, type Logger } from 'keelson'
import { describe, expect, it } from 'vitest'

/** A logger that keeps what it is given, as it is given it. */
function kept(more: object = {}): { readonly logger: Logger; readonly given: unknown[][] } {
  const given: unknown[][] = []
  const write =
    (level: string) =>
    (...args: unknown[]) =>
      void given.push([level, ...args])
  return {
    logger: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error'), ...more },
    given,
  }
}

describe('a logger', () => {
  it('R39 is called with the message and then the fields, with nothing where there are none', () => {
    const { logger, given } = kept()
    const log = asLogger(logger)
    log.debug('a')
    log.info('b', { port: 1 })
    log.warn('c', undefined)
    expect(given).toEqual([
      ['debug', 'a'],
      ['info', 'b', { port: 1 }],
      ['warn', 'c'],
    ])
  })

  it('R39 that takes the fields first, as pino does, is given them first', () => {
    const { logger, given } = kept({ bindings: () => ({}) })
    asLogger(logger).error('a', { port: 1 })
    asLogger(logger).error('b')
    expect(given).toEqual([
      ['error', { port: 1 }, 'a'],
      ['error', 'b'],
    ])
  })

  it('R39 can have fields of its own, which none of a call replaces', () => {
    const { logger, given } = kept()
    const log = asLogger(logger, { service: 'a' })
    log.info('x', { service: 'b', port: 1 })
    log.info('y')
    expect(given).toEqual([
      ['info', 'x', { service: 'a', port: 1 }],
      ['info', 'y', { service: 'a' }],
    ])
  })

  it('R39 keeps its own `this`, and disturbs nobody by throwing, by rejecting, or over fields that cannot be read', async () => {
    class Own {
      readonly lines: string[] = []
      debug(line: string): void {
        this.lines.push(line)
      }
      info(): never {
        throw new Error('disk full')
      }
      warn(): void {
        return Promise.reject(new Error('disk full')) as never
      }
      error(): void {}
    }
    const own = new Own()
    const log = asLogger(own, { a: 1 })
    log.debug('kept')
    log.info('lost')
    log.warn('lost')
    log.debug('lost', Object.defineProperty({}, 'a', { enumerable: true, get: () => expect.fail('unreadable') }))
    await Promise.resolve()
    expect(own.lines).toEqual(['kept'])
  })
})
