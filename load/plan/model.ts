import { z } from 'zod'
import { duration } from '../../contracts/duration.ts'
import { distribution, meanOf, type Distribution } from './distribution.ts'

/** A share from 0 to 1, or a percentage such as `2%`. */
const share = z
  .union([z.number(), z.string().regex(/^\s*\d+(\.\d+)?%?\s*$/)], { error: 'must be a share such as 0.02 or 2%' })
  .transform((value) => {
    const text = String(value).trim()
    return text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text)
  })
  .refine((value) => value >= 0 && value <= 1, 'must be from 0 to 1, or from 0% to 100%')

const number = (fits: (value: number) => boolean, error: string) =>
  z
    .union([z.number(), z.string().trim().min(1)], { error })
    .transform(Number)
    .refine(fits, { error })

const whole = (least: number, most: number) =>
  number(
    (value) => Number.isInteger(value) && value >= least && value <= most,
    `must be a whole number from ${least} to ${most}`,
  )

const rate = number((value) => value >= 1 && value <= 1_000_000, 'must be a number from 1 to 1000000')

const time = (most: number, words: string) =>
  duration.refine((value) => value > 0 && value <= most, `must be more than 0 and at most ${words}`)

const latency = distribution.default({ kind: 'constant', ms: 0 })

/** Of these only so many are simulated; the arithmetic has no end. */
const mostRecipients = 100_000_000

/** The simulation keeps all of it in memory, about 17 KB a recipient. */
export const mostSimulated = 100_000

/** A message holds a megabyte: about so many recipients. */
export const largestBatch = 2000

export const mostWorkers = 1000
export const mostAtOnce = 1000

/** A deployment, and what is asked of it. Times are milliseconds after parsing; what is not set takes no time, fails never and has no limit. */
export const modelSchema = z.strictObject({
  recipients: whole(1, mostRecipients).default(50_000),
  /** From the first submission to the last accepted callback. */
  budget: time(7 * 86_400_000, '168h').default(1_800_000),
  ingest: z
    .strictObject({
      /** Recipients in a message; 1: each recipient is a message. */
      batch: whole(1, largestBatch).default(200),
      /** Of one submission; they go one after the other, as the plugin sends them. */
      latency,
      /** Recipients submitted a second, where a load test paces its submissions. */
      rate: rate.optional(),
    })
    .prefault({}),
  queue: z
    .strictObject({
      /** Of the message, from the queue to the worker. */
      receive: latency,
      /** What the queue is set to; checked against how long a message is worked on. */
      visibility: time(43_200_000, '12h').optional(),
    })
    .prefault({}),
  workers: z
    .strictObject({
      /** Messages that are worked on at once: tasks, or concurrent invocations of a function. */
      count: whole(1, mostWorkers).default(4),
      /** Recipients that one worker renders, stores and mails at once. */
      at_once: whole(1, mostAtOnce).default(1),
      /** Before a worker's first message: a cold start. */
      start_up: distribution.default({ kind: 'constant', ms: 0 }),
      /** After which a message's worker is ended: the function's timeout. */
      timeout: time(86_400_000, '24h').optional(),
      /** Messages of one invocation, worked on one after the other: the event source's batch size. */
      messages: whole(1, 10).default(1),
    })
    .prefault({}),
  /** Without it no certificates are made. */
  certificate: z.strictObject({ render: latency, store: latency }).optional(),
  mail: z
    .strictObject({
      /** Mails a second. */
      rate: rate.optional(),
      /** Mails in 24 hours, and how many of them have gone already. */
      daily_quota: whole(1, 1_000_000_000).optional(),
      sent_today: whole(0, 1_000_000_000).default(0),
      latency,
      /** Of attempts, that fail for a passing reason and are tried again after 5 s, 30 s and 2 minutes. */
      error_rate: share.default(0),
      /** Of mails, that come back. */
      bounce_rate: share.default(0),
    })
    .prefault({}),
  callback: z
    .strictObject({
      latency,
      /** From an outcome to its callback's first attempt. */
      delay: duration.refine((value) => value <= 86_400_000, 'must be at most 24h').default(0),
      /** Callbacks on their way at once. */
      at_once: whole(1, mostAtOnce).default(4),
      /** Of attempts, that Moodle answers with 503. */
      error_rate: share.default(0),
    })
    .prefault({}),
})

export type Model = z.output<typeof modelSchema>
export type ModelInput = z.input<typeof modelSchema>

/** What a worker does for one recipient after the other: at most so many at once in one message. */
export const slotsOf = ({ workers, ingest }: Model): number => Math.min(workers.at_once, ingest.batch)

export const messagesOf = ({ recipients, ingest }: Model): number => Math.ceil(recipients / ingest.batch)

/** From the beginning of one submission to the beginning of the next. */
export function submissionOf({ ingest: { batch, rate: perSecond, latency: each } }: Model): Distribution {
  const paced = perSecond === undefined ? 0 : (batch * 1000) / perSecond
  return paced > meanOf(each) ? { kind: 'constant', ms: paced } : each
}
