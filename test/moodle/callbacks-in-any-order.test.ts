import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as fc from 'fast-check'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import { fakeCloud, job, people, standIn, type FakeCloud, type StandIn } from './stand-in.ts'

let cloud: FakeCloud
let site: StandIn
beforeAll(async () => {
  cloud = await fakeCloud()
  site = await standIn({ endpoint: cloud.url, clock: virtualClock() })
})
afterAll(async () => {
  await site.stop()
  await cloud.close()
})

const submitted = async (dialect: 'spec' | 'flow' | 'plugin' | 'detailed', recipients = people(4)) =>
  (await site.moodle.submit(job({ dialect, type: 'welcome', recipients }))).jobIds[0] ?? ''

/** A job's state without its own name. */
const stateOf = (jobid: string) => JSON.stringify(site.state(jobid)).replaceAll(jobid, 'JOB')

/** The law: the same callbacks in any order, some of them several times, give one state. */
const anyOrder = async (
  dialect: 'spec' | 'flow' | 'plugin' | 'detailed',
  callback: fc.Arbitrary<unknown>,
  deliver: (jobid: string, callback: unknown) => Promise<{ status: number }>,
  recipients = people(4),
) => {
  const runs = fc
    .array(callback, { minLength: 1, maxLength: 6 })
    .chain((callbacks) =>
      fc.tuple(
        fc.constant(callbacks),
        fc.shuffledSubarray([...callbacks, ...callbacks], { minLength: callbacks.length * 2 }),
      ),
    )
  await fc.assert(
    fc.asyncProperty(runs, async ([once, again]) => {
      const [first, second] = [await submitted(dialect, recipients), await submitted(dialect, recipients)]
      for (const each of once) expect(await deliver(first, each)).toMatchObject({ status: 200 })
      for (const each of again) expect(await deliver(second, each)).toMatchObject({ status: 200 })
      expect(stateOf(second)).toBe(stateOf(first))

      // Counters are the sum over the recipients.
      const rows = site.moodle.recipients(second)
      const count = (status: string) => rows.filter((row) => row.status === status).length
      expect(site.moodle.job(second)).toMatchObject({
        completed_recipients: count('completed'),
        failed_recipients: count('failed'),
      })
    }),
    { numRuns: 25 },
  )
}

const userid = fc.constantFrom(1001, 1002, 1003, 1004, '1001', 4711)
const update = fc.record(
  {
    userid,
    status: fc.constantFrom('pending', 'completed', 'failed'),
    certificate_url: fc.constantFrom('https://s3.test/c.pdf?X-Amz-Date=1', 'https://s3.test/c.pdf?X-Amz-Date=2'),
    timesent: fc.integer({ min: 1_700_000_000, max: 1_700_000_009 }),
    error_message: fc.constantFrom('Email bounce', '<script>alert(1)</script>', "'; DROP TABLE mdl_user; --", '\0'),
    attempts: fc.nat(5),
  },
  { requiredKeys: ['userid', 'status'] },
)

describe('any order and any repetition of callbacks gives one state', () => {
  it('in spec', async () => {
    const whole = fc.record({ status: fc.constantFrom('pending', 'processing', 'completed', 'failed') })
    const list = fc.record({ recipient_updates: fc.array(update, { maxLength: 5 }) })
    const law = anyOrder(
      'spec',
      fc.oneof({ weight: 4, arbitrary: list }, { weight: 1, arbitrary: whole }),
      (jobid, content) => site.callback(jobid, [], { recipient_updates: undefined, ...(content as object) }),
    )
    await expect(law).resolves.toBeUndefined()
  })

  const emails = ['user1001@example.com', 'user1002@example.com', 'SHARED@example.com', 'stranger@example.com']
  const sharing = people(4).map((person, n) => (n < 2 ? person : { ...person, email: 'shared@example.com' }))

  it('in plugin, where two share an address', async () => {
    const result = fc.record({
      email: fc.constantFrom(...emails),
      status: fc.constantFrom('pending', 'sent', 'failed'),
      error: fc.constantFrom('a', 'b'),
    })
    const callback = fc.record({
      status: fc.constantFrom('processing', 'completed', 'partial_failure', 'failed'),
      emails_sent: fc.nat(2),
      emails_failed: fc.nat(2),
      errors: fc.constant([]),
      recipients: fc.array(result, { maxLength: 6 }),
    })
    const law = anyOrder(
      'plugin',
      callback,
      (jobid, content) => site.pluginCallback({ job_id: jobid, ...(content as object) }),
      sharing,
    )
    await expect(law).resolves.toBeUndefined()
  })

  it('in flow, which gives counts and addresses', async () => {
    const callback = fc.record({
      status: fc.constantFrom('processing', 'completed', 'partial_failure', 'failed'),
      emails_sent: fc.nat(2),
      emails_failed: fc.nat(2),
      errors: fc.array(fc.constantFrom(...emails, 'rate_limit_exceeded'), { maxLength: 3 }),
    })
    const law = anyOrder(
      'flow',
      callback,
      (jobid, content) => site.signed({ job_id: jobid, ...(content as object) }),
      sharing,
    )
    await expect(law).resolves.toBeUndefined()
  })
})

it('ten at once count once', async () => {
  const jobid = await submitted('spec')
  const updates = people(4).map(({ userid }, n) => ({ userid, status: n === 3 ? 'failed' : 'completed' }))
  const answers = await Promise.all(Array.from({ length: 10 }, () => site.callback(jobid, updates)))
  expect(answers.map(({ status }) => status)).toEqual(Array<number>(10).fill(200))
  expect(answers.filter(({ body }) => body['applied'] === 4)).toHaveLength(1)
  expect(site.moodle.job(jobid)).toMatchObject({ status: 'completed', completed_recipients: 3, failed_recipients: 1 })
})

describe('a callback that is faster than the answer to the submission', () => {
  it.each([
    [3, 'completed'],
    [1, 'processing'],
  ])('of %i of 3 leaves the job %s, not queued', async (count, status) => {
    cloud.reply = async ({ job: message }) => {
      cloud.reply = async () => undefined
      const answer = await site.callback(
        String(message['job_id']),
        people(count).map(({ userid }) => ({ userid, status: 'completed' })),
      )
      expect(answer.status).toBe(200)
      return undefined
    }
    const jobid = await submitted('spec', people(3))
    expect(site.moodle.job(jobid)).toMatchObject({ status, completed_recipients: count })
  })
})

describe('job status', () => {
  const update = (whom: number, status: string) => ({ userid: 1000 + whom, status })
  it('goes from queued over processing to what the recipients came to', async () => {
    const jobid = await submitted('spec')
    const seen = [site.moodle.job(jobid)?.status]
    for (const [whom, status] of [
      [1, 'completed'],
      [2, 'completed'],
      [3, 'completed'],
      [4, 'failed'],
    ] as const) {
      await site.callback(jobid, [update(whom, status)])
      seen.push(site.moodle.job(jobid)?.status)
    }
    expect(seen).toEqual(['queued', 'processing', 'processing', 'processing', 'completed'])
    expect(site.moodle.job(jobid)?.timecompleted).toBe(Math.floor(site.clock.now() / 1000))
  })

  it('is failed where all failed, even if the callback says partial_failure; a late bounce counts', async () => {
    const jobid = await submitted('plugin', people(2))
    const recipients = people(2).map(({ email }) => ({ email, status: 'failed', error: 'bounced' }))
    const content = {
      job_id: Number(jobid),
      status: 'partial_failure',
      emails_sent: 0,
      emails_failed: 2,
      errors: [],
      recipients,
    }
    await site.pluginCallback(content)
    expect(site.moodle.job(jobid)?.status).toBe('failed')

    const other = await submitted('spec', people(1))
    for (const status of ['completed', 'failed', 'completed', 'pending'])
      await site.callback(other, [update(1, status)])
    expect(site.moodle.job(other)).toMatchObject({ status: 'failed', completed_recipients: 0, failed_recipients: 1 })
  })

  it('of the seed’s import is completed with 498 sent and 2 failed', async () => {
    const everybody = people(500)
    const jobid = await submitted('flow', everybody)
    const errors = [everybody[7], everybody[400]].map((person) => person?.email)
    await site.signed({ job_id: Number(jobid), status: 'completed', emails_sent: 498, emails_failed: 2, errors })
    expect(site.moodle.job(jobid)).toMatchObject({
      status: 'completed',
      completed_recipients: 498,
      failed_recipients: 2,
    })
    expect(
      site.moodle
        .recipients(jobid)
        .filter(({ status }) => status === 'failed')
        .map(({ userid }) => userid),
    ).toEqual([1008, 1401])
  })

  it('of flow ends without names too, and says so by its counts', async () => {
    const jobid = await submitted('flow', people(10))
    await site.signed({
      job_id: Number(jobid),
      status: 'partial_failure',
      emails_sent: 7,
      emails_failed: 3,
      errors: ['rate_limit_exceeded', 'user1001@example.com: bounced'],
    })
    expect(site.moodle.job(jobid)).toMatchObject({
      status: 'partial_failure',
      reported_sent: 7,
      reported_failed: 3,
      failed_recipients: 1,
      completed_recipients: 0,
    })
    expect(site.moodle.settled(jobid)).toBe(true)
  })

  it('of detailed comes with its recipients', async () => {
    const jobid = await submitted('detailed', people(2))
    const [ana, bo] = people(2)
    await site.signed({
      job_uuid: jobid,
      result: {
        status: 'PARTIAL',
        processed_records: 1,
        failed_records: 1,
        recipients: [
          { userid: ana?.userid, email: ana?.email, status: 'SENT', artifact_url: 'https://s3.test/a.pdf' },
          { email: bo?.email, status: 'FAILED', error_message: 'throttled' },
        ],
      },
    })
    expect(site.moodle.job(jobid)).toMatchObject({ status: 'partial_failure' })
    expect(site.moodle.recipients(jobid)).toMatchObject([
      { status: 'completed', certificate_url: 'https://s3.test/a.pdf', attempts: 1 },
      { status: 'failed', error_message: 'throttled' },
    ])
  })
})

describe('waiting for a job', () => {
  it('ends with its last outcome', async () => {
    const jobid = await submitted('spec', people(2))
    let done = false
    const waiting = site.moodle.waitFor(jobid).then((ended) => {
      done = true
      return ended
    })
    await site.callback(jobid, [{ userid: 1001, status: 'completed' }])
    expect(done).toBe(false)
    await site.callback(jobid, [{ userid: 1002, status: 'failed' }])
    expect(await waiting).toMatchObject({ status: 'completed', completed_recipients: 1, failed_recipients: 1 })
    expect(site.moodle.progress(jobid)).toEqual({
      total: 2,
      completed: 1,
      failed: 1,
      pending: 0,
      local: 0,
      percent: 100,
    })
  })

  it('ends when it is aborted, when the job goes, and at once where there is none', async () => {
    const jobid = await submitted('spec')
    const abort = new AbortController()
    const aborted = site.moodle.waitFor(jobid, abort.signal)
    abort.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    await expect(site.moodle.waitFor(jobid, abort.signal)).rejects.toThrow('enough')
    const gone = site.moodle.waitFor(jobid)
    site.moodle.reset()
    await expect(gone).rejects.toMatchObject({ code: 'job-not-found' })
    await expect(site.moodle.waitFor('none')).rejects.toMatchObject({ code: 'job-not-found' })
  })
})
