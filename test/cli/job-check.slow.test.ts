import { expect, it } from 'vitest'
import { createEmulator } from '../../emulator/emulator.ts'
import { openMemory } from '../../emulator/kernel/store.ts'
import { ndjson, offload } from './offload.ts'

it('job --check holds the laws against a job, and exits 1 where one is broken', async () => {
  const memory = openMemory()
  const store = memory.session()
  const emulator = await createEmulator({
    store,
    port: 0,
    smtp_port: 0,
    inbox_port: 0,
    callback_delay: 0,
    seed: 'check',
  })
  try {
    const { jobIds } = await emulator.moodle.submit({
      type: 'reminder',
      recipients: [{ userid: 1, email: 'ada@example.com' }],
      tenant: 1,
      certificate: false,
      mode: 'api',
      dialect: 'spec',
      shape: 'batches',
    })
    const [id = ''] = jobIds
    await emulator.moodle.waitFor(id)
    const env = { OFFLOAD_URL: emulator.url }
    const healthy = await offload(['job', id, '--check'], { env })
    expect([healthy.code, healthy.stderr]).toEqual([0, ''])
    expect(healthy.stdout).toMatch(/1 +pass +\d+ +each recipient of an accepted job has exactly one outcome/)
    expect(healthy.stdout).toMatch(/4 +pass|4 +unobserved/)

    store.run('UPDATE recipients SET attempts = 2, status = ?', 'permanently_failed')
    const broken = await offload(['job', id, '--check', '--json'], { env })
    expect(broken.code).toBe(1)
    expect(broken.stderr).toContain('laws do not hold')
    const verdicts = ndjson(broken.stdout)
    expect(verdicts).toHaveLength(18)
    expect(verdicts.filter(({ verdict }) => verdict === 'fail').map(({ id: law }) => law)).toEqual(
      expect.arrayContaining([1, 12]),
    )
    const shown = await offload(['job', id, '--check'], { env })
    expect(shown.stdout).toMatch(
      /1: recipient 1 of job .* is permanently_failed, its outcome in the journal is sent \(journal \d+\)/,
    )
  } finally {
    await emulator.stop()
    memory.close()
  }
})
