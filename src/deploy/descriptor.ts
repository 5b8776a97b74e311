// What one file of a deployment says: a service to be, as data. The schema is the one source of its shape - the checks
// here and the JSON Schema for editors both come from it - and the identity tells whether two of them are the same.
// Knows no files, no factories and no running services.

import { z } from 'zod'
import {
  type Dependency,
  defineService,
  type HealthCheckOptions,
  KeelsonError,
  type LiveOptions,
  type RestartOptions,
} from '../index.js'
import { canonical } from './plain.js'
import { at, lineOf, several } from './wording.js'

/** A service to be, as data: one file of a deployment. Durations are milliseconds. */
export interface Descriptor {
  /** Unique in the directory and in the orchestrator. */
  readonly name: string
  /** Which factory builds the service. */
  readonly type: string
  /** `false` takes the service down and out, and keeps the file. Default `true`. */
  readonly enabled: boolean
  /** What its factory is given, as the factory's schema reads it. Default `{}`. */
  readonly config: unknown
  /** What must be up before it, by name or in detail; names of other descriptors or of services of the program. */
  readonly dependsOn?: readonly (string | Dependency)[]
  /** When and how often it comes back by itself. A change alone restarts nothing. */
  readonly restart?: RestartOptions
  /** How its health is checked; its service needs a check. A change alone restarts nothing. */
  readonly healthCheck?: HealthCheckOptions
  /** Whether its failed start fails the start of all, and its giving up ends `run`, also if it was deployed later. A change
   * alone restarts nothing. Default `true`. */
  readonly essential?: boolean
  /** Pause before each start, once all it waits for is there. A change alone restarts nothing. Default 0. */
  readonly startDelay?: number
}

const text = (what: string): z.ZodType<string, string> => z.string().min(1).describe(what)
const delay = (what: string): z.ZodType<number, number> => z.number().min(0).describe(`${what}, in milliseconds.`)
const span = (what: string): z.ZodType<number, number> => z.number().positive().describe(`${what}, in milliseconds.`)
const count = (least: number, what: string): z.ZodType<number, number> => z.int().min(least).describe(what)

const dependency = z.strictObject({
  name: text('The name of the service that this one needs.'),
  condition: z
    .enum(['started', 'healthy', 'completed'])
    .describe('What must hold before this one starts. Default healthy.')
    .exactOptional(),
  optional: z.boolean().describe('It may be absent. Default false.').exactOptional(),
  timeout: span('Bound of the wait. Default 300 000').exactOptional(),
  onTimeout: z
    .enum(['fail', 'warn', 'continue'])
    .describe('What the end of that wait means. Default fail, continue if optional.')
    .exactOptional(),
  onLoss: z
    .enum(['stop', 'keep'])
    .describe('What this one does when the other is lost. Default stop, keep if optional.')
    .exactOptional(),
})

const restart = z.strictObject({
  policy: z
    .enum(['never', 'on-failure', 'always'])
    .describe('When it comes back by itself. Default on-failure.')
    .exactOptional(),
  maxRetries: count(0, 'Retries before it is failed; 0 is unlimited. Default 5.').exactOptional(),
  initialBackoff: delay('Delay before the first retry. Default 1 000').exactOptional(),
  maxBackoff: delay('Upper bound of every delay. Default 60 000').exactOptional(),
  multiplier: z.number().min(1).describe('Growth from one delay to the next. Default 2.').exactOptional(),
  jitter: z.number().min(0).max(1).describe('Share of the delay that chance changes. Default 0.25.').exactOptional(),
  stableAfter: delay('Time up and healthy after which the retries are whole again. Default 60 000').exactOptional(),
})

const healthCheck = z.strictObject({
  interval: span('Time between two checks. Default 10 000').exactOptional(),
  timeout: span('Time after which a check counts as failed. Default 5 000').exactOptional(),
  startGrace: delay('Time from up to the first check. Default 0').exactOptional(),
  failureThreshold: count(1, 'Failures in a row that make it unhealthy. Default 3.').exactOptional(),
  successThreshold: count(1, 'Successes in a row that make it healthy. Default 1.').exactOptional(),
  onUnhealthy: z.enum(['restart', 'report']).describe('Restart it, or only tell. Default restart.').exactOptional(),
})

const object = z
  .strictObject({
    $schema: z.string().describe('Where an editor finds this schema; keelson does not look at it.').exactOptional(),
    name: text('Unique in the directory and in the orchestrator.'),
    type: text('Which factory builds the service.'),
    enabled: z.boolean().describe('false takes the service down and out, and keeps the file.').default(true),
    config: z.unknown().describe('What the factory of this type is given.').default({}),
    dependsOn: z
      .array(z.union([z.string().min(1), dependency], { error: 'the name of a service, or an object with a name' }))
      .describe('What must be up before it: names, or objects with a name and conditions.')
      .exactOptional(),
    restart: restart.describe('When and how often it comes back by itself.').exactOptional(),
    healthCheck: healthCheck.describe('How its health is checked; its service needs a check.').exactOptional(),
    essential: z
      .boolean()
      .describe('Whether its failed start fails the start of all, and its giving up ends the program. Default true.')
      .exactOptional(),
    startDelay: delay('Pause before each start. Default 0').exactOptional(),
  })
  .meta({ title: 'keelson descriptor', description: 'A service to be deployed by keelson/deploy: one file each.' })

/** The schema of a descriptor, for programs that write or check descriptors themselves. */
export const descriptorSchema: z.ZodType<Descriptor> = object.transform(({ $schema: _, ...descriptor }) => descriptor)

/** The JSON Schema of a descriptor (draft 7), the one that is shipped as `keelson/descriptor.schema.json`. */
export function descriptorJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(object, { io: 'input', target: 'draft-7' })
}

/**
 * Reads plain data as a descriptor. `subject` begins the message.
 * @throws `CONFIG_INVALID` with the path of every field that is wrong, contradicts another or has no effect.
 */
export function readDescriptor(data: unknown, subject: string): Descriptor {
  const result = descriptorSchema.safeParse(data)
  if (!result.success) {
    const says = result.error.issues
      .flatMap(meant)
      .flatMap((issue) =>
        issue.code === 'unrecognized_keys'
          ? issue.keys.map((key) => `${at([...issue.path, key])} is no field; correct its name, or take it out`)
          : [lineOf(issue, data)],
      )
    throw new KeelsonError('CONFIG_INVALID', `${subject}: ${several(says)}`)
  }
  const descriptor = result.data
  const { name, dependsOn = [], restart, healthCheck, essential, startDelay } = descriptor
  try {
    // The contradictions between options are the core's to find: a service that is never registered tells them.
    const given = { restart, healthCheck, essential, startDelay }
    const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
    defineService(name, { dependsOn, ...options, ...(healthCheck === undefined ? {} : { check: () => true }) })
  } catch (error) {
    const { message } = error as KeelsonError
    throw new KeelsonError('CONFIG_INVALID', `${subject}: ${message}`, { cause: error })
  }
  if (dependsOn.some((edge) => nameOf(edge) === name))
    throw new KeelsonError(
      'DEPENDENCY_CYCLE',
      `${subject}: depends on itself: ${name} → ${name}; take '${name}' out of its dependsOn`,
    )
  return descriptor
}

/** What is wrong in the one branch of a union whose kind of value it is; that it is none of them, if there is not one. */
function meant(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const isOfKind = (branch: readonly z.core.$ZodIssue[]): boolean =>
    !branch.some(({ code, path }) => code === 'invalid_type' && path.length === 0)
  const [branch, ...others] = issue.errors.filter(isOfKind)
  if (branch === undefined || others.length > 0) return [issue]
  return branch.flatMap((inner) => meant({ ...inner, path: [...issue.path, ...inner.path] }))
}

/** What makes two descriptors the same service, and what may differ without a restart; as texts to compare. */
export interface Identity {
  /** Type, config and dependencies: what only a new epoch can change. */
  readonly core: string
  /** The options that are applied live. */
  readonly live: string
}

/** The identity of a descriptor: the order of keys and of dependencies, and shorthands, make no difference. */
export function identityOf({ type, config, dependsOn = [], ...rest }: Descriptor): Identity {
  const edges = dependsOn.map((edge) => canonical(typeof edge === 'string' ? { name: edge } : edge)).sort()
  return { core: canonical({ type, config, edges }), live: canonical(liveOptions(rest)) }
}

/** The options that are applied live; each is there, `undefined` where the descriptor says nothing. */
export function liveOptions({ restart, healthCheck, essential, startDelay }: Partial<Descriptor>): LiveOptions {
  return { restart, healthCheck, essential, startDelay }
}

/** The name at the other end of a declared dependency. */
export const nameOf = (edge: string | Dependency): string => (typeof edge === 'string' ? edge : edge.name)
