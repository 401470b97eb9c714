import { SendMessageCommand } from '@aws-sdk/client-sqs'
import fc from 'fast-check'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { drawDelay, fraction, type Subject } from '../../contracts/faults/decide.ts'
import { operationNames, rowOf, selectorsOf } from '../../contracts/faults/operations.ts'
import { createOperations } from '../../emulator/cloud/queue/operations/table.ts'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import { createFaults } from '../../emulator/kernel/faults/faults.ts'
import { readRules } from '../../emulator/kernel/faults/read-rules.ts'
import { createJournal } from '../../emulator/kernel/journal.ts'
import { openStore } from '../../emulator/kernel/store.ts'
import { specJob } from '../end-to-end/running.ts'
import { faulty, people } from './set-up.ts'

const jobIds = [1, 2, 3].map((number) => `550e8400-e29b-41d4-a716-44665544000${number}`)

/** Three jobs in nine batches, by both ways in, under rules that choose in every way. */
async function victims(seed: string, worker_concurrency: number) {
  const emulator = await faulty(
    `- {name: bounces, at: worker.mail, when: {every: 7}, then: {bounce: hard-at-once}}
- {name: slow, at: worker.mail, when: {share: 20%, times: 1}, then: {error: 451}}
- {name: lost, at: worker.mail, when: {share: 10%}, then: reset}
- {name: inbox, at: inbox.accept, when: {share: 20%}, then: {error: 552}}`,
    { seed, worker_concurrency, cloud_retry_policy: ['1ms', '1ms', '1ms'] },
  )
  const batches = jobIds.flatMap((job_id, job) =>
    [0, 10, 20].map((first) =>
      specJob({ job_id, tenant_id: job, recipients: people(30, `job${job}.test`).slice(first, first + 10) }),
    ),
  )
  for (const batch of batches) {
    if (batch.job_id === jobIds[2]) {
      await emulator.sqs.send(
        new SendMessageCommand({ QueueUrl: emulator.queueUrl, MessageBody: JSON.stringify(batch) }),
      )
    } else await emulator.submit(batch)
  }
  for (const id of jobIds) {
    await emulator.event('job.status', ({ job, sent, failed }) => job === id && sent + failed === 30)
    await emulator.settled(id)
  }
  const outcomes = emulator
    .events('recipient.outcome')
    .map(({ job, recipient, status, attempt, error }) => `${job} ${recipient} ${status} ${attempt} ${error ?? ''}`)
  const injected = emulator
    .injected()
    .map(({ rule, job, recipient, attempt, effect }) => `${rule} ${job} ${recipient} ${attempt} ${effect}`)
  return { outcomes: outcomes.toSorted(), injected: injected.toSorted() }
}

it('the same seed has the same victims whatever the concurrency, and another seed others', async () => {
  const one = await victims('seven', 1)
  expect(await victims('seven', 16)).toEqual(one)
  expect(one.injected.filter((text) => text.startsWith('bounces'))).toHaveLength(3 * 4)
  for (const rule of ['slow', 'lost', 'inbox']) {
    expect(one.injected.filter((text) => text.startsWith(rule)).length).toBeGreaterThan(2)
  }
  expect((await victims('eight', 16)).injected).not.toEqual(one.injected)
})

function engine(rules: string, seed = 'seed', directory?: string) {
  const clock = virtualClock()
  const store = openStore(directory === undefined ? {} : { directory })
  const faults = createFaults({ store, clock, journal: createJournal({ store, clock }), seed })
  const read = readRules(rules)
  if (!read.ok) throw new Error(JSON.stringify(read.issues))
  if (rules !== '') faults.set(read.rules)
  return { faults, clock, close: () => store.close() }
}

const subject = fc.record<Subject & { recipient: string }>({
  tenant: fc.nat(3),
  job: fc.constantFrom('a', 'b'),
  type: fc.constantFrom('reminder', 'csv_import'),
  recipient: fc.integer({ min: 1, max: 40 }).map(String),
  attempt: fc.integer({ min: 1, max: 4 }),
})
const withOrdinal = (given: Subject & { recipient: string }): Subject => ({
  ...given,
  addresses: [`person${given.recipient}@example.com`],
  ordinal: () => Number(given.recipient),
})

it('whether a fault hits is decided by identity, never by order', () => {
  const rules = `- {name: a, at: worker.mail, when: {tenant: [1, 2], share: 0.3, times: 2}, then: reset}
- {name: b, at: worker.mail, when: {every: 4}, then: {delay: {from: 1s, to: 9s}}}
- {name: c, at: worker.mail, when: {type: csv_import, recipient: "person1*"}, then: throttle}
- {name: d, at: worker.mail, when: {nth: [1, 2, 3], job: a}, then: complaint}`
  fc.assert(
    fc.property(
      fc.uniqueArray(subject, { minLength: 2, maxLength: 40, selector: (one) => JSON.stringify(one) }),
      fc.infiniteStream(fc.nat()),
      (subjects, draws) => {
        const struckIn = (order: readonly (Subject & { recipient: string })[]) => {
          const { faults, close } = engine(rules)
          const hits = order.map((one) => [
            JSON.stringify(one),
            JSON.stringify(faults.strike('worker.mail', withOrdinal(one))),
          ])
          close()
          return Object.fromEntries(hits.toSorted()) as unknown
        }
        const shuffled = subjects
          .map((one) => ({ one, at: draws.next().value as number }))
          .toSorted((a, b) => a.at - b.at)
          .map(({ one }) => one)
        expect(struckIn(shuffled)).toEqual(struckIn(subjects))
      },
    ),
    { numRuns: 30 },
  )
})

it('a share is about that share', () => {
  const { faults, close } = engine('- {at: worker.mail, when: {share: 10%}, then: reset}')
  onTestFinished(close)
  const hits = Array.from({ length: 5000 }, (_, index) =>
    faults.strike('worker.mail', { tenant: 1, job: 'a', recipient: String(index) }),
  ).filter((struck) => struck !== undefined)
  expect(hits.length).toBeGreaterThan(430)
  expect(hits.length).toBeLessThan(570)
})

it('delays are distributed as they say', () => {
  const draws = (delay: Parameters<typeof drawDelay>[0]) =>
    Array.from({ length: 4000 }, (_, index) => drawDelay(delay, index)).toSorted((a, b) => a - b)
  const uniform = draws({ kind: 'uniform', from: 1000, to: 3000 })
  expect(uniform[0]).toBeGreaterThanOrEqual(1000)
  expect(uniform.at(-1)).toBeLessThanOrEqual(3000)
  expect(uniform[2000]).toBeGreaterThan(1900)
  expect(uniform[2000]).toBeLessThan(2100)
  const lognormal = draws({ kind: 'lognormal', median: 800, sigma: 0.5 })
  expect(lognormal[2000]).toBeGreaterThan(750)
  expect(lognormal[2000]).toBeLessThan(850)
  // A standard deviation above the median: exp(0.5) times it.
  expect(lognormal[3365]).toBeGreaterThan(800 * Math.exp(0.5) * 0.93)
  expect(lognormal[3365]).toBeLessThan(800 * Math.exp(0.5) * 1.07)
  expect(fraction('a')).toBe(fraction('a'))
})

it('where nobody counts attempts, the engine does, and remembers over a restart', () => {
  const directory = mkdtempSync(join(tmpdir(), 'offload-faults-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const first = engine('- {name: die, at: worker.admit, when: {times: 2}, then: {crash: before}}', 'seed', directory)
  const who = { tenant: 1, job: 'a', identity: 'x' }
  expect(first.faults.strike('worker.admit', who)).toMatchObject({ rule: 'die' })
  expect(first.faults.strike('worker.admit', { ...who, job: 'b' })).toMatchObject({ rule: 'die' })
  first.close()
  const second = engine('', 'seed', directory)
  onTestFinished(second.close)
  expect(second.faults.list()).toMatchObject([{ name: 'die', hits: 2 }])
  expect(second.faults.strike('worker.admit', who)).toMatchObject({ rule: 'die' })
  expect(second.faults.strike('worker.admit', who)).toBeUndefined()
})

it('a window opens and closes by the clock', async () => {
  const { faults, clock, close } = engine('- {at: s3.PutObject, when: {window: {after: 10s, for: 1m}}, then: hang}')
  onTestFinished(close)
  const hit = () => faults.strike('s3.PutObject', {}) !== undefined
  expect(hit()).toBe(false)
  await clock.advance(10_000)
  expect(hit()).toBe(true)
  expect(faults.list()).toMatchObject([{ open: true }])
  await clock.advance(60_000)
  expect(hit()).toBe(false)
})

it('the first rule that fits wins, and each has a name of its own', () => {
  const { faults, close } = engine(`- {at: "s3.*", when: {times: 1}, then: {error: SlowDown}}
- {at: s3.PutObject, then: {error: InternalError}}
- {at: s3.PutObject, then: {error: AccessDenied}}`)
  onTestFinished(close)
  expect(faults.list().map(({ name }) => name)).toEqual(['s3.* error', 's3.PutObject error', 's3.PutObject error 2'])
  expect(faults.strike('s3.PutObject', {})).toMatchObject({ effect: { code: 'SlowDown' } })
  expect(faults.strike('s3.PutObject', {})).toMatchObject({ effect: { code: 'InternalError' } })
  expect(faults.active('s3.GetObject')).toBe(true)
  expect(faults.active('sqs.SendMessage')).toBe(false)
})

it("the table of operations is closed: every one of SQS's is in it, and each says by what it may be chosen", () => {
  const sqs = Object.keys(createOperations({} as never)).map((name) => `sqs.${name}`)
  expect(operationNames.filter((name) => name.startsWith('sqs.')).toSorted()).toEqual(sqs.toSorted())
  for (const name of operationNames) {
    for (const effect of rowOf(name).effects) {
      expect(selectorsOf(name, effect)).toContain('share')
      const examples: Record<string, string> = {
        error: `{error: '${rowOf(name).codes[0]}'}`,
        delay: '{delay: 1s}',
        late: '{late: 1s}',
        crash: '{crash: after}',
        'clock-skew': '{clock-skew: -1m}',
      }
      const read = readRules(`[{at: ${name}, then: ${examples[effect] ?? effect}}]`)
      expect(read).toMatchObject({ ok: true })
    }
  }
})
