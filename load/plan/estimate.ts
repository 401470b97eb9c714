import { meanOf, quantileOf } from './distribution.ts'
import { messagesOf, slotsOf, submissionOf, type Model } from './model.ts'

/** What can be the bottleneck. The worker's own time is `certificate`, `object store` or `mail call` where one of them is most of it. */
export type StageName =
  | 'ingest'
  | 'workers'
  | 'certificate'
  | 'object store'
  | 'mail call'
  | 'mail rate'
  | 'daily quota'
  | 'callback'
  | 'start-up'
  | 'retries'

export interface StageEstimate {
  readonly name: StageName
  /** How long the whole run takes if nothing else takes any time, in milliseconds. */
  readonly aloneMs: number
  /** The limit in words: `14/s`, `4 workers, 1 recipient at once each`. */
  readonly limit: string
}

export interface Estimate {
  readonly makespanMs: number
  readonly stages: readonly StageEstimate[]
  /** The stage that takes longest alone; undefined where nothing takes a second. */
  readonly bottleneck: StageEstimate | undefined
  /** How long a worker has a message, mostly: its own time, and its share of the wait for the mail rate. */
  readonly messageMs: number
}

/** The retry schedule of the contract: after the end of the pass in which it failed. */
export const retryScheduleMs = [5000, 30_000, 120_000] as const

const day = 86_400_000

/** The mean of 1, e, e², … attempts, of which there are at most four. */
export const attemptsEach = (errorRate: number): number =>
  [0, ...retryScheduleMs].reduce((sum, _, nth) => sum + errorRate ** nth, 0)

/** A recipient's own time in a worker, in milliseconds, by call. */
export function chainOf({ certificate, mail }: Model) {
  return {
    certificate: certificate === undefined ? 0 : meanOf(certificate.render),
    'object store': certificate === undefined ? 0 : meanOf(certificate.store),
    'mail call': meanOf(mail.latency) * attemptsEach(mail.error_rate),
  } as const
}

/** What a worker needs for a whole message, without waiting for the mail rate. */
export function messageTimeOf(model: Model, recipients = Math.min(model.ingest.batch, model.recipients)): number {
  const { certificate, 'object store': store, 'mail call': mail } = chainOf(model)
  const slots = Math.min(slotsOf(model), recipients)
  return meanOf(model.queue.receive) + (recipients * (certificate + store + mail)) / slots + slowestOf(model, slots)
}

/** By how much the slowest of those that are done at once is later than the mean: a message waits for it. */
function slowestOf({ certificate, mail }: Model, slots: number): number {
  if (slots === 1) return 0
  const calls = [mail.latency, ...(certificate === undefined ? [] : [certificate.render, certificate.store])]
  return Math.max(...calls.map((call) => Math.max(0, quantileOf(call, slots / (slots + 1)) - meanOf(call))))
}

/** All messages, as many at once as there are workers; the last may be smaller. */
function allMessagesOf(model: Model): number {
  const { recipients, ingest, workers } = model
  const full = Math.floor(recipients / ingest.batch)
  const rest = recipients % ingest.batch
  const rounds = Math.floor(full / workers.count)
  const last = full % workers.count > 0 ? messageTimeOf(model) : rest > 0 ? messageTimeOf(model, rest) : 0
  return (rounds === 0 ? 0 : rounds * messageTimeOf(model)) + last
}

/** The run by arithmetic: each stage as if it were alone, and the slowest decides. */
export function estimate(model: Model): Estimate {
  const { recipients, ingest, workers, mail, callback } = model
  const messages = messagesOf(model)
  const mails = recipients * attemptsEach(mail.error_rate)
  const busy = Math.min(workers.count, messages)
  const messageTime = messageTimeOf(model)
  const workersMs = allMessagesOf(model)
  const rateMs = mail.rate === undefined ? 0 : Math.max(0, ((mails - Math.max(1, mail.rate)) * 1000) / mail.rate)
  const quotaMs = quotaWait(model, mails)
  const passes = passesOf(model)
  const callbackMs =
    (passes * attemptsEach(callback.error_rate) * meanOf(callback.latency)) / Math.min(callback.at_once, passes)
  const retries = retriesOf(mail.error_rate, Math.min(ingest.batch, recipients)).waitMs
  const stages: StageEstimate[] = [
    {
      name: 'ingest',
      aloneMs: messages * meanOf(submissionOf(model)),
      limit: ingest.rate === undefined ? 'one submission after the other' : `${ingest.rate} recipients/s`,
    },
    { name: workerNameOf(model), aloneMs: workersMs, limit: workersInWords(model) },
    { name: 'mail rate', aloneMs: rateMs, limit: mail.rate === undefined ? 'none' : `${mail.rate}/s` },
    { name: 'daily quota', aloneMs: quotaMs, limit: quotaInWords(model) },
    { name: 'callback', aloneMs: callbackMs, limit: `${callback.at_once} at once` },
    { name: 'start-up', aloneMs: meanOf(workers.start_up), limit: 'before the first message of each worker' },
    { name: 'retries', aloneMs: retries, limit: 'after 5 s, 30 s and 2 min' },
  ]
  const slowest = stages.reduce((a, b) => (b.aloneMs > a.aloneMs ? b : a))
  // What is before the slowest begins, and after it has ended.
  const first = meanOf(submissionOf(model))
  const startUp = meanOf(workers.start_up)
  const last = meanOf(callback.latency)
  const around = (name: StageName) =>
    (name === 'ingest' ? 0 : first) +
    (name === 'start-up' || name === 'ingest' ? 0 : startUp) +
    (name === 'ingest' || name === 'callback' ? messageTime : 0) +
    (name === 'mail rate' ? messageTime / Math.max(1, Math.min(ingest.batch, recipients) / slotsOf(model)) : 0) +
    (name === 'retries' ? 0 : retries) +
    (name === 'callback' ? 0 : last) +
    callback.delay
  return {
    makespanMs: Math.max(...stages.map(({ name, aloneMs }) => aloneMs + around(name))),
    stages,
    bottleneck: slowest.aloneMs < 1000 ? undefined : slowest,
    messageMs: Math.max(
      messageTime,
      rateMs === 0 ? 0 : (busy * Math.min(ingest.batch, recipients) * 1000) / (mail.rate ?? 1),
    ),
  }
}

/** Callbacks: one a pass; the retried of a message are a pass more, and its bounces, which come later, have one together. */
export function passesOf(model: Model): number {
  const { recipients, ingest, mail } = model
  const batch = Math.min(ingest.batch, recipients)
  const bounced = 1 - (1 - mail.bounce_rate) ** batch
  return messagesOf(model) * (1 + retriesOf(mail.error_rate, batch).passes + bounced)
}

/** How often a message of so many recipients comes again, and how long its last recipient waits for it, mostly. */
function retriesOf(errorRate: number, batch: number): { passes: number; waitMs: number } {
  let passes = 0
  let waitMs = 0
  for (const [nth, delay] of retryScheduleMs.entries()) {
    const some = 1 - (1 - errorRate ** (nth + 1)) ** batch
    passes += some
    if (some >= 0.5) waitMs += delay
  }
  return { passes, waitMs }
}

function quotaWait({ mail }: Model, mails: number): number {
  if (mail.daily_quota === undefined) return 0
  const left = Math.max(0, mail.daily_quota - mail.sent_today)
  return mails <= left ? 0 : day * Math.ceil((mails - left) / mail.daily_quota)
}

function quotaInWords({ mail }: Model): string {
  if (mail.daily_quota === undefined) return 'none'
  return `${Math.max(0, mail.daily_quota - mail.sent_today)} left of ${mail.daily_quota}`
}

const workersInWords = ({ workers }: Model) =>
  `${workers.count} ${workers.count === 1 ? 'worker' : 'workers'}, ${workers.at_once} at once${workers.count === 1 ? '' : ' each'}`

/** By what the worker's time is mostly spent on. */
function workerNameOf(model: Model): StageName {
  const chain = Object.entries(chainOf(model)) as [keyof ReturnType<typeof chainOf>, number][]
  const sum = chain.reduce((total, [, ms]) => total + ms, 0)
  return chain.find(([name, ms]) => name !== 'mail call' && ms > sum / 2)?.[0] ?? 'workers'
}

/** One line: `rate 14/s: 59.5 minutes, cannot pass`. */
export function foretell(model: Model): string {
  const { makespanMs, bottleneck } = estimate(model)
  const passes = makespanMs <= model.budget
  const what = bottleneck === undefined ? 'nothing in the model takes time' : inWords(bottleneck)
  return `${what}: ${spanInWords(makespanMs)}, ${passes ? 'passes' : 'cannot pass'}`
}

const inWords = ({ name, limit }: StageEstimate) => {
  if (name === 'mail rate') return `rate ${limit}`
  if (name === 'workers') return limit
  return limit === 'none' ? name : `${name} (${limit})`
}

/** `59.5 minutes`, `42 seconds`, `2.5 hours`, `3 days`. */
export function spanInWords(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return amount(ms / 1000, 'second')
  if (ms < 3 * 3_600_000) return amount(ms / 60_000, 'minute')
  if (ms < 2 * day) return amount(ms / 3_600_000, 'hour')
  return amount(ms / day, 'day')
}

function amount(value: number, unit: string): string {
  const text = value.toFixed(1).replace(/\.0$/, '')
  return `${text} ${unit}${text === '1' ? '' : 's'}`
}
