// The door of keelson/deploy: a directory of descriptors as the deployable unit.

export { Deployer } from './deployer.js'
export type { DeployerOptions, ScanOptions } from './deployer-options.js'
export type { DeployBackoff, DeployTarget } from './deployment.js'
export { type Descriptor, descriptorJsonSchema, descriptorSchema } from './descriptor.js'
export type { Env, FactoryEnv } from './env.js'
export { type Factory, type FactoryOptions, FactoryRegistry } from './factory-registry.js'
export type {
  DeployAction,
  DeployEvent,
  DeployEventMap,
  DeployOutcome,
  DeployPlan,
  DeployReport,
  DeployResult,
  DeployStep,
  ScanEvent,
} from './story.js'
