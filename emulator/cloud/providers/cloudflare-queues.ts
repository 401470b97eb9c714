import { z } from 'zod'
import type { Clock } from '../../kernel/clock.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import type { Store } from '../../kernel/store.ts'
import type { MessageAttributes } from '../queue/contents.ts'
import type { Queues } from '../queue/queues.ts'
import { decodeBase64 } from './outgoing.ts'

/**
 * Cloudflare Queues over HTTP, on the same queues as SQS: what is pushed to the worker's queue is a job, and what came
 * over SQS or the ingest can be pulled. A queue's id is its name.
 * Source: https://developers.cloudflare.com/queues/configuration/pull-consumers/ and …/platform/limits/
 */
export type CloudflareQueueErrorCode =
  | 'queue-not-found'
  | 'delay-invalid'
  | 'metadata-invalid'
  | 'message-size'
  | 'batch-size'
  | 'batch-count'
  | 'body-invalid'

export type CloudflareQueueError = EmulatorError<CloudflareQueueErrorCode>

const refuse = (code: CloudflareQueueErrorCode, message: string): CloudflareQueueError =>
  new EmulatorError(code, message)

/** Cloudflare counts 1 KB as 1000 bytes. */
const messageLimit = 128_000
const batchLimit = 256_000
const mostMessages = 100
const longestDelay = 86_400
const longestVisibilityMs = 43_200_000
/** How much SQS hands out at once. */
const mostTaken = 10

const contentTypes = ['json', 'text', 'bytes', 'v8'] as const
type ContentType = (typeof contentTypes)[number]

const pushed = z.object({
  body: z.unknown(),
  content_type: z.string().optional(),
  delay_seconds: z.number().optional(),
})
const pushedBatch = z.object({ messages: z.array(pushed), delay_seconds: z.number().optional() })
const pullOptions = z.object({
  batch_size: z.int().min(1).max(mostMessages).default(5),
  visibility_timeout_ms: z.int().min(1).max(longestVisibilityMs).default(30_000),
})
const lease = z.object({ lease_id: z.string() })
const acknowledgement = z.object({
  acks: z.array(lease).default([]),
  retries: z.array(lease.extend({ delay_seconds: z.int().min(0).max(longestDelay).optional() })).default([]),
})

function read<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const where = issue === undefined || issue.path.length === 0 ? 'the body' : issue.path.join('.')
  throw refuse('body-invalid', `${where}: ${issue?.message ?? 'not what this call takes'}`)
}

export interface PulledMessage {
  readonly id: string
  /** Plain for `text`; base64 for `json` and `bytes`. */
  readonly body: string
  readonly attempts: number
  readonly timestamp_ms: number
  readonly lease_id: string
  readonly metadata: Readonly<Record<string, string>>
}

export interface Acknowledged {
  readonly ackCount: number
  readonly retryCount: number
  readonly warnings: readonly string[]
}

/** Every body is the request's JSON as it came. Throws a `CloudflareQueueError`, or what the queue itself refuses. */
export interface CloudflareQueues {
  push(queue: string, body: unknown): Promise<void>
  pushBatch(queue: string, body: unknown): Promise<void>
  pull(queue: string, body: unknown): Promise<{ message_backlog_count: number; messages: readonly PulledMessage[] }>
  acknowledge(queue: string, body: unknown): Promise<Acknowledged>
}

interface Entry {
  readonly text: string
  readonly attributes: MessageAttributes
  readonly bytes: number
  readonly delayMs: number | undefined
}

/** The queue service, as far as this needs it. */
export interface QueueService {
  readonly operations: Pick<Queues['operations'], 'ReceiveMessage' | 'DeleteMessage' | 'ChangeMessageVisibility'>
  enqueue(
    queue: string,
    message: { body: string; attributes: MessageAttributes; delayMs: number | undefined },
  ): { readonly messageId: string }
  overview(): readonly { readonly name: string; readonly visible: number }[]
}

const contentTypeAttribute = 'CF-Content-Type'
const source = { 'CF-sourceMessageSource': 'api' }

/** What ReceiveMessage answers, as far as it is used here. */
const received = z.object({
  Messages: z
    .array(
      z.object({
        MessageId: z.string(),
        ReceiptHandle: z.string(),
        Body: z.string(),
        Attributes: z.record(z.string(), z.string()).default({}),
        MessageAttributes: z.record(z.string(), z.object({ StringValue: z.string().optional() })).default({}),
      }),
    )
    .default([]),
})
type Received = z.output<typeof received>['Messages'][number]

const nobody = { queueUrl: (name: string) => name, signal: () => new AbortController().signal }

export function createCloudflareQueues({
  store,
  clock,
  queues,
}: {
  store: Store
  clock: Clock
  queues: QueueService
}): CloudflareQueues {
  const check = (queue: string) => {
    const names = queues.overview().map(({ name }) => name)
    if (!names.includes(queue)) {
      throw refuse(
        'queue-not-found',
        `There is no queue "${queue.slice(0, 80)}". The id of a queue is its name here: ${names.join(', ')}.`,
      )
    }
  }

  const add = async (queue: string, entries: readonly Entry[]) =>
    await store.write(() => {
      for (const { text, attributes, delayMs } of entries) queues.enqueue(queue, { body: text, attributes, delayMs })
    })

  const settle = async (lease_id: string, run: () => Promise<unknown>, warnings: string[]) => {
    try {
      await run()
      return 1
    } catch (error) {
      if (!(error instanceof EmulatorError) || error.code === 'queue-not-found') throw error
      warnings.push(`lease_id ${lease_id.slice(0, 80)}: ${error.message.slice(0, 200)}`)
      return 0
    }
  }

  return {
    async push(queue, body) {
      check(queue)
      await add(queue, [entryOf(read(pushed, body), undefined)])
    },
    async pushBatch(queue, body) {
      check(queue)
      const { messages, delay_seconds: delay } = read(pushedBatch, body)
      if (messages.length === 0 || messages.length > mostMessages) {
        throw refuse('batch-count', `A batch holds 1 to ${mostMessages} messages; this one holds ${messages.length}.`)
      }
      if (delay !== undefined) checkDelay(delay, 'delay-invalid')
      const entries = messages.map((message) => entryOf(message, delay))
      const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0)
      if (bytes > batchLimit) {
        throw refuse('batch-size', `A batch holds at most ${batchLimit} bytes; this one holds ${bytes}.`)
      }
      await add(queue, entries)
    },
    async pull(queue, body) {
      check(queue)
      const { batch_size: most, visibility_timeout_ms: visibility } = read(pullOptions, body ?? {})
      const messages: PulledMessage[] = []
      for (let asked = mostTaken; asked === mostTaken && messages.length < most;) {
        asked = Math.min(mostTaken, most - messages.length)
        const answer = await queues.operations.ReceiveMessage.perform(
          {
            QueueUrl: `/${queue}`,
            MaxNumberOfMessages: asked,
            // SQS counts whole seconds.
            VisibilityTimeout: Math.ceil(visibility / 1000),
            WaitTimeSeconds: 0,
            MessageSystemAttributeNames: ['All'],
            MessageAttributeNames: ['All'],
          },
          nobody,
        )
        const { Messages: taken } = received.parse(answer ?? {})
        messages.push(...taken.map(pulledOf))
        if (taken.length < asked) break
      }
      const waiting = queues.overview().find(({ name }) => name === queue)
      return { message_backlog_count: waiting?.visible ?? 0, messages }
    },
    async acknowledge(queue, body) {
      check(queue)
      const { acks, retries } = read(acknowledgement, body)
      const warnings: string[] = []
      const QueueUrl = `/${queue}`
      const { DeleteMessage, ChangeMessageVisibility } = queues.operations
      const acked = await Promise.all(
        acks.map(({ lease_id }) =>
          settle(
            lease_id,
            async () => await DeleteMessage.perform({ QueueUrl, ReceiptHandle: lease_id }, nobody),
            warnings,
          ),
        ),
      )
      const retried = await Promise.all(
        retries.map(({ lease_id, delay_seconds = 0 }) => {
          // SQS hides a message for twelve hours at most, Cloudflare for a day.
          const VisibilityTimeout = Math.min(delay_seconds, longestVisibilityMs / 1000)
          return settle(
            lease_id,
            async () =>
              await ChangeMessageVisibility.perform({ QueueUrl, ReceiptHandle: lease_id, VisibilityTimeout }, nobody),
            warnings,
          )
        }),
      )
      const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0)
      return { ackCount: sum(acked), retryCount: sum(retried), warnings }
    },
  }

  function pulledOf(message: Received): PulledMessage {
    const type = contentTypeOf(message)
    return {
      id: message.MessageId.replaceAll('-', ''),
      body: type === 'json' ? Buffer.from(message.Body).toString('base64') : message.Body,
      attempts: Number(message.Attributes['ApproximateReceiveCount'] ?? 1),
      timestamp_ms: Number(message.Attributes['SentTimestamp'] ?? clock.now()),
      lease_id: message.ReceiptHandle,
      metadata: { ...source, [contentTypeAttribute]: type },
    }
  }
}

function checkDelay(seconds: number, code: 'delay-invalid' | 'metadata-invalid'): void {
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= longestDelay) return
  throw refuse(code, `delay_seconds must be a whole number from 0 to ${longestDelay}, not ${seconds}.`)
}

/** A message as the queue keeps it: `json` as its text, so that a job is a job; `bytes` as base64. */
function entryOf(message: z.output<typeof pushed>, batchDelay: number | undefined): Entry {
  const { body, content_type: type = 'json', delay_seconds: delay = batchDelay } = message
  if (delay !== undefined) checkDelay(delay, 'metadata-invalid')
  const known = contentTypes.find((one) => one === type)
  if (known === undefined || known === 'v8') {
    throw refuse(
      'metadata-invalid',
      `content_type must be json, text or bytes, not ${JSON.stringify(type.slice(0, 40))}.`,
    )
  }
  const { text, bytes } = contentOf(known, body)
  if (bytes === 0 || bytes > messageLimit) {
    throw refuse('message-size', `A message holds 1 to ${messageLimit} bytes; this one holds ${bytes}.`)
  }
  return {
    text,
    attributes: { [contentTypeAttribute]: { dataType: 'String', value: known } },
    bytes,
    delayMs: delay === undefined ? undefined : delay * 1000,
  }
}

function contentOf(type: Exclude<ContentType, 'v8'>, body: unknown): { text: string; bytes: number } {
  if (type === 'json') {
    if (body === undefined) throw refuse('body-invalid', 'body: a message needs one')
    const text = JSON.stringify(body)
    return { text, bytes: Buffer.byteLength(text) }
  }
  if (typeof body !== 'string') throw refuse('body-invalid', `body: content_type ${type} takes a string`)
  if (type === 'text') return { text: body, bytes: Buffer.byteLength(body) }
  const decoded = decodeBase64(body)
  if (decoded === undefined) throw refuse('body-invalid', 'body: content_type bytes takes base64')
  return { text: decoded.toString('base64'), bytes: decoded.length }
}

/** As it was pushed; what came by SQS or the ingest is JSON where it can be read so. */
function contentTypeOf({ Body: body, MessageAttributes: attributes }: Received): ContentType {
  const named = contentTypes.find((type) => type === attributes[contentTypeAttribute]?.StringValue)
  if (named !== undefined) return named
  try {
    JSON.parse(body)
    return 'json'
  } catch {
    return 'text'
  }
}
