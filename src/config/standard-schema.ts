// The Standard Schema interface (standardschema.dev), as its specification says to copy it: types only, version 1.
// What zod, valibot, arktype and others are to a Config: something that validates, and may tell the shape it wants.

/** Any schema that follows the Standard Schema specification, version 1; zod's and others' do. */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** What the specification asks for; see standardschema.dev. */
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
    /** Standard JSON Schema, where the library has it: tells which keys and types are declared. */
    readonly jsonSchema?:
      | {
          readonly input: (options: {
            readonly target: 'draft-2020-12'
            readonly libraryOptions?: Record<string, unknown> | undefined
          }) => Record<string, unknown>
        }
      | undefined
  }
}

/** The type of what a schema gives. */
export type InferOutput<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['output']

/** What `validate` gives: a value, or issues. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** One thing that a schema finds wrong. */
export interface SchemaIssue {
  /** What, for people. */
  readonly message: string
  /** Where, from the top. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}
