import { expect, it } from 'vitest'
import { healthyRun } from './healthy-run.ts'

/** What became of each identity, and which faults it met, whatever the order. */
async function outcomes(concurrency: number) {
  const simulated = await healthyRun({ worker_concurrency: concurrency })
  const { jobs } = await simulated.emulator.evidence.view()
  const journal = simulated.emulator.journal.read()
  await simulated.stop()
  const recipients = jobs.flatMap(({ tenant, job, rows }) =>
    rows.map(({ key, status, attempts }) => `${tenant} ${job} ${key}: ${status} after ${attempts}`),
  )
  const faults = journal.flatMap(({ event }) =>
    event.type === 'fault.injected' && event.operation.startsWith('worker.')
      ? [`${event.rule} ${event.tenant} ${event.job} ${event.recipient} ${event.attempt}`]
      : [],
  )
  return { recipients: recipients.toSorted(), faults: faults.toSorted() }
}

it('gives each recipient the same faults and the same end with one worker and with sixteen', async () => {
  const [one, sixteen] = [await outcomes(1), await outcomes(16)]
  expect(one.faults.length).toBeGreaterThan(5)
  expect(sixteen).toEqual(one)
})
