// The door of keelson/main: for the one file of a program that starts everything.
// The root entry never loads it, since a library has no business with signals and exit codes.

export { type RunMainOptions, runMain } from './run-main.js'
