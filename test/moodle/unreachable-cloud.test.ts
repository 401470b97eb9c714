import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fakeCloud, job, people, standIn, type FakeCloud } from './stand-in.ts'

let cloud: FakeCloud
beforeEach(async () => {
  cloud = await fakeCloud()
})
afterEach(() => cloud.close())

const firstOf = ({ jobIds }: { jobIds: readonly string[] }) => jobIds[0] ?? ''

describe('nothing listens', () => {
  it('queue_local leaves the recipients to Moodle’s own mail', async () => {
    const gone = cloud.url
    await cloud.close()
    const site = await standIn({ endpoint: gone })
    const result = await site.moodle.submit(job({ recipients: people(450) }))
    expect(result).toMatchObject({ accepted: 0, refused: 0, local: 450, fallback: 'queue_local' })
    expect(result.error).toMatch(/nothing listens at 127\.0\.0\.1:\d+ \(connection refused\)/)
    const jobid = firstOf(result)
    expect(site.moodle.job(jobid)).toMatchObject({ status: 'pending', local_queue: 450, error_message: result.error })
    expect(
      site.moodle.recipients(jobid).every(({ status, submission }) => status === 'pending' && submission === 'local'),
    ).toBe(true)
    expect(site.moodle.progress(jobid)).toMatchObject({ pending: 450, local: 450 })
    await expect(site.moodle.waitFor(jobid)).resolves.toMatchObject({ status: 'pending' })
    await site.stop()
  })

  it('fail fails the job, with the reason; a retry mails them when the cloud is back', async () => {
    let up = false
    const site = await standIn({
      endpoint: cloud.url,
      settings: { fallbackBehavior: () => 'fail', endpoint: () => (up ? cloud.url : 'http://127.0.0.1:1') },
    })
    const result = await site.moodle.submit(job())
    expect(result).toMatchObject({ accepted: 0, refused: 3, local: 0, fallback: 'fail' })
    const jobid = firstOf(result)
    expect(site.moodle.job(jobid)).toMatchObject({
      status: 'failed',
      failed_recipients: 3,
      error_message: result.error,
    })
    up = true
    expect(await site.moodle.retry(jobid)).toMatchObject({ accepted: 3 })
    expect(site.moodle.job(jobid)?.status).toBe('manual_retry')
    await site.stop()
  })

  it('a callback shows that the cloud had the job after all', async () => {
    const site = await standIn({ endpoint: cloud.url })
    cloud.reply = async () => ({ status: 503 })
    for (const fallbackBehavior of ['queue_local', 'fail'] as const) {
      const other = await standIn({ endpoint: cloud.url, settings: { fallbackBehavior: () => fallbackBehavior } })
      const jobid = firstOf(await other.moodle.submit(job()))
      await other.callback(
        jobid,
        people(3).map(({ userid }) => ({ userid, status: 'completed' })),
      )
      expect(other.state(jobid)).toMatchObject({
        status: 'completed',
        completed_recipients: 3,
        failed_recipients: 0,
        local_queue: 0,
      })
      await other.stop()
    }
    await site.stop()
  })
})

describe('a busy cloud', () => {
  it.each([429, 500, 503])('is tried again after %i, and gets the same message', async (status) => {
    const site = await standIn({ endpoint: cloud.url })
    cloud.reply = async (_, nth) => (nth < 2 ? { status, headers: { 'retry-after': '1' } } : undefined)
    expect(await site.moodle.submit(job())).toMatchObject({ accepted: 3 })
    expect(cloud.submissions).toHaveLength(3)
    expect(new Set(cloud.submissions.map(({ text }) => text)).size).toBe(1)
    await site.stop()
  })

  it('that stays busy is away: the fallback takes what is left, without asking for each message', async () => {
    const site = await standIn({ endpoint: cloud.url })
    cloud.reply = async (_, nth) => (nth === 0 ? undefined : { status: 503, body: { detail: 'down' } })
    const result = await site.moodle.submit(job({ recipients: people(1000) }))
    expect(result).toMatchObject({ accepted: 200, local: 800, fallback: 'queue_local', error: 'POST /jobs: 503 down' })
    expect(cloud.submissions).toHaveLength(5)
    const jobid = firstOf(result)
    expect(site.moodle.job(jobid)).toMatchObject({ status: 'queued', local_queue: 800 })
    expect(site.moodle.settled(jobid)).toBe(false)
    await site.callback(
      jobid,
      people(200).map(({ userid }) => ({ userid, status: 'completed' })),
    )
    expect(site.moodle.settled(jobid)).toBe(true)
    await site.stop()
  })
})

describe('a refusal', () => {
  it.each([
    [400, { title: 'Invalid job', issues: [{ path: 'recipients[0].email', reason: 'is missing' }] }],
    [401, { detail: 'no token' }],
    [409, { detail: 'another job' }],
    [413, { detail: 'too large' }],
  ])('%i is not tried again and stands on the job', async (status, body) => {
    const site = await standIn({ endpoint: cloud.url })
    cloud.reply = async () => ({ status, body })
    const result = await site.moodle.submit(job())
    expect(result).toMatchObject({ accepted: 0, refused: 3, local: 0 })
    expect(result.fallback).toBeUndefined()
    expect(cloud.submissions).toHaveLength(1)
    expect(result.error).toMatch(
      new RegExp(
        `POST /jobs: ${status} (Invalid job; recipients\\[0\\].email: is missing|no token|another job|too large)`,
      ),
    )
    expect(site.moodle.job(firstOf(result))).toMatchObject({
      status: 'failed',
      failed_recipients: 3,
      error_message: result.error,
    })
    expect(site.moodle.recipients(firstOf(result))[0]).toMatchObject({ status: 'failed', error_message: result.error })
    await site.stop()
  })

  it('of one message fails its recipients only', async () => {
    const site = await standIn({ endpoint: cloud.url })
    cloud.reply = async (_, nth) => (nth === 1 ? { status: 400, body: { detail: 'no' } } : undefined)
    const result = await site.moodle.submit(job({ recipients: people(600) }))
    expect(result).toMatchObject({ accepted: 400, refused: 200 })
    const jobid = firstOf(result)
    await site.callback(
      jobid,
      people(600)
        .map(({ userid }) => ({ userid, status: 'completed' }))
        .filter(({ userid }) => userid < 1201 || userid >= 1401),
    )
    expect(site.moodle.job(jobid)).toMatchObject({
      status: 'partial_failure',
      completed_recipients: 400,
      failed_recipients: 200,
    })
    expect(site.moodle.batches(jobid).map(({ status }) => status)).toEqual(['queued', 'refused', 'queued'])
    await site.stop()
  })

  it('by SQS names AWS’s code', async () => {
    const site = await standIn({ endpoint: cloud.url })
    cloud.reply = async () => ({
      status: 400,
      body: { __type: 'com.amazonaws.sqs#QueueDoesNotExist', message: 'The specified queue does not exist.' },
    })
    const { error } = await site.moodle.submit(job({ mode: 'sqs' }))
    expect(error).toBe('SendMessage: 400 com.amazonaws.sqs#QueueDoesNotExist; The specified queue does not exist.')
    await site.stop()
  })

  it('by a queue that cut the message is one', async () => {
    const site = await standIn({ endpoint: cloud.url })
    cloud.reply = async () => ({ status: 200, body: { MD5OfMessageBody: 'other' } })
    expect(await site.moodle.submit(job({ mode: 'sqs' }))).toMatchObject({ accepted: 0, local: 3 })
    await site.stop()
  })
})

it('a submission that the process did not survive goes on at the next start, with the same messages', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'offload-moodle-'))
  const first = await standIn({ endpoint: cloud.url, directory })
  let reached = () => {}
  const second = new Promise<void>((resolve) => (reached = resolve))
  cloud.reply = async (_, nth) => {
    if (nth === 0) return undefined
    reached()
    return new Promise(() => {})
  }
  const submitting = first.moodle.submit(job({ recipients: people(600) }))
  await second
  await first.stop()
  const { jobIds, accepted } = await submitting
  expect(accepted).toBe(200)

  cloud.reply = async () => undefined
  const again = await standIn({ endpoint: cloud.url, directory })
  const done = new Promise<void>((resolve) =>
    again.journal.subscribe(({ event }) => event.type === 'moodle.submitted' && resolve()),
  )
  again.moodle.start()
  await done
  const [, lost, ...after] = cloud.submissions.map(({ text }) => text)
  expect(after).toHaveLength(2)
  expect(after[0]).toBe(lost)
  expect(again.moodle.batches(jobIds[0] ?? '').map(({ status }) => status)).toEqual(['queued', 'queued', 'queued'])
  await again.stop()
  rmSync(directory, { recursive: true })
})
