import { expect, it } from 'vitest'
import { decodeJobText, encodeJob, splitJob } from '../../contracts/dialects/index.ts'
import { dialects } from '../../contracts/job.ts'
import { accepted, uuid } from './jobs.ts'

it.each(dialects)('50,000 recipients in one %s message are read and split in well under 1.5 s of CPU', (dialect) => {
  const recipients = Array.from({ length: 50_000 }, (_, index) => ({
    userid: index + 1,
    email: `user${index}@example.com`,
    firstname: 'Zoë',
    lastname: `Müller ${index}`,
  }))
  const body = encodeJob(
    { jobId: uuid, tenant: 3, type: 'reminder', recipients, timestamp: '2025-11-18T12:00:00Z' },
    dialect,
  )
  const bytes = Buffer.from(JSON.stringify(body))

  const before = process.cpuUsage()
  const job = accepted(decodeJobText(bytes))
  const parts = splitJob(body, { maxBytes: 262_144, maxRecipients: 200 })
  const { user, system } = process.cpuUsage(before)

  expect(job.recipients).toHaveLength(50_000)
  expect(parts).toHaveLength(250)
  expect((user + system) / 1e6).toBeLessThan(1.5)
})
