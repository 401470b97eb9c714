import { expect, it } from 'vitest'
import { sampleRecipients } from '../../emulator/moodle/sample-people.ts'
import { createSimulation } from '../../emulator/simulation.ts'

it('runs 50,000 recipients at 14 mails a second in seconds, twice the same', { timeout: 300_000 }, async () => {
  const sample = await sampleRecipients({ count: 50_000, kind: 'csv_import', seed: 'half an hour' })
  const run = async () => {
    const began = process.threadCpuUsage()
    const simulated = await createSimulation({ seed: 'half an hour', worker_mail_rate: 14 })
    await simulated.during(({ moodle }) =>
      moodle.submit({ ...sample, tenant: 1, certificate: false, mode: 'api', dialect: 'spec', shape: 'batches' }),
    )
    expect(await simulated.end()).toBe(true)
    const used = process.threadCpuUsage(began)
    const seconds = (used.user + used.system) / 1e6
    const virtual = (simulated.clock.now() - Date.UTC(2026, 0, 1)) / 1000
    const failed = (await simulated.emulator.evidence.check()).filter(({ verdict }) => verdict === 'fail')
    const journal = simulated.emulator.journal.read().map((line) => JSON.stringify(line))
    await simulated.stop()
    return { seconds, virtual, failed, journal: journal.join('\n') }
  }
  const [one, two] = [await run(), await run()]
  expect([one.failed, two.failed]).toEqual([[], []])
  // The callbacks of the last pass come a second later.
  expect(one.virtual - (50_000 - 14) / 14).toBeLessThan(2)
  expect(one.virtual).toBeGreaterThan((50_000 - 14) / 14)
  expect(one.journal === two.journal).toBe(true)
  // Nothing is waited for: with a machine of its own, this thread's seconds are those of the clock on the wall, and under
  // 20. Neighbours on the same cores make each of them longer.
  expect(Math.min(one.seconds, two.seconds)).toBeLessThan(25)
})
