import { expect, it, onTestFinished } from 'vitest'
import { sameRun } from '../../contracts/invariants/index.ts'
import { sampleRecipients } from '../../emulator/moodle/sample-people.ts'
import { createSimulation } from '../../emulator/simulation.ts'

/** Hours of trouble at every stage, in a second. */
const faults = `
- {name: gateway, at: ingest.submit, when: {times: 1}, then: {error: 503}}
- {name: submit hangs, at: sqs.SendMessage, when: {times: 1, share: 50%}, then: {delay: 2s}}
- {name: two consumers, at: worker.receive, when: {share: 30%}, then: duplicate}
- {name: overtaken, at: worker.receive, when: {share: 50%}, then: {reorder: 40s}}
- {name: dies mailing, at: worker.mail, when: {nth: [3, 16]}, then: {crash: after}}
- {name: hangs, at: worker.mail, when: {every: 11, times: 1}, then: hang}
- {name: slow, at: worker.mail, when: {every: 5}, then: {delay: {median: 2s, sigma: 1}}}
- {name: lost, at: worker.mail, when: {every: 13, times: 1}, then: answer-lost}
- {name: bounces, at: worker.mail, when: {every: 17}, then: {bounce: hard}}
- {name: store, at: worker.objects, when: {every: 19, times: 2}, then: throttle}
- {name: dies storing, at: worker.objects, when: {nth: 20}, then: {crash: before}}
- {name: inbox, at: inbox.accept, when: {share: 5%, times: 1}, then: hang}
- {name: late, at: callback.attempt, when: {share: 40%}, then: {late: 10m}}
- {name: forged, at: callback.attempt, when: {share: 40%, times: 1}, then: wrong-secret}
- {name: moodle is down, at: callback.attempt, when: {window: {after: 1s, for: 5m}}, then: reset}
`

async function run(seed: string, modes: readonly ('api' | 'sqs')[], worker_concurrency = 4) {
  const simulated = await createSimulation({ seed, worker_concurrency, job_batch_size: 8 })
  onTestFinished(() => simulated.stop())
  const { emulator } = simulated
  const set = await simulated.during(({ inject, url }) =>
    inject(new Request(`${url}/_offload/faults`, { method: 'PUT', body: faults })),
  )
  expect(set.status).toBe(200)
  const sample = await sampleRecipients({ count: 32, kind: 'welcome', seed: 'people', bounces: 0 })
  for (const mode of modes) {
    const job = { ...sample, tenant: 1, certificate: true, mode, dialect: 'spec', shape: 'batches' } as const
    await simulated.during(() => emulator.moodle.submit(job))
  }
  expect(await simulated.end()).toBe(true)
  const failed = (await emulator.evidence.check()).filter(({ verdict }) => verdict === 'fail')
  const journal = emulator.journal.read()
  const hits = (rule: string) =>
    journal
      .flatMap(({ event }) => (event.type === 'fault.injected' && event.rule === rule ? [event] : []))
      .map(({ recipient, attempt }) => `${recipient} ${attempt}`)
      .toSorted()
      // Who was struck when a worker died is struck again in its next life.
      .filter((hit, index, all) => hit !== all[index - 1])
  return { failed, journal, hits }
}

it('the same trouble comes again, byte for byte, and every law holds in it', async () => {
  const one = await run('trouble', ['api', 'sqs'])
  expect(one.failed).toEqual([])
  const rules = [...faults.matchAll(/name: ([^,]+)/g)].map(([, name = '']) => name)
  expect(rules.filter((rule) => one.hits(rule).length === 0)).toEqual([])
  const again = await run('trouble', ['api', 'sqs'])
  expect(sameRun(one.journal, again.journal)).toMatchObject({ verdict: 'pass' })
})

it('more workers at once have the same victims', async () => {
  const [one, sixteen] = [await run('trouble', ['api'], 1), await run('trouble', ['api'], 16)]
  for (const rule of ['bounces', 'lost', 'hangs', 'store'])
    expect([rule, sixteen.hits(rule)]).toEqual([rule, one.hits(rule)])
  expect(sixteen.failed).toEqual([])
})

it('what a dead worker had waiting for its turn is not sent: the next one sends it, once, at the same rate', async () => {
  const simulated = await createSimulation({ seed: 'rate', worker_mail_rate: 5 })
  onTestFinished(() => simulated.stop())
  const rules = '- {at: worker.mail, when: {nth: [10, 30]}, then: {crash: after}}'
  await simulated.during(({ inject, url }) =>
    inject(new Request(`${url}/_offload/faults`, { method: 'PUT', body: rules })),
  )
  const { emulator } = simulated
  const sample = await sampleRecipients({ count: 60, kind: 'reminder', seed: 'people', bounces: 0 })
  await simulated.during(() =>
    emulator.moodle.submit({
      ...sample,
      tenant: 1,
      certificate: false,
      mode: 'api',
      dialect: 'spec',
      shape: 'batches',
    }),
  )
  expect(await simulated.end()).toBe(true)
  expect((await emulator.evidence.check()).filter(({ verdict }) => verdict === 'fail')).toEqual([])
  const { mails } = await emulator.evidence.view()
  expect(mails).toHaveLength(60)
  const at = (type: string) => emulator.journal.read().find(({ event }) => event.type === type)?.at ?? 0
  expect(at('worker.restarted') - at('fault.injected')).toBeLessThan(4000)
})
