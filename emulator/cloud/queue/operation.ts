import { z } from 'zod'
import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import { malformedInput, missingParameter } from './errors.ts'
import type { Messages } from './messages.ts'
import type { MoveTasks } from './move-tasks.ts'
import type { Receivers } from './receivers.ts'
import type { Registry } from './registry.ts'

/** Group commit (`store.write`); at once where nothing that a group could share has to reach a disk. */
export type Write = <T>(run: () => T) => Promise<T>

/** What an operation works on. */
export interface QueueEngine {
  readonly store: Store
  readonly write: Write
  readonly clock: Clock
  readonly registry: Registry
  readonly messages: Messages
  readonly receivers: Receivers
  readonly moveTasks: MoveTasks
  readonly account: string
  /** Bytes a message, and a batch, may have. */
  readonly maximumMessageSize: number
}

/** Who asks, as far as an operation needs to know. */
export interface Caller {
  /** How the caller reaches a queue: URLs follow the address that it used itself. */
  queueUrl(name: string): string
  /** Aborted when the caller has gone. Asked for only by what waits. */
  signal(): AbortSignal
}

/** AWS's members by name; undefined where the operation answers nothing. */
export type Answer = Readonly<Record<string, unknown>> | undefined

export interface Operation {
  /** `input` is untrusted, in the shape of AWS's JSON protocol. Throws (rejects with) a `QueueError`. */
  perform(input: unknown, caller: Caller): Promise<Answer>
}

type Path = readonly PropertyKey[]

const lookUp = (input: unknown, path: Path): unknown =>
  path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key], input)

// Both protocols name a missing member as the Query protocol writes it: SendMessageBatchRequestEntry.1.MessageBody.
const spell = (operation: string, path: Path): string =>
  path
    .map((key) =>
      typeof key === 'number' ? String(key + 1) : key === 'Entries' ? `${operation}RequestEntry` : String(key),
    )
    .join('.')

// No operation's input is deeper than Entries[] → MessageAttributes → name → member.
const deepest = 5

const withoutNulls = (value: unknown, depth = 0): unknown => {
  if (depth > deepest) return value
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item, depth + 1))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) => (member === null ? [] : [[key, withoutNulls(member, depth + 1)]])),
  )
}

function parse<Schema extends z.ZodType>(name: string, schema: Schema, input: unknown): z.output<Schema> {
  const direct = schema.safeParse(input)
  if (direct.success) return direct.data
  // A member that is null counts as absent; looked at only here, off the common path.
  const cleaned = withoutNulls(input)
  const parsed = schema.safeParse(cleaned)
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues
  const missing = issues.find((issue) => issue.path.length > 0 && lookUp(cleaned, issue.path) === undefined)
  if (missing !== undefined) throw missingParameter(spell(name, missing.path))
  const [first] = issues
  throw malformedInput(`${spell(name, first?.path ?? []) || 'The request'}: ${first?.message ?? 'cannot be read'}`)
}

/** An operation is a schema, which makes a type of the input once, and a function of that type. */
export function operation<Schema extends z.ZodType>(
  name: string,
  schema: Schema,
  run: (input: z.output<Schema>, caller: Caller) => Answer | Promise<Answer>,
): Operation {
  return {
    async perform(input, caller) {
      return run(parse(name, schema, input), caller)
    },
  }
}

/** A queue's name out of its URL: only the end of the path counts, as the host depends on where the caller stands. */
export const queueUrl = z.string().transform((url, context) => {
  if (url === '') throw missingParameter('QueueUrl')
  const path = url.split(/[?#]/, 1)[0] ?? ''
  const name = path.replace(/\/+$/, '').split('/').at(-1)
  if (name === undefined || name === '') {
    context.addIssue({ code: 'custom', message: 'the URL names no queue' })
    return z.NEVER
  }
  return name
})
