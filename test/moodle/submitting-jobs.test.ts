import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decodeJob, envelopeOf, type MessageAttributes } from '../../contracts/dialects/index.ts'
import { dialects, type Json } from '../../contracts/job.ts'
import { callbackPaths } from '../../emulator/moodle/submission.ts'
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

const only = (ids: readonly string[]) => {
  expect(ids).toHaveLength(1)
  return ids[0] as string
}

describe('a job over POST /jobs', () => {
  it('goes out in batches of job_batch_size under one id', async () => {
    const result = await site.moodle.submit(job({ recipients: people(450) }))
    const jobid = only(result.jobIds)
    expect(result).toMatchObject({ recipients: 450, batches: 3, duplicates: 0, accepted: 450, refused: 0, local: 0 })
    expect(cloud.submissions.map(({ job }) => job.recipients.length)).toEqual([200, 200, 50])
    expect(new Set(cloud.submissions.map(({ job }) => job['job_id']))).toEqual(new Set([jobid]))
    expect(cloud.submissions[0]).toMatchObject({
      path: '/jobs',
      headers: { authorization: 'Bearer ingest-token', 'content-type': 'application/json' },
      job: { tenant_id: 7, type: 'csv_import', callback_url: `${site.url}${callbackPaths.spec}` },
    })
    expect(site.moodle.job(jobid)).toMatchObject({ status: 'queued', total_recipients: 450, tenantid: 7 })
    expect(site.moodle.batches(jobid).map(({ status }) => status)).toEqual(['queued', 'queued', 'queued'])
  })

  it('goes out whole, or as one job a person, where asked', async () => {
    expect(await site.moodle.submit(job({ recipients: people(450), shape: 'one-message' }))).toMatchObject({
      batches: 1,
    })
    const single = await site.moodle.submit(job({ recipients: people(5), shape: 'one-recipient-jobs' }))
    expect(single.jobIds).toHaveLength(5)
    expect(single).toMatchObject({ recipients: 5, batches: 5, accepted: 5 })
    expect(cloud.submissions.slice(1).map(({ job }) => job.recipients.length)).toEqual([1, 1, 1, 1, 1])
  })

  it('keeps the specified columns, and no password', async () => {
    const { jobIds } = await site.moodle.submit(job({ templateData: { course_name: 'PHP', api_secret: 'hush' } }))
    const jobid = only(jobIds)
    const columns = (table: string) =>
      site.store.all<{ name: string }>(`SELECT name FROM pragma_table_info('${table}')`).map(({ name }) => name)
    expect(columns('manireports_cloud_jobs').slice(0, 13)).toEqual(
      'id jobid tenantid type status total_recipients completed_recipients failed_recipients payload_json createdby timecreated timestarted timecompleted'.split(
        ' ',
      ),
    )
    expect(columns('manireports_cloud_job_recipients').slice(0, 9)).toEqual(
      'id jobid userid email status attempts certificate_url error_message timesent'.split(' '),
    )
    expect(JSON.parse(site.moodle.job(jobid)?.payload_json ?? '')).toMatchObject({
      job_id: jobid,
      template_data: { course_name: 'PHP', api_secret: '[removed]' },
    })
    const tables = ['jobs', 'job_recipients', 'job_batches', 'email_hashes']
    const kept = JSON.stringify(tables.map((table) => site.store.all(`SELECT * FROM manireports_cloud_${table}`)))
    expect(kept).not.toMatch(/Temp-secret|hush|ingest-token|shared-secret/)
    expect(JSON.stringify(site.journal.read())).not.toMatch(/@|Temp-secret/)
    expect(cloud.submissions[0]?.text).toContain('Temp-secret-0')
  })

  it('refuses to create a job twice, one without people, and one with two versions of a person', async () => {
    await site.moodle.submit(job({ jobId: 'a-1' }))
    await expect(site.moodle.submit(job({ jobId: 'a-1' }))).rejects.toMatchObject({ code: 'job-exists' })
    await expect(site.moodle.submit(job({ recipients: [] }))).rejects.toMatchObject({ code: 'no-recipients' })
    const twice = [...people(1), { ...people(1)[0], userid: 1001, email: 'other@example.com' }]
    await expect(site.moodle.submit(job({ recipients: twice }))).rejects.toMatchObject({ code: 'recipient-conflict' })
    expect(cloud.submissions).toHaveLength(1)
    expect(site.moodle.jobs()).toHaveLength(1)
  })
})

describe('a job over SQS', () => {
  it('is a SendMessage in JSON to the queue’s path, signed for sqs', async () => {
    await site.moodle.submit(job({ mode: 'sqs', recipients: people(201) }))
    expect(cloud.submissions).toHaveLength(2)
    expect(cloud.submissions[0]).toMatchObject({
      path: '/000000000000/manireports-jobs',
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': 'AmazonSQS.SendMessage',
        authorization: expect.stringMatching(
          /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/us-east-1\/sqs\/aws4_request, SignedHeaders=.*host.*, Signature=[0-9a-f]{64}$/,
        ) as string,
      },
    })
    expect(cloud.submissions[0]?.attributes).toBeUndefined()
  })

  it('of the plugin has one message, its tenant and type beside it', async () => {
    const { jobIds } = await site.moodle.submit(
      job({ mode: 'sqs', dialect: 'plugin', type: 'welcome', recipients: people(450) }),
    )
    expect(cloud.submissions).toHaveLength(1)
    expect(cloud.submissions[0]?.attributes).toEqual({
      CompanyId: { DataType: 'Number', StringValue: '7' },
      JobType: { DataType: 'String', StringValue: 'user_created' },
    })
    const rows = site.moodle.recipients(only(jobIds))
    expect(cloud.submissions[0]?.job.recipients.map(({ id }) => id)).toEqual(rows.map(({ id }) => String(id)))
  })

  it('over the message’s limit fails, and says the sizes', async () => {
    const small = await standIn({ endpoint: cloud.url, settings: { maximumMessageSize: 262_144 } })
    const result = await small.moodle.submit(
      job({ mode: 'sqs', dialect: 'plugin', type: 'welcome', recipients: people(1200) }),
    )
    expect(result).toMatchObject({ accepted: 0, refused: 1200 })
    expect(result.error).toMatch(/the message has \d{6} bytes and the queue takes 262144/)
    expect(small.moodle.job(only(result.jobIds))).toMatchObject({
      status: 'failed',
      failed_recipients: 1200,
      error_message: result.error,
    })
    expect(cloud.submissions).toHaveLength(0)
    await small.stop()
  })
})

describe.each(dialects)('in the %s dialect', (dialect) => {
  it('the cloud reads what was meant', async () => {
    const type = dialect === 'plugin' || dialect === 'detailed' ? 'welcome' : 'csv_import'
    const { jobIds } = await site.moodle.submit(job({ dialect, type, mode: 'sqs', certificate: true }))
    const sent = cloud.submissions[0]
    const attributes = Object.entries(
      (sent?.attributes ?? {}) as Record<string, { DataType: string; StringValue: string }>,
    )
    const envelope: MessageAttributes = Object.fromEntries(
      attributes.map(([name, { DataType, StringValue }]) => [name, { dataType: DataType, value: StringValue }]),
    )
    const decoded = decodeJob(JSON.parse(sent?.text ?? '') as Json, envelopeOf(envelope))
    expect(decoded).toMatchObject({
      ok: true,
      job: { dialect, tenant: 7, type, action: 'both', callbackUrl: expect.stringContaining(site.url) as string },
    })
    if (!decoded.ok) return
    expect(decoded.job.recipients.map(({ email }) => email)).toEqual(people(3).map(({ email }) => email))
    expect(String(decoded.job.jobId)).toBe(only(jobIds))
    expect(typeof decoded.job.jobId).toBe(dialect === 'flow' || dialect === 'plugin' ? 'number' : 'string')
  })
})
