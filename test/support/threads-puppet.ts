/**
 * A service in hand that can live in this thread or in another: everything that is called is told, in words, and what
 * it does is what its part says at that moment. The same module makes both, so that they can be compared.
 */
import type { Service, ServiceOptions, StartContext } from 'keelson'

type Does = 'well' | 'fail' | 'hang' | 'deaf'

/** What a puppet does; changed by whoever directs it. */
export interface Part {
  start: Does
  stop: Does
  /** What its check answers, or `fail`, or `hang`. */
  check: string
  /** Thrown by whatever fails. */
  code: string
  /** Ends its `run`, if it has one: well, or by an error. */
  end: (error?: unknown) => void
  /** Settles what hangs. */
  release: () => void
  context?: StartContext
}

/** What a puppet declares, and which hooks it has. */
export interface Role extends Omit<ServiceOptions, 'classify'> {
  readonly runs?: boolean
  readonly checks?: boolean
  /** The class of what it throws, by its code. */
  readonly classes?: Readonly<Record<string, string>>
  /** Names its resources, which tell when they are disposed of. */
  readonly owns?: readonly string[]
}

export function puppet(
  defineService: typeof import('keelson').defineService,
  tell: (what: string) => void,
  name: string,
  { runs, checks, classes, owns = [], ...options }: Role = {},
): { service: Service; part: Part } {
  const part: Part = { start: 'well', stop: 'well', check: 'healthy', code: 'E1', end: () => {}, release: () => {} }
  const failure = (): Error => Object.assign(new Error(`${name} failed`), { code: part.code })
  const act = async (does: Does, signal: AbortSignal): Promise<void> => {
    await undefined
    if (does === 'fail') throw failure()
    if (does === 'well') return
    await new Promise<void>((resolve, reject) => {
      part.release = resolve
      const aborted = (): void => {
        tell(`${name} aborted`)
        if (does === 'hang') reject(signal.reason)
      }
      if (signal.aborted) aborted()
      else signal.addEventListener('abort', aborted, { once: true })
    })
  }
  const service = defineService(name, {
    ...options,
    ...(classes && { classify: (error) => classes[(error as { code: string }).code] as 'transient' }),
    start: async (context) => {
      part.context = context
      tell(`${name} start ${context.epoch}`)
      for (const what of owns) context.own(() => tell(`${name} disposes of ${what}`))
      await act(part.start, context.signal)
    },
    ...(runs && {
      run: ({ signal }) =>
        new Promise<void>((resolve, reject) => {
          part.end = (error) => (error === undefined ? resolve() : reject(error))
          signal.addEventListener('abort', () => resolve(), { once: true })
        }),
    }),
    stop: async ({ epoch, reason, signal }) => {
      tell(`${name} stop ${epoch} ${reason}`)
      await act(part.stop, signal)
    },
    ...(checks && {
      check: async ({ signal, epoch }) => {
        tell(`${name} check ${epoch}`)
        if (part.check === 'fail') throw failure()
        if (part.check === 'hang') await act('hang', signal)
        return part.check as 'healthy'
      },
    }),
  })
  return { service, part }
}
