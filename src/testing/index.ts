// The door of keelson/testing: what a program's own tests need to run its services on virtual time.
// Not for production, and never loaded by the root entry.

export type { InjectedFault } from './generate-own.js'
export type { Invariant, SimulatedApp, SimulatedFactory, SimulatedMoment, SimulatedWorld } from './own.js'
export { type EventRecord, type RecordOptions, recordEvents } from './record-events.js'
export { type SimulateOptions, type SimulateReport, SimulationFailure, simulate } from './simulate.js'
export { VirtualClock, type VirtualClockOptions } from './virtual-clock.js'
