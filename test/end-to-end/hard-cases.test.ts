import { expect, it } from 'vitest'
import { deferringMail } from './deferring-mail.ts'
import { receiver, running, specJob } from './running.ts'

const control = (url: string, path: string) => fetch(`${url}/_offload/${path}`, { method: 'POST' })

it('a bare flow job by POST is read as flow by the worker too', async () => {
  const { submit, settled } = await running()
  const answer = await submit({ job_id: 5, type: 'csv_import', recipients: [{ email: 'a@example.com' }] })
  expect(answer.status).toBe(202)
  expect(await settled(5)).toMatchObject({ dialect: 'flow', totals: { sent: 1, pending: 0 } })
})

it('a cumulative callback waits for recipients that came late and are tried again', async () => {
  const mail = await deferringMail((address) => (address === 'late@example.com' ? 1 : 0))
  const moodle = await receiver()
  const emulator = await running({
    smtp: mail.smtp,
    mailpit: mail.mailpit,
    bounce_window: 0.3,
    speed: 10,
    callback_url: moodle.url,
  })
  const job = (email: string) => ({
    job_id: 7,
    type: 'csv_import',
    company_id: 1,
    recipients: [{ email, password: 'x' }],
  })
  await emulator.submit(job('early@example.com'))
  await emulator.event('recipient.outcome')
  await emulator.submit(job('late@example.com'))
  await emulator.settled(7)
  for (const { raw } of moodle.received) {
    expect(JSON.parse(raw.toString())).not.toMatchObject({ status: 'processing' })
    expect(raw.toString()).not.toContain('late@example.com')
  }
  expect(JSON.parse(moodle.received.at(-1)?.raw.toString() ?? '')).toMatchObject({
    status: 'completed',
    emails_sent: 2,
    emails_failed: 0,
  })
})

it('a cumulative callback comes although the provider still has a delivery to report', async () => {
  const moodle = await receiver()
  const emulator = await running({ callback_url: moodle.url })
  await emulator.submit({
    job_id: 8,
    type: 'csv_import',
    company_id: 1,
    recipients: [{ email: 'success@simulator.amazonses.com', password: 'x' }],
  })
  await emulator.event('callback.settled')
  expect(moodle.received.map(({ raw }) => JSON.parse(raw.toString()) as unknown)).toEqual([
    expect.objectContaining({ status: 'completed', emails_sent: 1, emails_failed: 0 }),
  ])
})

it('a cumulative callback counts a late bounce as failed, by name', async () => {
  const moodle = await receiver()
  const emulator = await running({ callback_url: moodle.url })
  await emulator.submit({
    job_id: 9,
    type: 'csv_import',
    company_id: 1,
    recipients: [
      { email: 'well@example.com', password: 'x' },
      { email: 'bounce@simulator.amazonses.com', password: 'x' },
    ],
  })
  await emulator.event('callback.settled')
  expect(JSON.parse(moodle.received.at(-1)?.raw.toString() ?? '')).toMatchObject({
    status: 'completed',
    emails_sent: 1,
    emails_failed: 1,
    errors: [expect.stringContaining('bounce@simulator.amazonses.com')],
  })
})

it('a job whose messages were purged is queued again when it is submitted again', async () => {
  const { submit, url, job } = await running({ worker: 'none' })
  const queued = async () => {
    const { queues } = (await (await fetch(`${url}/_offload/queues`)).json()) as {
      queues: { name: string; visible: number }[]
    }
    return queues.find(({ name }) => name === 'manireports-jobs')?.visible
  }
  await submit(specJob())
  await submit(specJob())
  expect(await queued()).toBe(1)
  await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.PurgeQueue' },
    body: JSON.stringify({ QueueUrl: `${url}/000000000000/manireports-jobs` }),
  })
  expect(await queued()).toBe(0)
  expect((await submit(specJob())).status).toBe(200)
  expect(await queued()).toBe(1)
  expect((await job(specJob().job_id)).totals.recipients).toBe(2)
})

it('a reset in the middle of a job leaves the next job with the same recipients alone', async () => {
  const { submit, url, settled, event, mailpit } = await running()
  const recipients = Array.from({ length: 600 }, (_, at) => ({ userid: at + 1, email: `u${at + 1}@example.com` }))
  const job = (job_id: string, course_name: string) => specJob({ job_id, recipients, template_data: { course_name } })
  await submit(job('44444444-4444-4444-8444-444444444444', 'Old Course'))
  await event('pass.ended')
  await control(url, 'reset')
  const next = '55555555-5555-4555-8555-555555555555'
  await submit(job(next, 'New Course'))
  expect((await settled(next)).totals).toMatchObject({ sent: 600, pending: 0 })
  const { messages } = await mailpit.searchMessages({ query: `tag:job-${next}`, limit: 1000 })
  expect(messages).toHaveLength(600)
  expect(messages.every(({ Snippet }) => Snippet.includes('New Course'))).toBe(true)
})

it("a tenant's reset leaves another tenant's job of the same id, its mails and its messages", async () => {
  const { submit, settled, url, mailpit } = await running()
  const other = specJob({ tenant_id: 9, recipients: [{ userid: 1, email: 'other@example.com' }] })
  await submit(specJob())
  await submit(other)
  const both = () =>
    fetch(`${url}/_offload/jobs`).then((answer) => answer.json()) as Promise<{ jobs: { settled: boolean }[] }>
  await expect.poll(async () => (await both()).jobs.every((job) => job.settled)).toBe(true)
  await control(url, 'reset?tenant=123')
  expect((await settled(other.job_id)).tenant_id).toBe(9)
  expect((await mailpit.listMessages()).messages.map(({ To }) => To[0]?.Address)).toEqual(['other@example.com'])
})
