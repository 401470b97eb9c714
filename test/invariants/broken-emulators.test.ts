import { expect, it, onTestFinished } from 'vitest'
import { checkInvariants } from '../../contracts/invariants/index.ts'
import { createEmulator } from '../../emulator/emulator.ts'
import { virtualClock, type Clock } from '../../emulator/kernel/clock.ts'
import { createSimulation, type Simulation, type SimulationOptions } from '../../emulator/simulation.ts'
import { ownJob, post } from './healthy-run.ts'

async function simulation(options: SimulationOptions = {}): Promise<Simulation> {
  const simulated = await createSimulation({ seed: 'broken', ...options })
  onTestFinished(() => simulated.stop())
  return simulated
}

const people = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ userid: n + 1, email: `p${n}@example.com`, firstname: 'Ada' }))

const submit = (simulated: Simulation, changes: { mode?: 'api' | 'sqs'; certificate?: boolean; count?: number } = {}) =>
  simulated.during(({ moodle }) =>
    moodle.submit({
      type: 'reminder',
      recipients: people(changes.count ?? 3),
      tenant: 1,
      certificate: changes.certificate ?? false,
      mode: changes.mode ?? 'api',
      dialect: 'spec',
      shape: 'batches',
    }),
  )

async function failed(simulated: Simulation): Promise<number[]> {
  const verdicts = await simulated.emulator.evidence.check()
  return verdicts.filter(({ verdict }) => verdict === 'fail').map(({ id }) => id)
}

const id = '11111111-1111-4111-8111-111111111111'

it('a ledger that forgets who was mailed: laws 1, 6, 11 and 12', async () => {
  const simulated = await simulation()
  await post(simulated, '/jobs', ownJob(id, 'ada@example.com'))
  await simulated.end()
  expect(await failed(simulated)).toEqual([])
  simulated.store.run("UPDATE recipients SET status = 'pending', interrupted = 0")
  simulated.store.run("UPDATE jobs SET status = 'processing', ended_at = NULL, sent = 0")
  await post(simulated, '/jobs', ownJob(id, 'ada@example.com'))
  await simulated.end()
  expect(await failed(simulated)).toEqual([1, 6, 11, 12])
})

it('a queue that loses what it has acknowledged: law 2', async () => {
  const simulated = await simulation({ worker: 'none' })
  await submit(simulated, { mode: 'sqs' })
  const { url, queueUrl } = simulated.emulator
  const headers = { 'x-amz-target': 'AmazonSQS.PurgeQueue', 'content-type': 'application/x-amz-json-1.0' }
  const purge = new Request(`${url}/`, { method: 'POST', headers, body: JSON.stringify({ QueueUrl: queueUrl }) })
  expect((await simulated.during(({ inject }) => inject(purge))).status).toBe(200)
  await simulated.restart({ worker: 'builtin' })
  await simulated.end(3_600_000)
  expect(await failed(simulated)).toEqual([2])
})

it('a worker that mails whom nobody named: law 5', async () => {
  const simulated = await simulation()
  await submit(simulated)
  await simulated.end()
  const mail = {
    FromEmailAddress: 'noreply@manireports.test',
    Destination: { ToAddresses: ['stranger@example.com'] },
    Content: {
      Raw: {
        Data: Buffer.from('From: noreply@manireports.test\r\nX-Tags: job-7\r\nSubject: x\r\n\r\nHello').toString(
          'base64',
        ),
      },
    },
  }
  expect((await post(simulated, '/@ses/v2/email/outbound-emails', mail)).status).toBe(200)
  await simulated.end()
  expect(await failed(simulated)).toEqual([5])
})

it('a worker that writes a certificate again, with other content: law 7', async () => {
  const simulated = await simulation()
  await submit(simulated, { certificate: true })
  await simulated.end()
  expect(await failed(simulated)).toEqual([])
  const [object] = (await simulated.emulator.evidence.view()).objects
  const target = `${simulated.emulator.url}/manireports-certificates/${object?.key}`
  await simulated.clock.advance(1000)
  const put = new Request(target, {
    method: 'PUT',
    headers: {
      authorization:
        'AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0',
    },
    body: 'another',
  })
  expect((await simulated.during(({ inject }) => inject(put))).status).toBe(200)
  expect(await failed(simulated)).toEqual([7])
})

it('an outbox that loses a callback: law 8', async () => {
  const simulated = await simulation({ callback_delay: '1h' })
  await submit(simulated)
  await simulated.clock.advance(60_000)
  simulated.store.run('DELETE FROM callbacks')
  await simulated.end()
  expect(await failed(simulated)).toEqual([8])
})

it('an outbox that sends what was delivered: law 14', async () => {
  const simulated = await simulation()
  await submit(simulated)
  await simulated.end()
  simulated.store.run("UPDATE callbacks SET state = 'waiting', tries = 0")
  await simulated.restart()
  await simulated.end()
  expect(await failed(simulated)).toEqual([14])
})

it('a receiver that keeps something else, and counts wrongly: laws 10 and 12', async () => {
  const simulated = await simulation()
  await submit(simulated)
  await simulated.end()
  simulated.store.run("UPDATE manireports_cloud_job_recipients SET status = 'failed' WHERE userid = 1")
  expect(await failed(simulated)).toEqual([10, 12])
})

it('a ledger that keeps what it has refused: laws 12 and 15', async () => {
  const simulated = await simulation()
  await post(simulated, '/jobs', ownJob(id, 'ada@example.com'))
  await simulated.end()
  expect((await post(simulated, '/jobs', ownJob(id, 'other@example.com'))).status).toBe(409)
  expect(await failed(simulated)).toEqual([])
  simulated.store.run(
    `INSERT INTO recipients (job_id, key, email, content, content_hash, status, due_at)
     SELECT job_id, '2', email, content, content_hash, status, 0 FROM recipients`,
  )
  expect(await failed(simulated)).toEqual(expect.arrayContaining([12, 15]))
})

it('a pacer that is twice as fast as it was told: law 16', async () => {
  const simulated = await simulation({ worker_mail_rate: 28 })
  await submit(simulated, { count: 100 })
  await simulated.end()
  expect(await failed(simulated)).toEqual([])
  const view = await simulated.emulator.evidence.view()
  const verdicts = checkInvariants({ ...view, settings: { ...view.settings, workerRate: 14 } })
  expect(verdicts.filter(({ verdict }) => verdict === 'fail').map((verdict) => verdict.id)).toEqual([16])
})

it('a receiver that knows no tenants: law 18', async () => {
  // Nothing but the secret tells whose a callback is, and here both have the same.
  const simulated = await simulation({ callback_delay: 0 })
  await submit(simulated, { count: 1 })
  const [job] = simulated.emulator.moodle.jobs()
  const url = `${simulated.emulator.url}/local/manireports/ui/ajax/cloud_callback.php`
  await simulated.end()
  simulated.store.run("UPDATE manireports_cloud_job_recipients SET status = 'pending'")
  simulated.store.run('UPDATE manireports_cloud_jobs SET completed_recipients = 0')
  simulated.store.run('DELETE FROM callbacks')
  await post(simulated, '/jobs', { ...ownJob(job?.jobid ?? '', 'p0@example.com'), tenant_id: 2, callback_url: url })
  await simulated.end()
  expect(await failed(simulated)).toContain(18)
})

it('a clock that runs twice as fast for who waits: law 14', async () => {
  const clock = virtualClock()
  const hasty: Clock = { ...clock, deadline: (delayMs) => clock.now() + delayMs / 2 }
  const emulator = await createEmulator({ clock: hasty, listen: false, ephemeral: true, seed: 'hasty' })
  onTestFinished(() => void emulator.stop())
  const rules = '- { at: callback.attempt, when: { times: 2 }, then: { error: 503 } }'
  const set = emulator.inject(new Request(`${emulator.url}/_offload/faults`, { method: 'PUT', body: rules }))
  await clock.settle()
  expect((await set).status).toBe(200)
  const input = { type: 'reminder', recipients: people(1), tenant: 1, certificate: false } as const
  void emulator.moodle.submit({ ...input, mode: 'api', dialect: 'spec', shape: 'batches' })
  await clock.advance(600_000)
  const verdicts = await emulator.evidence.check()
  expect(verdicts.filter(({ verdict }) => verdict === 'fail').map((verdict) => verdict.id)).toEqual([14])
})

async function setFaults(simulated: Simulation, rules: string): Promise<void> {
  const put = ({ inject, url }: Simulation['emulator']) =>
    inject(new Request(`${url}/_offload/faults`, { method: 'PUT', body: `faults: ${rules}` }))
  expect((await simulated.during(put)).status).toBe(200)
}

it('a ledger that keeps a part of what it has not acknowledged: law 3', async () => {
  const simulated = await simulation()
  await setFaults(simulated, '[{ at: ingest.submit, then: answer-lost }]')
  await submit(simulated)
  await simulated.end()
  expect(await failed(simulated)).toEqual([])
  simulated.store.run("DELETE FROM recipients WHERE key = '1'")
  expect(await failed(simulated)).toContain(3)
})

it('an ingest that forgets its keys: law 4', async () => {
  const simulated = await simulation()
  const key = { 'idempotency-key': 'one' }
  await post(simulated, '/jobs', ownJob(id, 'ada@example.com'), key)
  simulated.store.run("DELETE FROM submissions WHERE identity LIKE 'key%'")
  await post(simulated, '/jobs', ownJob('22222222-2222-4222-8222-222222222222', 'ben@example.com'), key)
  await simulated.end()
  expect(await failed(simulated)).toEqual([4])
})

it('a receiver that has forgotten what it applied: law 9', async () => {
  const simulated = await simulation()
  await setFaults(simulated, '[{ at: callback.attempt, when: { times: 1 }, then: answer-lost }]')
  await submit(simulated)
  await simulated.clock.advance(3000)
  simulated.store.run("UPDATE manireports_cloud_job_recipients SET status = 'pending'")
  simulated.store.run('UPDATE manireports_cloud_jobs SET completed_recipients = 0')
  await simulated.end()
  expect(await failed(simulated)).toEqual([9])
})

it('a provider that mails to an address after a hard bounce: law 17', async () => {
  const simulated = await simulation()
  await setFaults(simulated, '[{ at: worker.mail, then: { bounce: hard } }]')
  await post(simulated, '/jobs', ownJob(id, 'ada@example.com'))
  await simulated.end()
  await setFaults(simulated, '[]')
  await simulated.clock.advance(1000)
  await post(simulated, '/jobs', ownJob('22222222-2222-4222-8222-222222222222', 'ada@example.com'))
  await simulated.end()
  // Held back: the address is on the suppression list.
  expect(await failed(simulated)).toEqual([])
  simulated.store.run('DELETE FROM mail_suppression')
  await simulated.restart()
  await post(simulated, '/jobs', ownJob('33333333-3333-4333-8333-333333333333', 'ada@example.com'))
  await simulated.end()
  expect(await failed(simulated)).toEqual([17])
})
