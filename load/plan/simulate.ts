import type { RuleInput } from '../../contracts/faults/rule.ts'
import { sampleRecipients } from '../../emulator/moodle/sample-people.ts'
import { createSimulation } from '../../emulator/simulation.ts'
import { isZero, type Distribution } from './distribution.ts'
import { retryScheduleMs } from './estimate.ts'
import { submissionOf, type Model } from './model.ts'
import { paceWorker, type WorkerTimes } from './paced-worker.ts'

/** What came of a model on the virtual clock. Times are milliseconds. */
export interface Simulated {
  /** From the first submission until the last callback was accepted or given up. */
  readonly makespanMs: number
  /** False where it was ended after the longest time that is waited for. */
  readonly ended: boolean
  readonly sent: number
  readonly failed: number
  /** Attempts that failed for a passing reason. */
  readonly retried: number
  readonly submitMs: number
  readonly worker: WorkerTimes
  readonly callbacks: {
    readonly delivered: number
    readonly dead: number
    readonly attempts: number
    readonly ms: number
  }
}

export interface SimulateOptions {
  readonly seed: string
  /** Called as recipients get their outcomes. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** What nobody waits for any more. */
const longestMs = 2 * 86_400_000

const progressEvery = 100

/** Runs the whole pipeline (the emulator's own) with the model's rates, times and errors, on a virtual clock. */
export async function simulate(model: Model, { seed, onProgress }: SimulateOptions): Promise<Simulated> {
  const { recipients, ingest, mail, callback } = model
  const people = await sampleRecipients({ count: recipients, kind: 'reminder', seed })
  const { around, times } = paceWorker(model, { clock: () => simulation.clock, seed })
  const simulation = await createSimulation({
    seed,
    around,
    job_batch_size: ingest.batch,
    callback_concurrency: callback.at_once,
    callback_delay: callback.delay / 1000,
    ...(mail.rate === undefined ? {} : { worker_mail_rate: mail.rate }),
    ...(mail.daily_quota === undefined ? {} : { worker_daily_quota: Math.max(1, mail.daily_quota - mail.sent_today) }),
    faults: rulesOf(model),
  })
  const { emulator, clock } = simulation
  const began = clock.now()
  let retried = 0
  const callbacks = { delivered: 0, dead: 0, attempts: 0, ms: 0 }
  // A bounce is a second outcome of one recipient.
  const outcomes = new Map<string, string>()
  emulator.journal.subscribe(({ event }) => {
    if (event.type === 'recipient.outcome') {
      outcomes.set(event.recipient, event.status)
      if (outcomes.size % progressEvery === 0) onProgress?.(outcomes.size, recipients)
    } else if (event.type === 'recipient.retry') retried++
    else if (event.type === 'callback.settled') callbacks[event.state]++
    else if (event.type === 'callback.attempt') {
      callbacks.attempts++
      callbacks.ms += event.milliseconds
    }
  })
  try {
    await simulation.during(({ moodle }) =>
      moodle.submit({
        ...people,
        tenant: 1,
        certificate: model.certificate !== undefined,
        mode: 'api',
        dialect: 'spec',
        shape: 'batches',
      }),
    )
    const submitMs = clock.now() - began
    const ended = await simulation.end(longestMs)
    const makespanMs = clock.now() - began
    const sent = [...outcomes.values()].filter((status) => status === 'sent').length
    return { makespanMs, ended, sent, failed: outcomes.size - sent, retried, submitMs, worker: times, callbacks }
  } finally {
    await simulation.stop()
  }
}

/** What fails and takes time beside the worker's own calls, as fault rules. The first that fits wins. */
function rulesOf(model: Model): RuleInput[] {
  const { mail, callback } = model
  const failing = (at: string, rate: number, code: number): RuleInput[] => {
    if (rate === 0) return []
    // A share chooses recipients, not attempts: so many of them fail so often in a row.
    const inARow = retryScheduleMs.map((_, nth) =>
      rule(`${at} ${nth + 1} times`, at, { error: code }, { share: rate ** (nth + 1) * (1 - rate), times: nth + 1 }),
    )
    const always = rule(`${at} always`, at, { error: code }, { share: rate ** (retryScheduleMs.length + 1) })
    return [always, ...inARow.toReversed()]
  }
  const slow = (at: string, latency: Distribution): RuleInput[] =>
    isZero(latency) ? [] : [rule(`${at} takes its time`, at, { delay: delayOf(latency) })]
  return [
    ...slow('ingest.submit', submissionOf(model)),
    ...failing('worker.mail', mail.error_rate, 451),
    ...(mail.bounce_rate === 0
      ? []
      : [rule('bounces', 'worker.mail', { bounce: 'hard' }, { share: mail.bounce_rate })]),
    ...failing('callback.attempt', callback.error_rate, 503),
    ...slow('callback.attempt', callback.latency),
  ]
}

const rule = (name: string, at: string, effect: RuleInput['then'], when: RuleInput['when'] = {}): RuleInput => ({
  name,
  at,
  when,
  // oxlint-disable-next-line unicorn/no-thenable -- the rule's own name for it
  then: effect,
})

const inMilliseconds = (ms: number) => `${ms.toFixed(3)}ms`

function delayOf(latency: Distribution) {
  switch (latency.kind) {
    case 'constant':
      return inMilliseconds(latency.ms)
    case 'uniform':
      return { from: inMilliseconds(latency.from), to: inMilliseconds(latency.to) }
    case 'lognormal':
      return { median: inMilliseconds(latency.median), sigma: latency.sigma }
  }
}
