import { expect, it, onTestFinished } from 'vitest'
import { sameRun } from '../../contracts/invariants/index.ts'
import { createEmulator } from '../../emulator/emulator.ts'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import { sampleRecipients } from '../../emulator/moodle/sample-people.ts'
import { createSimulation, type SimulationOptions } from '../../emulator/simulation.ts'

async function simulation(options: SimulationOptions = {}) {
  const simulated = await createSimulation({ seed: 'test', ...options })
  onTestFinished(() => simulated.stop())
  return simulated
}

/** 300 recipients of each dialect, by both ways in, with certificates and bounces; the journal of all of it. */
async function wholeRun(options: SimulationOptions) {
  const simulated = await simulation({ worker_mail_rate: 14, ...options })
  const sample = await sampleRecipients({ count: 75, kind: 'welcome', seed: 'people', bounces: 3 })
  const submitted = (['spec', 'flow', 'detailed', 'plugin'] as const).map(async (dialect, index) => {
    const { emulator } = simulated
    const mode = index % 2 === 0 ? 'api' : 'sqs'
    return await emulator.moodle.submit({
      ...sample,
      tenant: 1,
      certificate: index === 3,
      mode,
      dialect,
      shape: 'batches',
    })
  })
  await simulated.during(() => Promise.all(submitted))
  expect(await simulated.end()).toBe(true)
  return simulated
}

it('gives the same journal for the same seed, and another one for another seed', async () => {
  const [one, two, other] = [await wholeRun({}), await wholeRun({}), await wholeRun({ seed: 'another' })]
  const [first, second, third] = [one, two, other].map(({ emulator }) => emulator.journal.read())
  expect(first?.length).toBeGreaterThan(600)
  expect(sameRun(first ?? [], second ?? [])).toMatchObject({ verdict: 'pass', violations: [] })
  expect(sameRun(first ?? [], third ?? [])).toMatchObject({ verdict: 'fail' })
})

it('waits for the rate in virtual time', async () => {
  const simulated = await wholeRun({})
  const outcomes = simulated.emulator.journal.read().filter(({ event }) => event.type === 'recipient.outcome')
  // 300 mails, of which 14 may go at once.
  expect(((outcomes.at(-1)?.at ?? 0) - (outcomes[0]?.at ?? 0)) / 1000).toBeLessThan(22)
  expect((simulated.clock.now() - Date.UTC(2026, 0, 1)) / 1000).toBeGreaterThanOrEqual((300 - 14) / 14)
})

it('opens no port, and says the time of its own clock', async () => {
  const { emulator } = await simulation()
  expect([new URL(emulator.url).hostname, emulator.smtp, emulator.inbox]).toEqual(['offload.localhost', '', ''])
  const answer = await emulator.inject(new Request(`${emulator.url}/health`))
  expect([answer.status, answer.headers.get('date')]).toEqual([200, 'Thu, 01 Jan 2026 00:00:00 GMT'])
})

it.each([
  [{ callback_url: 'http://127.0.0.1:8000/moodle' }, 'callback_url'],
  [{ tenants: { 7: { callback_url: 'http://127.0.0.1:8000/moodle' } } }, 'tenants.7'],
  [{ mailpit: 'http://127.0.0.1:8025', smtp: '127.0.0.1:1025' }, 'mailpit, smtp'],
  [{ provider_webhook_url: 'http://127.0.0.1:8000/' }, 'provider_webhook_url'],
  [{ ses_notifications: { url: 'http://127.0.0.1:8000/' } }, 'ses_notifications.url'],
  [{ worker: 'lambda:http://127.0.0.1:9000' }, 'worker'],
])('refuses %j, which is outside the process', async (config, named) => {
  const started = createEmulator({ clock: virtualClock(), listen: false, ephemeral: true, ...config })
  await expect(started).rejects.toMatchObject({
    code: 'bad-configuration',
    message: expect.stringMatching(`^${named}: `),
  })
})

it('parks a callback whose address is outside the process, with the reason', async () => {
  const simulated = await simulation()
  const body = {
    job_id: '550e8400-e29b-41d4-a716-446655440000',
    type: 'send_reminder',
    recipients: [{ userid: 1, email: 'ada@example.com' }],
    callback_url: 'http://127.0.0.1:8000/moodle',
  }
  const { url } = simulated.emulator
  const headers = { authorization: 'Bearer offload-dev-token' }
  const request = new Request(`${url}/jobs`, { method: 'POST', headers, body: JSON.stringify(body) })
  expect((await simulated.during(({ inject }) => inject(request))).status).toBe(202)
  expect(await simulated.end()).toBe(true)
  const parked = simulated.emulator.journal
    .read()
    .flatMap(({ event }) => (event.type === 'callback.created' ? [event] : []))
  expect(parked.at(-1)).toMatchObject({ state: 'parked', reason: expect.stringContaining('run in real time') })
})

it('goes on after a restart and after a kill where it was', async () => {
  const simulated = await simulation({ worker_mail_rate: 1 })
  const sample = await sampleRecipients({ count: 20, kind: 'welcome', seed: 'people' })
  const input = { ...sample, tenant: 1, certificate: false, mode: 'api', dialect: 'spec', shape: 'batches' } as const
  await simulated.during(({ moodle }) => moodle.submit(input))
  await simulated.clock.advance(5000)
  await simulated.restart()
  await simulated.clock.advance(5000)
  simulated.killAfter(1)
  await simulated.end()
  expect(simulated.killed).toBe(true)
  await simulated.crash()
  expect(await simulated.end()).toBe(true)
  const { emulator } = simulated
  expect([emulator.boot, emulator.moodle.jobs()[0]]).toMatchObject([
    3,
    { status: 'completed', completed_recipients: 20 },
  ])
  expect((await emulator.evidence.check()).filter(({ verdict }) => verdict === 'fail')).toEqual([])
})
