import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dialects } from '../../contracts/job.ts'
import { fakeCloud, job, people, standIn, type FakeCloud, type StandIn } from './stand-in.ts'

let cloud: FakeCloud
let site: StandIn
beforeEach(async () => {
  cloud = await fakeCloud()
  site = await standIn({ endpoint: cloud.url })
})
afterEach(async () => {
  await site.stop()
  await cloud.close()
})

/** A job of four, of which the last `failed` failed. */
const ended = async (failed: number) => {
  const { jobIds } = await site.moodle.submit(
    job({ recipients: people(4), type: 'welcome', templateData: { course_name: 'PHP' } }),
  )
  const jobid = jobIds[0] ?? ''
  await outcome(jobid, people(4), failed)
  return jobid
}
const outcome = (jobid: string, whom: readonly { userid: number }[], failed: number) =>
  site.callback(
    jobid,
    whom.map(({ userid }, n) =>
      n < whom.length - failed
        ? { userid, status: 'completed' }
        : { userid, status: 'failed', error_message: 'Email bounce' },
    ),
  )

describe('a retry', () => {
  it('is a new job of the failed, whose parent waits until it has ended', async () => {
    const parent = await ended(2)
    expect(site.moodle.job(parent)?.status).toBe('completed')
    const { jobIds } = await site.moodle.retry(parent)
    const child = jobIds[0] ?? ''
    expect(child).not.toBe(parent)
    expect(cloud.submissions[1]?.job).toMatchObject({
      job_id: child,
      parent_job_id: parent,
      template_data: { course_name: 'PHP' },
      recipients: [{ userid: 1003, firstname: 'Ana', lastname: 'Sá 2' }, { userid: 1004 }],
    })
    expect(site.moodle.job(child)).toMatchObject({ parentjobid: parent, total_recipients: 2, status: 'queued' })
    expect(site.moodle.job(parent)).toMatchObject({ status: 'manual_retry', timecompleted: null })

    await outcome(child, people(2, 1003), 1)
    // What a completed retry has not sent is given up for good, as the cloud sees it too.
    expect(site.moodle.job(parent)).toMatchObject({
      status: 'completed',
      completed_recipients: 2,
      failed_recipients: 2,
    })

    const third = (await site.moodle.retry(child)).jobIds[0] ?? ''
    expect([parent, child].map((id) => site.moodle.job(id)?.status)).toEqual(['manual_retry', 'manual_retry'])
    await outcome(third, people(1, 1004), 0)
    expect([parent, child].map((id) => site.moodle.job(id)?.status)).toEqual(['completed', 'completed'])
  })

  it('of one recipient takes only them', async () => {
    const parent = await ended(2)
    expect(await site.moodle.retry(parent, { recipient: '1003' })).toMatchObject({ recipients: 1 })
    await expect(site.moodle.retry(parent, { recipient: '1003' })).rejects.toMatchObject({ code: 'nothing-to-retry' })
    await expect(site.moodle.retry(parent, { recipient: '1001' })).rejects.toMatchObject({ code: 'nothing-to-retry' })
    expect(await site.moodle.retry(parent)).toMatchObject({ recipients: 1 })
    expect(cloud.submissions.slice(1).map(({ job }) => job.recipients.map(({ userid }) => userid))).toEqual([
      [1003],
      [1004],
    ])
  })

  it('of everybody leaves the parent failed when nobody is reached', async () => {
    const parent = await ended(4)
    expect(site.moodle.job(parent)?.status).toBe('failed')
    const child = (await site.moodle.retry(parent)).jobIds[0] ?? ''
    await outcome(child, people(4), 4)
    expect(site.moodle.job(parent)?.status).toBe('failed')
    expect(await site.moodle.retry(parent)).toMatchObject({ recipients: 4 })
  })

  it('that is refused ends at once', async () => {
    const parent = await ended(2)
    cloud.reply = async () => ({ status: 400, body: { detail: 'no' } })
    await site.moodle.retry(parent)
    expect(site.moodle.job(parent)?.status).toBe('partial_failure')
  })

  it('brings a new temporary password, since the old one is not kept', async () => {
    const parent = await ended(1)
    await site.moodle.retry(parent)
    const [first, again] = cloud.submissions.map(({ job }) => job.recipients.find(({ userid }) => userid === 1004))
    expect(again).toMatchObject({ username: first?.['username'], password: expect.stringMatching(/^Temp-/) as string })
    expect(again?.['password']).not.toBe(first?.['password'])
  })

  it('needs a failed recipient, and a job', async () => {
    await expect(site.moodle.retry(await ended(0))).rejects.toMatchObject({ code: 'nothing-to-retry' })
    await expect(site.moodle.retry('none')).rejects.toMatchObject({ code: 'job-not-found' })
  })

  it.each(dialects)('stays in the dialect %s, by the name the cloud has for a recipient', async (dialect) => {
    const { jobIds } = await site.moodle.submit(job({ dialect, type: 'welcome', recipients: people(2) }))
    const jobid = jobIds[0] ?? ''
    const [row] = site.moodle.recipients(jobid)
    cloud.reply = async () => undefined
    const failed = { email: row?.email, status: 'failed' }
    if (dialect === 'spec') await site.callback(jobid, [{ userid: 1001, status: 'failed' }])
    else if (dialect === 'plugin')
      await site.pluginCallback({
        job_id: jobid,
        status: 'processing',
        emails_sent: 0,
        emails_failed: 1,
        errors: [],
        recipients: [failed],
      })
    else if (dialect === 'flow')
      await site.signed({
        job_id: Number(jobid),
        status: 'processing',
        emails_sent: 0,
        emails_failed: 1,
        errors: [row?.email],
      })
    else
      await site.signed({
        job_uuid: jobid,
        result: {
          status: 'PROCESSING',
          processed_records: 0,
          failed_records: 1,
          recipients: [{ ...failed, status: 'FAILED' }],
        },
      })
    const name = { spec: '1001', detailed: '1001', flow: String(row?.email), plugin: String(row?.id) }[dialect]
    const retry = await site.moodle.retry(jobid, { recipient: name })
    expect(site.moodle.job(retry.jobIds[0] ?? '')).toMatchObject({ dialect, total_recipients: 1, parentjobid: jobid })
  })
})
