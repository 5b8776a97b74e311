// The front door of keelson.

export { BaseService } from './base-service.js'
export { defineService, type ServiceDefinition } from './define-service.js'
export { asLogger, type Clock, systemClock } from './engine/ports.js'
export { ERROR_CODES, type ErrorCode, type ErrorJSON, isKeelsonError, KeelsonError } from './errors.js'
export type {
  AnyEvent,
  Cause,
  DependencyGraph,
  EventMap,
  EventsOptions,
  EventType,
  Explanation,
  GapItem,
  HealthEvent,
  HealthReport,
  ListenerErrorEvent,
  OperationEvent,
  OperationKind,
  OperationOutcome,
  OperationReport,
  OrchestratorEvent,
  Plan,
  PlanStep,
  RegisteredEvent,
  RetryEvent,
  ServiceOutcome,
  ServiceStatus,
  Snapshot,
  SnapshotItem,
  StateEvent,
  StatusEvent,
  UnregisteredEvent,
  WarningEvent,
} from './events.js'
export { type HostedService, hostService, type ServiceHost } from './host-service.js'
export {
  Orchestrator,
  type OrchestratorOptions,
  type StartOptions,
  type StopOptions,
  type UnregisterOptions,
} from './orchestrator.js'
export { ServiceRegistry } from './registry.js'
export type {
  CallOptions,
  CheckContext,
  CheckResult,
  Condition,
  Dependency,
  FailureClass,
  HealthChecker,
  HealthCheckOptions,
  HealthStatus,
  LiveOptions,
  Logger,
  Resource,
  RestartOptions,
  RunContext,
  Service,
  ServiceDataProvider,
  ServiceOptions,
  ServicePhase,
  ServiceState,
  StartContext,
  StateChange,
  StateUpdater,
  StatusReporter,
  StatusUpdate,
  StopContext,
  StopReason,
  Unsubscribe,
} from './service.js'
