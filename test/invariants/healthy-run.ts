import { createSimulation, type Simulation, type SimulationOptions } from '../../emulator/simulation.ts'

const people = (count: number, from: number) =>
  Array.from({ length: count }, (_, n) => ({
    userid: from + n,
    email: n === 1 ? `bounce+${from}@simulator.amazonses.com` : `person${from + n}@example.com`,
    firstname: 'Ada',
    lastname: `Person ${n}`,
    data: { course: 'Introduction to PHP' },
  }))

const headers = { authorization: 'Bearer offload-dev-token', 'content-type': 'application/json' }

export const post = (simulated: Simulation, path: string, body: unknown, more: Record<string, string> = {}) =>
  simulated.during(({ inject, url }) =>
    inject(
      new Request(`${url}${path}`, { method: 'POST', headers: { ...headers, ...more }, body: JSON.stringify(body) }),
    ),
  )

export const ownJob = (id: string, email: string) => ({
  job_id: id,
  tenant_id: 1,
  type: 'send_reminder',
  recipients: [{ userid: 1, email, firstname: 'Ada' }],
})

/** Faults of which the system is to recover: every law has something to be held against. */
const faults = `
faults:
  - { name: busy, at: callback.attempt, when: { times: 1 }, then: { throttle: { retry-after: 20s } } }
  - { name: lost, at: callback.attempt, when: { tenant: 2, times: 2 }, then: answer-lost }
  - { name: greylisted, at: worker.mail, when: { every: 3, times: 2 }, then: { error: 451 } }
`

/** Jobs of all dialects and both ways in, of two tenants, with refusals, repetitions, bounces, retries and certificates. */
export async function healthyRun(options: SimulationOptions = {}): Promise<Simulation> {
  const simulated = await createSimulation({
    seed: 'healthy',
    worker_mail_rate: 14,
    job_batch_size: 5,
    tenants: { 2: { cloud_callback_secret: 'the secret of the second' } },
    ...options,
  })
  const set = await simulated.during(({ inject, url }) =>
    inject(
      new Request(`${url}/_offload/faults`, {
        method: 'PUT',
        headers: { 'content-type': 'application/yaml' },
        body: faults,
      }),
    ),
  )
  if (!set.ok) throw new Error(await set.text())

  await simulated.during(({ moodle }) =>
    Promise.all(
      (['spec', 'flow', 'detailed', 'plugin'] as const).map((dialect, index) =>
        moodle.submit({
          type: 'reminder',
          recipients: people(8, 1000 + 100 * index),
          tenant: 1 + (index % 2),
          certificate: index === 0,
          mode: index === 3 ? 'sqs' : 'api',
          dialect,
          shape: 'batches',
        }),
      ),
    ),
  )
  const key = { 'idempotency-key': 'one' }
  for (const job of [
    ownJob('11111111-1111-4111-8111-111111111111', 'ada@example.com'),
    ownJob('11111111-1111-4111-8111-111111111111', 'ada@example.com'),
    ownJob('22222222-2222-4222-8222-222222222222', 'ben@example.com'),
  ]) {
    await post(simulated, '/jobs', job, key)
  }
  await post(simulated, '/jobs', ownJob('11111111-1111-4111-8111-111111111111', 'other@example.com'))
  await post(simulated, '/local/manireports/ui/ajax/cloud_callback.php', { job_id: 1 }, { 'x-signature': '00' })
  if (!(await simulated.end())) throw new Error('the run does not end')
  return simulated
}
