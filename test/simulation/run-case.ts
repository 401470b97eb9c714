import { encodeJob } from '../../contracts/dialects/index.ts'
import type { Verdict } from '../../contracts/invariants/index.ts'
import type { Dialect } from '../../contracts/job.ts'
import { createSimulation, type Simulation } from '../../emulator/simulation.ts'

/** One thing that happens, `afterMs` after the one before it. */
export type Step = { readonly afterMs: number } & (
  | {
      /** The stand-in submits a job, and takes its callbacks. */
      readonly what: 'job'
      readonly dialect: Dialect
      readonly mode: 'api' | 'sqs'
      readonly tenant: number
      readonly recipients: number
      readonly bounces: number
      readonly certificate: boolean
      readonly shape: 'batches' | 'one-message' | 'one-recipient-jobs'
    }
  | {
      /** Messages of one job, by hand: `order` names them, in any order and as often as it likes. */
      readonly what: 'messages'
      readonly mode: 'api' | 'sqs'
      readonly job: number
      readonly order: readonly number[]
      readonly key: boolean
    }
  | { readonly what: 'replay' | 'retry' | 'retry-last' | 'restart' | 'kill' }
  /** Killed when the journal has so many more entries. */
  | { readonly what: 'kill-later'; readonly entries: number }
)

export interface Case {
  readonly seed: number
  readonly rate: number
  readonly batchSize: number
  readonly concurrency: number
  readonly faults: readonly string[]
  readonly steps: readonly Step[]
}

export interface Lived {
  readonly ended: boolean
  readonly failed: readonly Verdict[]
  readonly journal: string
}

const people = (count: number, bounces: number, from: number) =>
  Array.from({ length: count }, (_, n) => ({
    userid: from + n,
    email: n < bounces ? `bounce+${from + n}@simulator.amazonses.com` : `p${from + n}@example.com`,
    firstname: 'Ada',
    lastname: String(n),
  }))

const bearer = { authorization: 'Bearer offload-dev-token' }

/** Three messages of one job; the third repeats a recipient of the first. */
const messageOf = (job: number, nth: number) =>
  JSON.stringify(
    encodeJob(
      {
        jobId: `00000000-0000-4000-8000-00000000000${job}`,
        tenant: 3,
        type: 'reminder',
        templateData: {},
        recipients: people(3, 0, 10_000 + 100 * job + (nth === 2 ? 0 : 10 * nth)).slice(0, nth === 2 ? 2 : 3),
        timestamp: '2026-01-01T00:00:00Z',
      },
      'spec',
    ),
  )

/** Lives a case to its end, and holds the laws against it. */
export async function runCase(drawn: Case): Promise<Lived> {
  const simulated = await createSimulation({
    seed: String(drawn.seed),
    worker_mail_rate: drawn.rate,
    job_batch_size: drawn.batchSize,
    worker_concurrency: drawn.concurrency,
    callback_delay: 0,
    bounce_window: '2s',
    tenants: { 2: { cloud_callback_secret: 'the secret of the second' } },
  })
  try {
    if (drawn.faults.length > 0) await setFaults(simulated, drawn.faults)
    let person = 1
    for (const step of drawn.steps) {
      await simulated.clock.advance(step.afterMs)
      if (simulated.killed) await simulated.crash()
      person += await take(simulated, step, person)
    }
    let ended = await simulated.end()
    if (simulated.killed) {
      await simulated.crash()
      ended = await simulated.end()
    }
    const failed = (await simulated.emulator.evidence.check()).filter(({ verdict }) => verdict === 'fail')
    const journal = simulated.emulator.journal.read().map((line) => JSON.stringify(line))
    return { ended, failed, journal: journal.join('\n') }
  } finally {
    await simulated.stop()
  }
}

async function setFaults(simulated: Simulation, rules: readonly string[]): Promise<void> {
  const answer = await simulated.during(({ inject, url }) =>
    inject(new Request(`${url}/_offload/faults`, { method: 'PUT', body: `faults:\n${rules.join('\n')}\n` })),
  )
  if (!answer.ok) throw new Error(await answer.text())
}

/** Does what a step says, without waiting for it to end; returns how many people it has used up. */
async function take(simulated: Simulation, step: Step, person: number): Promise<number> {
  const { emulator } = simulated
  // What a kill interrupts never ends, and what a fault refuses may fail.
  const begin = (work: Promise<unknown>) => void work.catch(() => undefined)
  switch (step.what) {
    case 'job': {
      const { dialect, mode, tenant, certificate, shape } = step
      const recipients = people(step.recipients, step.bounces, person)
      begin(emulator.moodle.submit({ type: 'reminder', recipients, tenant, certificate, mode, dialect, shape }))
      return step.recipients
    }
    case 'messages':
      for (const nth of step.order) {
        const body = messageOf(step.job, nth)
        begin(
          emulator.inject(step.mode === 'api' ? posted(emulator.url, body, step.key) : sent(emulator.queueUrl, body)),
        )
      }
      return 0
    case 'replay': {
      const answer = await simulated.during(({ inject, url }) =>
        inject(new Request(`${url}/_offload/callbacks?limit=3`)),
      )
      const { callbacks } = (await answer.json()) as { callbacks: { id: string }[] }
      for (const { id } of callbacks) {
        begin(emulator.inject(new Request(`${emulator.url}/_offload/callbacks/${id}/replay`, { method: 'POST' })))
      }
      return 0
    }
    case 'retry':
    case 'retry-last': {
      // The newest comes first.
      const failed = emulator.moodle.jobs().filter(({ failed_recipients }) => failed_recipients > 0)
      const chosen = step.what === 'retry' ? failed.at(-1) : failed[0]
      if (chosen !== undefined) begin(emulator.moodle.retry(chosen.jobid))
      return 0
    }
    case 'restart':
      await simulated.restart()
      return 0
    case 'kill':
      await simulated.crash()
      return 0
    case 'kill-later':
      simulated.killAfter(step.entries)
      return 0
  }
}

const posted = (url: string, body: string, key: boolean) =>
  new Request(`${url}/jobs`, {
    method: 'POST',
    headers: { ...bearer, ...(key ? { 'idempotency-key': 'the same for all' } : {}) },
    body,
  })

function sent(queueUrl: string, body: string): Request {
  const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.SendMessage' }
  return new Request(queueUrl, {
    method: 'POST',
    headers,
    body: JSON.stringify({ QueueUrl: queueUrl, MessageBody: body }),
  })
}
