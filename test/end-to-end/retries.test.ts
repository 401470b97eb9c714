import { expect, it } from 'vitest'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import { deferringMail } from './deferring-mail.ts'
import { running, specJob } from './running.ts'

it('a temporary error is tried again 5 s, 30 s and 2 minutes after the end of its pass, then given up', async () => {
  const mail = await deferringMail((address) => (address === 'user1@example.com' ? 99 : 0))
  const clock = virtualClock()
  const emulator = await running({ smtp: mail.smtp, mailpit: mail.mailpit, clock })
  await emulator.submit(specJob())

  for (const [attempt, wait] of [
    [1, 5000],
    [2, 30_000],
    [3, 120_000],
  ] as const) {
    const retry = await emulator.event('recipient.retry', (event) => event.attempt === attempt)
    expect(retry.dueAt - clock.now()).toBe(wait)
    expect(retry.error).toContain('4.7.0 try again later')
    await clock.advance(wait - 1)
    expect(mail.tries.get('user1@example.com')).toBe(attempt)
    await clock.advance(1)
  }
  const outcome = await emulator.event('recipient.outcome', ({ recipient }) => recipient === '1001')
  expect(outcome).toMatchObject({ status: 'failed', attempt: 4 })
  expect((await emulator.job(specJob().job_id)).status).toBe('partial_failure')
  expect(mail.tries).toEqual(
    new Map([
      ['user1@example.com', 4],
      ['user2@example.com', 1],
    ]),
  )
})

it('a retry of the failed is a new job whose parent reads manual_retry, then completed by both together', async () => {
  const mail = await deferringMail((address) => (address === 'user1@example.com' ? 1 : 0))
  const emulator = await running({ smtp: mail.smtp, mailpit: mail.mailpit, cloud_retry_policy: [] })
  await emulator.submit(specJob())
  const parent = await emulator.settled(specJob().job_id)
  expect([parent.status, parent.totals.sent, parent.totals.failed]).toEqual(['partial_failure', 1, 1])

  const answer = await fetch(`${emulator.url}/_offload/jobs/${specJob().job_id}/retry`, { method: 'POST' })
  const { job_id, recipients } = (await answer.json()) as { job_id: string; recipients: number }
  expect([answer.status, recipients]).toEqual([202, 1])
  const child = await emulator.settled(job_id)
  expect(child).toMatchObject({ status: 'completed', parent_job_id: specJob().job_id })
  expect((await emulator.job(specJob().job_id)).status).toBe('completed')
})

it('a retry pressed twice mails nobody twice, and one of two retried leaves the parent partial', async () => {
  const mail = await deferringMail(() => 1)
  const emulator = await running({ smtp: mail.smtp, mailpit: mail.mailpit, cloud_retry_policy: [] })
  await emulator.submit(specJob())
  expect((await emulator.settled(specJob().job_id)).status).toBe('failed')
  const retry = (recipient?: string) =>
    fetch(`${emulator.url}/_offload/jobs/${specJob().job_id}/retry`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(recipient === undefined ? {} : { recipient }),
    })
  const parent = async () => (await emulator.job(specJob().job_id)).status

  const [one, same] = await Promise.all([retry('1001'), retry('1001')])
  expect([one.status, same.status]).toEqual([202, 409])
  await emulator.settled(((await one.json()) as { job_id: string }).job_id)
  expect(await parent()).toBe('partial_failure')

  const [rest, again] = await Promise.all([retry(), retry()])
  expect([rest.status, again.status]).toEqual([202, 409])
  await emulator.settled(((await rest.json()) as { job_id: string }).job_id)
  expect(await parent()).toBe('completed')
  expect([...mail.tries.values()]).toEqual([2, 2])
})

it('a message of many passes, each of whose recipients is deferred once, ends with all of them sent', async () => {
  const mail = await deferringMail(() => 1)
  const emulator = await running({ smtp: mail.smtp, mailpit: mail.mailpit, speed: 50 })
  const recipients = Array.from({ length: 2600 }, (_, at) => ({ userid: at + 1, email: `u${at + 1}@example.com` }))
  await emulator.submit(specJob({ recipients }))
  expect((await emulator.settled(specJob().job_id)).totals).toMatchObject({ sent: 2600, failed: 0, pending: 0 })
})

it('a retry by hand takes over by key, else by address, and two with one address each their own', async () => {
  let failing = true
  const mail = await deferringMail(() => (failing ? 99 : 0))
  const emulator = await running({ smtp: mail.smtp, mailpit: mail.mailpit, cloud_retry_policy: [] })
  const twice = { email: 'shared@example.com', firstname: 'Ada' }
  const person = { email: 'other@example.com', firstname: 'Ben' }
  await emulator.submit(
    specJob({
      recipients: [
        { userid: 1, ...twice },
        { userid: 2, ...twice },
        { userid: 3, ...person },
      ],
    }),
  )
  const parent = () => emulator.job(specJob().job_id)
  expect((await emulator.settled(specJob().job_id)).totals.failed).toBe(3)

  failing = false
  const retryOf = (job_id: string, recipients: readonly object[]) =>
    emulator.submit(specJob({ job_id, parent_job_id: specJob().job_id, recipients }))
  const ids = ['10000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000002']
  await retryOf(ids[0]!, [{ userid: 2, ...twice }])
  await emulator.settled(ids[0]!)
  // By its address the first one's row was taken over too.
  expect((await parent()).status).toBe('partial_failure')
  await retryOf(ids[1]!, [{ userid: 1, ...twice }, person])
  await emulator.settled(ids[1]!)
  expect((await parent()).status).toBe('completed')
})
