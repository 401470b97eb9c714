import { readFileSync } from 'node:fs'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { verify } from '../../contracts/signature.ts'
import { systemClock } from '../../emulator/kernel/clock.ts'
import { receiver, running } from './running.ts'

const run = promisify(execFile)
const file = new URL('../contracts/vectors/spec-job.json', import.meta.url)
const seedJob = readFileSync(file, 'utf8')
const jobId = '550e8400-e29b-41d4-a716-446655440000'

const curl = async (url: string, body: string) => {
  const { stdout } = await run('curl', [
    ...['-sS', '-X', 'POST', `${url}/jobs`, '-H', 'Authorization: Bearer offload-dev-token'],
    ...['-H', 'Content-Type: application/json', '--data-binary', body, '-w', '\n%{http_code}'],
  ])
  const [answer = '', status] = stdout.split('\n')
  return { status: Number(status), answer: JSON.parse(answer) as unknown }
}

it("the seed's job by curl: mailed, certificates stored, its own callback parked with the line that frees it", async () => {
  const emulator = await running()
  const parked = emulator.event('callback.created')
  expect(await curl(emulator.url, seedJob)).toEqual({
    status: 202,
    answer: { job_id: jobId, status: 'queued', recipients: 2, batches: 1 },
  })

  const { state, reason } = await parked
  expect(state).toBe('parked')
  expect(reason).toContain('--allow-callback-host yourmoodle.com')
  const job = await emulator.settled(jobId)
  expect(job.totals).toEqual({ recipients: 2, sent: 2, failed: 0, pending: 0, duplicates: 0 })
  expect(job.callbacks).toMatchObject({ parked: 1, delivered: 0 })
  expect(job.advice.map(({ code }) => code)).toContain('secret-in-body')

  const { messages } = await emulator.mailpit.listMessages()
  expect(messages.map(({ To }) => To[0]?.Address).toSorted()).toEqual(['user1@example.com', 'user2@example.com'])
  const mail = await emulator.mailpit.getMessageSummary(messages[0]?.ID ?? '')
  expect(mail.Text).toContain('Introduction to PHP')
  const link = /http:\S+X-Amz-Signature=[0-9a-f]+/.exec(mail.Text)?.[0] ?? ''
  const pdf = await fetch(link)
  expect(pdf.status).toBe(200)
  expect(pdf.headers.get('content-type')).toBe('application/pdf')
  expect(
    Buffer.from(await pdf.arrayBuffer())
      .subarray(0, 5)
      .toString(),
  ).toBe('%PDF-')
})

it("the seed's job with a local callback: received, and its signature verifies over the raw bytes", async () => {
  const emulator = await running()
  const moodle = await receiver()
  const callbackUrl = `${moodle.url}/local/manireports/ui/ajax/cloud_callback.php`
  const body = JSON.stringify({ ...(JSON.parse(seedJob) as object), callback_url: callbackUrl })
  expect((await curl(emulator.url, body)).status).toBe(202)

  expect((await emulator.settled(jobId)).callbacks).toMatchObject({ delivered: 1, waiting: 0 })
  const [callback] = moodle.received
  expect(callback?.path).toBe('/local/manireports/ui/ajax/cloud_callback.php')
  const told = JSON.parse(callback?.raw.toString() ?? '') as {
    timestamp: number
    recipient_updates: { userid: number; status: string; certificate_url: string }[]
  }
  expect(told).toMatchObject({ job_id: jobId })
  expect(told.recipient_updates.map(({ userid, status }) => [userid, status])).toEqual([
    [1001, 'completed'],
    [1002, 'completed'],
  ])
  // The job carries its own secret, which signs.
  const signed = {
    secret: 'hmac_secret_key',
    body: callback?.raw ?? Buffer.alloc(0),
    signature: String(callback?.headers['x-signature']),
    now: systemClock().now(),
    timestamp: told.timestamp,
  }
  expect(verify(signed)).toEqual({ ok: true })
  expect(verify({ ...signed, secret: 'another' })).toMatchObject({ ok: false })
})
