// What every contestant of the benchmark looks like from outside: it is handed plain descriptions of services and gives
// back a host that starts and stops them. It knows nothing of scenarios, rounds or clocks.

/** One service as the scenario wants it. */
export interface Spec {
  readonly name: string
  readonly dependsOn: readonly string[]
  readonly start: () => unknown
  readonly stop: () => unknown
  /** Its hooks return promises; else they return nothing. */
  readonly slow?: boolean
}

/** Services that were built and can be brought up and down once. */
export interface Host {
  start(): unknown
  stop(): unknown
  /** Registers one more and starts it. */
  add?(spec: Spec): unknown
  /** Stops one and takes it out. */
  remove?(name: string): unknown
  /** Lets go of what the library keeps beside its services. */
  close?(): unknown
}

/** What a contestant says of itself, and how it builds a host. */
export interface Contestant {
  readonly name: string
  /** How it is used here, in one line. */
  readonly use: string
  /** What it does not do of what is measured, in one line. */
  readonly lacks: string
  /** It waits for no hook that takes time. */
  readonly synchronous?: boolean
  build(specs: readonly Spec[]): Host | Promise<Host>
}
