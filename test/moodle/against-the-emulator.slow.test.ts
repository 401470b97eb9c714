import { afterAll, beforeAll, expect, it } from 'vitest'
import { dialects } from '../../contracts/job.ts'
import { createEmulator, type Emulator } from '../../emulator/emulator.ts'
import { job, people, secret, standIn, token, type StandIn } from './stand-in.ts'

let emulator: Emulator
let site: StandIn
beforeAll(async () => {
  emulator = await createEmulator({
    port: 0,
    smtp_port: 0,
    inbox_port: 0,
    ephemeral: true,
    callback_delay: 0,
    bounce_window: '50ms',
    cloud_callback_secret: secret,
    plugin_token: token,
    ingest_token: 'ingest-token',
  })
  site = await standIn({ endpoint: emulator.url })
})
afterAll(async () => {
  await site.stop()
  await emulator.stop()
})

const bounced = (jobid: string) =>
  new Promise<void>((resolve) => {
    const look = () => site.moodle.job(jobid)?.failed_recipients === 1 && resolve()
    site.journal.subscribe(look)
    look()
  })

const ways = dialects.flatMap((dialect) => (['api', 'sqs'] as const).map((mode) => [dialect, mode] as const))

it.each(ways)('a job in %s over %s comes back with everybody’s outcome', async (dialect, mode) => {
  const recipients = [...people(4), { userid: 1005, email: 'bounce+5@simulator.amazonses.com' }]
  const { jobIds, accepted } = await site.moodle.submit(
    job({ dialect, mode, type: 'welcome', tenant: mode === 'api' ? 7 : 8, recipients, certificate: true }),
  )
  expect(accepted).toBe(5)
  const jobid = jobIds[0] ?? ''
  await site.moodle.waitFor(jobid)
  // `spec` tells of the bounce after it has told of the sending.
  await bounced(jobid)
  expect(site.moodle.job(jobid)).toMatchObject({
    status: 'completed',
    completed_recipients: 4,
    failed_recipients: 1,
  })
  const rows = site.moodle.recipients(jobid)
  expect(rows.map(({ status }) => status)).toEqual(['completed', 'completed', 'completed', 'completed', 'failed'])
  expect(rows[4]?.error_message).toMatch(/bounce/i)
  // Only these two have a place for the link.
  const link = dialect === 'spec' || dialect === 'detailed' ? /^http:\/\/127\.0\.0\.1.*X-Amz-Signature=/ : /^$/
  expect(rows[0]?.certificate_url ?? '').toMatch(link)
})
