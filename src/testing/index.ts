// The door of keelson/testing: what a program's own tests need to run its services on virtual time.
// Not for production, and never loaded by the root entry.

export { type EventRecord, type RecordOptions, recordEvents } from './record-events.js'
export { VirtualClock, type VirtualClockOptions } from './virtual-clock.js'
