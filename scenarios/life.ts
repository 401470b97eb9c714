import { encodeJob } from '../contracts/dialects/index.ts'
import type { LifeStep } from './schema.ts'
import { asked, sent, setFaults, type Performance } from './perform.ts'
import type { ReadScenario } from './read-scenario.ts'
import type { World } from './world.ts'

const people = (count: number, bounces: number, from: number) =>
  Array.from({ length: count }, (_, n) => ({
    userid: from + n,
    email: n < bounces ? `bounce+${from + n}@simulator.amazonses.com` : `p${from + n}@example.com`,
    firstname: 'Ada',
    lastname: String(n),
  }))

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

/** Plays what a simulation has drawn: each step some time after the one before, whatever that is doing. */
export async function live(
  { faults, life = [] }: Pick<ReadScenario, 'faults'> & { readonly life?: readonly LifeStep[] | undefined },
  world: World,
): Promise<Performance> {
  if (faults.length > 0) await setFaults(world, faults)
  const began = world.now()
  const lived = (ended: boolean): Performance => ({ jobs: new Map(), surprises: [], ended, began })
  let person = 1
  for (const step of life) {
    await world.wait(step.afterMs)
    if (world.killed) await world.crash()
    person += await take(world, step, person)
  }
  const ended = await world.end(undefined)
  if (!world.killed) return lived(ended)
  await world.crash()
  return lived(await world.end(undefined))
}

/** Does what a step says, without waiting for it to end; returns how many people it has used up. */
async function take(world: World, step: LifeStep, person: number): Promise<number> {
  const { emulator } = world
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
        const request =
          step.mode === 'api'
            ? posted(emulator.url, emulator.config.ingest_token, body, step.key)
            : sent(emulator.queueUrl, { tenant: 0, body, attributes: {} })
        begin(emulator.inject(request))
      }
      return 0
    case 'replay': {
      const { callbacks } = (await asked(world, '/_offload/callbacks?limit=3')) as { callbacks: { id: string }[] }
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
      await world.restart({})
      return 0
    case 'kill':
      await world.crash()
      return 0
    case 'kill-later':
      world.killAfter(step.entries)
      return 0
  }
}

const posted = (url: string, token: string, body: string, key: boolean) =>
  new Request(`${url}/jobs`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      ...(key ? { 'idempotency-key': 'the same for all' } : {}),
    },
    body,
  })
