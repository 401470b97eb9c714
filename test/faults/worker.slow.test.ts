import { describe, expect, it } from 'vitest'
import { systemClock } from '../../emulator/kernel/clock.ts'
import { specJob } from '../end-to-end/running.ts'
import { faulty, newJobId, people, runJob, sharedFaulty } from './set-up.ts'

const clock = systemClock()
const policy = { cloud_retry_policy: ['10ms', '10ms', '10ms'] }

/** A job under a rule, on an emulator that all tests of a group share. */
function jobs(config: object = {}) {
  const shared = sharedFaulty({ ...policy, ...config })
  return async (rules: string, recipients: readonly { email: string }[] = people(6), fields: object = {}) => {
    const emulator = await shared(rules)
    return { ...emulator, ...(await runJob(emulator, recipients, fields)) }
  }
}

describe('mail', () => {
  const job = jobs({ speed: 100 })

  it('bounces by the recipient’s place in its job, after it was sent', async () => {
    const run = await job('- {at: worker.mail, when: {every: 3}, then: {bounce: hard}}')
    expect(run.failed).toEqual(['1003', '1006'])
    expect(run.rows[2]).toMatchObject({ status: 'permanently_failed', error: expect.stringContaining('5.1.1') })
    expect(run.mails).toHaveLength(4)
    const outcomes = run
      .events('recipient.outcome')
      .flatMap(({ recipient, status }) => (recipient === '1003' ? [status] : []))
    expect(outcomes).toEqual(['sent', 'permanently_failed'])
  })

  it('bounces at once', async () => {
    const run = await job('- {at: worker.mail, when: {nth: [2, 4]}, then: {bounce: hard-at-once}}')
    expect(run.failed).toEqual(['1002', '1004'])
    expect(run.rows[1]).toMatchObject({ attempts: 1, error: '550 5.1.1 user unknown' })
    expect(run.view.status).toBe('completed')
  })

  it('a soft bounce at once is tried again, and passes when it is over', async () => {
    const run = await job('- {at: worker.mail, when: {nth: 1, times: 2}, then: {bounce: soft-at-once}}')
    expect(run.rows[0]).toMatchObject({ status: 'sent', attempts: 3 })
    expect(run.mails).toHaveLength(6)
  })

  it('a soft bounce after sent is a failure', async () => {
    const run = await job('- {at: worker.mail, when: {nth: 1}, then: {bounce: soft}}')
    expect(run.rows[0]).toMatchObject({ error: expect.stringContaining('Transient/MailboxFull') })
  })

  it('is complained about, and its address gets no mail after it', async () => {
    const run = await job('- {at: worker.mail, when: {recipient: person2@*}, then: complaint}')
    expect(run.events('mail.feedback').map(({ kind }) => kind)).toEqual(['complaint'])
    expect(run.view.totals).toMatchObject({ sent: 6, failed: 0 })
    const next = newJobId()
    const { email } = run.rows[1] ?? { email: '' }
    await run.submit(specJob({ job_id: next, recipients: [{ userid: 1, email }] }))
    expect((await run.settled(next)).totals).toMatchObject({ sent: 0, failed: 1 })
  })

  it.each([
    ['{error: 451}', '451 4.3.0 Local error in processing'],
    ['throttle', '454 4.7.0 Throttling failure: Maximum sending rate exceeded.'],
    ['reset', 'the connection was reset (ECONNRESET)'],
    ['account-paused', 'Sending paused for this account.'],
  ])('%s is temporary: tried again until it passes', async (effect, error) => {
    const run = await job(`- {at: worker.mail, when: {nth: 2, times: 1}, then: ${effect}}`)
    const retries = run.events('recipient.retry').map(({ error }) => error)
    expect(retries).toEqual([error])
    expect(run.view.totals).toMatchObject({ sent: 6 })
    expect(run.mails).toHaveLength(6)
  })

  it('an error that lasts ends as a temporary failure, one of the recipient as a permanent one', async () => {
    const run = await job(`- {at: worker.mail, when: {nth: 1}, then: {error: 421}}
- {at: worker.mail, when: {nth: 2}, then: {error: 552}}`)
    expect(run.rows.slice(0, 2)).toMatchObject([
      { status: 'failed', attempts: 4 },
      { status: 'permanently_failed', attempts: 1 },
    ])
    expect(run.view.status).toBe('partial_failure')
  })

  it('a lost answer is looked up: nobody is mailed twice', async () => {
    const run = await job('- {at: worker.mail, when: {times: 1}, then: answer-lost}')
    expect(run.view.totals).toMatchObject({ sent: 6 })
    expect(run.mails).toHaveLength(6)
    expect(run.events('mail.found')).toHaveLength(6)
  })

  it('hangs until the worker gives up, then is looked up and sent', async () => {
    const run = await job('- {at: worker.mail, when: {nth: 1, times: 1}, then: hang}', people(2))
    expect(run.rows[0]).toMatchObject({ status: 'sent', attempts: 2 })
    expect(run.mails).toHaveLength(2)
  })

  it('is delivered twice by its provider', async () => {
    const run = await job('- {at: worker.mail, when: {nth: 3}, then: duplicate}')
    expect(run.mails.filter((address) => address === 'person3')).toHaveLength(2)
    expect(run.mails).toHaveLength(7)
  })

  it('is slow', async () => {
    const run = await job('- {at: worker.mail, when: {nth: 3}, then: {delay: 20s}}')
    const pass = run.events('pass.ended').map(({ milliseconds }) => milliseconds)
    expect(pass[0]).toBeGreaterThanOrEqual(200)
  })

  it('chooses by tenant, type and pattern', async () => {
    const hit = await job(
      '- {at: worker.mail, when: {tenant: 123, type: reminder, recipient: 100?}, then: {error: 552}}',
    )
    expect(hit.failed).toHaveLength(6)
    const missed = await job('- {at: worker.mail, when: {tenant: 5}, then: {error: 552}}')
    expect(missed.failed).toEqual([])
  })

  it('chooses by a window of time', async () => {
    const closed = await job('- {at: worker.mail, when: {window: {after: 1h, for: 1h}}, then: {error: 552}}')
    expect(closed.failed).toEqual([])
    const open = await job('- {at: worker.mail, when: {window: {for: 1h}}, then: {error: 552}}')
    expect(open.failed).toHaveLength(6)
  })
})

describe('certificates and objects', () => {
  const job = jobs()
  const certified = { action_type: 'both', generate_certificate: true, certificate_template: 'default' }
  const certificates = (run: Awaited<ReturnType<typeof job>>) => run.events('certificate.stored')

  it('a broken template fails its recipients alone', async () => {
    const run = await job('- {at: worker.certificate, when: {nth: 2}, then: {error: broken}}', people(3), certified)
    expect(run.rows[1]).toMatchObject({ status: 'permanently_failed', error: expect.stringContaining('template') })
    expect(run.mails).toHaveLength(2)
    expect(certificates(run)).toHaveLength(2)
  })

  it('a renderer that fails once is asked again', async () => {
    const run = await job(
      '- {at: worker.certificate, when: {nth: 2, times: 1}, then: {error: failed}}',
      people(3),
      certified,
    )
    expect(run.rows.map(({ attempts }) => attempts)).toEqual([1, 2, 1])
    expect(certificates(run)).toHaveLength(3)
  })

  it.each(['{error: SlowDown}', 'throttle', '{error: ServiceUnavailable}'])(
    'an object store that says %s is asked again, and no mail goes before its certificate is stored',
    async (effect) => {
      const run = await job(`- {at: worker.objects, when: {nth: 1, times: 1}, then: ${effect}}`, people(2), certified)
      expect(run.rows.map(({ attempts }) => attempts)).toEqual([2, 1])
      expect(certificates(run)).toHaveLength(2)
      expect(run.mails).toHaveLength(2)
    },
  )

  it('a stored object whose answer was lost is used, and never made a second time', async () => {
    const run = await job('- {at: worker.objects, when: {nth: 1, times: 1}, then: answer-lost}', people(2), certified)
    expect(run.rows.map(({ attempts }) => attempts)).toEqual([2, 1])
    expect(run.view.totals).toMatchObject({ sent: 2 })
    expect(certificates(run).map(({ recipient }) => recipient)).toEqual(['1002'])
  })

  it.each(['worker.certificate', 'worker.objects'])('%s may be slow', async (operation) => {
    const run = await job(`- {at: ${operation}, then: {delay: 150ms}}`, people(2), certified)
    const pass = run.events('pass.ended').map(({ milliseconds }) => milliseconds)
    expect(pass[0]).toBeGreaterThanOrEqual(150)
  })
})

describe('the worker dies', () => {
  const job = jobs({ speed: 100 })
  const certified = { action_type: 'both', generate_certificate: true }
  const steps = ['receive', 'admit', 'lease', 'certificate', 'objects', 'mail', 'conclude', 'delete']
  it.each(steps.flatMap((step) => [[step, 'before'] as const, [step, 'after'] as const]))(
    'at %s, %s it: everybody has one outcome, one certificate and one mail',
    async (step, when) => {
      const run = await job(`- {at: worker.${step}, then: {crash: ${when}}}`, people(3), certified)
      await run.event('worker.restarted', () => run.events('worker.restarted').length > 0)
      expect(run.injected().length).toBeGreaterThan(0)
      expect(run.view.totals).toMatchObject({ sent: 3, failed: 0 })
      expect(run.mails).toEqual(['person1', 'person2', 'person3'])
      const stored = run.events('certificate.stored').map(({ key }) => key)
      expect(new Set(stored).size).toBe(stored.length)
      expect(await run.rules()).toMatchObject([{ hits: run.injected().length }])
    },
  )

  it('between two recipients: those that were mailed are not mailed again', async () => {
    const run = await job('- {at: worker.mail, when: {nth: 4}, then: {crash: after}}', people(8))
    expect(run.mails).toHaveLength(8)
    expect(new Set(run.mails).size).toBe(8)
    expect(run.view.totals).toMatchObject({ sent: 8 })
  })

  it('with mails on their way: they arrive, and the next one finds them', async () => {
    const run = await job(
      `- {at: worker.mail, when: {nth: 8}, then: {crash: before}}
- {at: inbox.accept, then: {delay: 30s}}`,
      people(8),
    )
    expect(run.mails).toHaveLength(8)
    expect(run.events('mail.found')).toHaveLength(7)
  })

  it('again and again, until its message is a dead letter', async () => {
    const emulator = await faulty('- {at: worker.receive, when: {times: 100}, then: {crash: before}}', { speed: 1000 })
    await emulator.submit(specJob())
    expect((await emulator.event('message.dead')).queue).toBe('manireports-jobs')
    await emulator.setRules('')
    await fetch(`${emulator.url}/_offload/queues/manireports-jobs-dlq/redrive`, { method: 'POST' })
    expect((await emulator.settled(specJob().job_id)).totals).toMatchObject({ sent: 2 })
  })
})

describe('a message', () => {
  const job = jobs()

  it('comes to two consumers, and is worked once', async () => {
    const run = await job(`- {at: worker.receive, then: duplicate}
- {name: second, at: worker.receive, then: {delay: 1ms}}`)
    await run.event('fault.injected', ({ rule }) => rule === 'second')
    expect(run.injected()).toMatchObject([
      { effect: 'duplicate', attempt: 1 },
      { rule: 'second', attempt: 2 },
    ])
    expect(run.mails).toHaveLength(6)
  })

  it('is put off, and others overtake it', async () => {
    const run = await job('- {at: worker.receive, when: {tenant: 9}, then: {reorder: 300ms}}')
    const [late, other] = [newJobId(), newJobId()]
    await run.submit(specJob({ job_id: late, tenant_id: 9 }))
    await run.submit(specJob({ job_id: other }))
    await run.settled(late)
    expect(run.events('pass.ended').map((event) => event.job)).toEqual([run.id, other, late])
  })

  it('is late', async () => {
    const began = clock.monotonic()
    await job('- {at: worker.receive, then: {delay: 200ms}}', people(1))
    expect(clock.monotonic() - began).toBeGreaterThan(200)
  })
})

describe('the inbox', () => {
  const job = jobs()

  it.each([
    ['{error: 451}', 2, 1],
    ['reset', 2, 1],
    ['answer-lost', 2, 1],
    ['duplicate', 1, 2],
  ])('%s: the mail is sent after %i attempts, %i of it arrive', async (effect, attempts, arrive) => {
    const run = await job(`- {at: inbox.accept, when: {recipient: person2@*, times: 1}, then: ${effect}}`, people(2))
    expect(run.injected()).toMatchObject([{ operation: 'inbox.accept' }])
    expect(run.rows[1]).toMatchObject({ status: 'sent', attempts })
    expect(run.mails.filter((address) => address === 'person2')).toHaveLength(arrive)
  })

  it('may be slow', async () => {
    const run = await job('- {at: inbox.accept, then: {delay: 150ms}}', people(2))
    expect(run.events('pass.ended')[0]?.milliseconds).toBeGreaterThanOrEqual(150)
  })

  it('a final refusal is a permanent failure', async () => {
    const run = await job('- {at: inbox.accept, when: {recipient: person2@*}, then: {error: 550}}', people(2))
    expect(run.rows[1]).toMatchObject({ status: 'permanently_failed', error: expect.stringContaining('550') })
  })
})

describe('an address', () => {
  const job = jobs({ speed: 100 })

  it('brings its own fault', async () => {
    const labels = ['bounce', 'softbounce', 'complaint', 'throttle', 'timeout', 'slow']
    const run = await job(
      '',
      labels.map((label, index) => ({ userid: index + 1, email: `ada+${label}@x` })),
    )
    expect(run.rows.map(({ status, attempts }) => `${status} ${attempts}`)).toEqual([
      'permanently_failed 1',
      'failed 4',
      'sent 1',
      'sent 2',
      'sent 2',
      'sent 1',
    ])
    expect(run.mails).toEqual(['complaint', 'slow', 'throttle', 'timeout'].map((label) => `ada+${label}`))
    expect(run.injected().map(({ rule }) => rule)).toEqual(expect.arrayContaining(labels.map((label) => `+${label}`)))
  })
})
