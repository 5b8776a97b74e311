// The door of keelson/config: a configuration from a file and the environment, and the service that keeps it in step.
// JSON needs nothing; YAML and TOML load their optional peers when such a file is met.

export { Config, type ConfigOptions } from './config.js'
export type { ConfigWarning } from './environment.js'
export { parseTree } from './formats.js'
export { ConfigReader, ConfigSection } from './reader.js'
export { type ConfigIssue, validate } from './schema.js'
export { ConfigChange, ConfigSnapshot } from './snapshot.js'
export type { InferOutput, SchemaIssue, SchemaResult, StandardSchema } from './standard-schema.js'
export { type ConfigPath, type ConfigTree, type ConfigValue, shown } from './tree.js'
export { ConfigWatcher, type ConfigWatcherOptions } from './watcher.js'
