import { z } from 'zod'
import { forms } from '../dialects/forms.ts'
import { typeNames } from '../dialects/types.ts'
import { dialects, type Dialect } from '../job.ts'
import type { Json, JsonObject } from '../json.ts'
import { jobRules, recipientRules } from './rules.ts'
import { callbackWords, jobWords, unsayable } from './words.ts'

const draft = 'https://json-schema.org/draft/2020-12/schema'

export const messages = ['job', 'callback'] as const
export type Message = (typeof messages)[number]

/** The file of a message's schema, such as `spec.job.schema.json`. */
export const schemaFile = (dialect: Dialect, message: Message): string => `${dialect}.${message}.schema.json`

/**
 * The JSON Schema (draft 2020-12) of a message in a dialect, from the zod schemas by which Offload itself reads it.
 * `x-sent-by` says who writes the message, which decides what a change of it breaks.
 */
export function messageSchema(dialect: Dialect, message: Message): JsonObject {
  return {
    $schema: draft,
    $id: `urn:manireports-offload:${dialect}:${message}`,
    'x-sent-by': message === 'job' ? 'plugin' : 'cloud',
    ...(message === 'job' ? jobSchema(dialect) : callbackSchema(dialect)),
  }
}

/** Every message's schema, by the name of its file. */
export function messageSchemas(): Map<string, JsonObject> {
  const pairs = dialects.flatMap((dialect) => messages.map((message) => [dialect, message] as const))
  return new Map(pairs.map(([dialect, message]) => [schemaFile(dialect, message), messageSchema(dialect, message)]))
}

function jobSchema(dialect: Dialect): JsonObject {
  const form = forms[dialect]
  const { properties, required, ...job } = objectSchema(form.job)
  const recipient = merged(objectSchema(form.recipient), recipientRules(form))
  return {
    title: `Job message (${dialect})`,
    description: `Identified by ${form.identifiedBy}. Unknown fields are tolerated; null counts as absent. ${unsayable}`,
    ...(described(
      {
        ...job,
        properties: {
          ...properties,
          // In the body alone; the reader also takes the SQS message attribute.
          type: { type: 'string', minLength: 1, maxLength: 64 },
          callback_url: withPattern(properties['callback_url'], '^[Hh][Tt][Tt][Pp][Ss]?://'),
          recipients: {
            type: 'array',
            minItems: 1,
            items: { $ref: '#/$defs/recipient' },
            description: 'Each person once; a batch of a job adds to those before it.',
          },
        },
        required: [...new Set([...required, 'type', 'recipients'])].sort(),
        allOf: jobRules(form),
        $defs: {
          known_type: { description: 'The names of all dialects.', enum: Object.keys(typeNames).sort() },
          recipient,
        },
      },
      jobWords,
    ) as JsonObject),
  }
}

function callbackSchema(dialect: Dialect): JsonObject {
  const note =
    dialect === 'detailed' ? ' Invented: no document gives the body of this callback, and `_note` says so.' : ''
  return {
    title: `Callback body (${dialect})`,
    description: `What Moodle receives. Further fields may come and are to be ignored.${note}`,
    ...(described(objectSchema(forms[dialect].callbackSchema), callbackWords) as JsonObject),
  }
}

interface ObjectSchema extends JsonObject {
  properties: JsonObject
  required: string[]
}

/** A zod schema of an object as JSON Schema, without what says nothing. */
export function objectSchema(schema: z.ZodType): ObjectSchema {
  const { $schema: _, ...written } = z.toJSONSchema(schema, { io: 'input' }) as JsonObject
  const { properties, required, ...rest } = plain(written) as JsonObject
  return {
    ...rest,
    properties: (properties ?? {}) as JsonObject,
    required: [...((required ?? []) as string[])].sort(),
  }
}

function plain(given: Json): Json {
  if (Array.isArray(given)) return given.map(plain)
  if (typeof given !== 'object' || given === null) return given
  const schema: JsonObject = {}
  for (const [name, inner] of Object.entries(given)) {
    if (name === 'properties') {
      schema[name] = Object.fromEntries(Object.entries(inner as JsonObject).map(([key, value]) => [key, plain(value)]))
    } else if (name === 'anyOf') {
      schema[name] = (inner as Json[]).map(plain).flatMap(alternatives)
    } else if (!(name === 'additionalProperties' && isEmpty(inner)) && name !== 'propertyNames') {
      schema[name] = plain(inner)
    }
  }
  // What zod writes for an empty tuple; an empty prefixItems is no valid schema.
  if (schema['type'] === 'array' && schema['maxItems'] === 0) return { type: 'array', maxItems: 0 }
  return schema
}

/** A union inside a union is one union. */
function alternatives(schema: Json): Json[] {
  const { anyOf, ...rest } = schema as JsonObject
  return anyOf !== undefined && Object.keys(rest).length === 0 ? (anyOf as Json[]) : [schema]
}

const isEmpty = (given: Json) => typeof given === 'object' && given !== null && Object.keys(given).length === 0

function withPattern(schema: Json | undefined, pattern: string): Json {
  const { anyOf, ...rest } = (schema ?? {}) as { anyOf: JsonObject[] }
  return {
    ...rest,
    anyOf: anyOf.map((one) => (one['type'] === 'string' ? { ...one, format: 'uri', pattern } : one)),
  }
}

function merged(schema: ObjectSchema, more: JsonObject): JsonObject {
  const { properties, ...rest } = more
  return { ...schema, properties: { ...schema.properties, ...(properties as JsonObject | undefined) }, ...rest }
}

/** Gives each field its description. */
function described(given: Json, words: Readonly<Record<string, string>>): Json {
  if (Array.isArray(given)) return given.map((inner) => described(inner, words))
  if (typeof given !== 'object' || given === null) return given
  const entries = Object.entries(given).map(([name, inner]): [string, Json] => {
    if (name !== 'properties') return [name, name === 'allOf' ? inner : described(inner, words)]
    const fields = Object.entries(inner as JsonObject).map(([field, schema]): [string, Json] => {
      const description = words[field]
      const inside = described(schema, words) as JsonObject
      return [field, description === undefined ? inside : { description, ...inside }]
    })
    return [name, Object.fromEntries(fields)]
  })
  return Object.fromEntries(entries)
}
