import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { SMTPServer } from 'smtp-server'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import { running, specJob } from './running.ts'

/** A mail server that defers the addresses named, as often as said, and a Mailpit API that finds nothing. */
async function deferringMail(deferrals: Record<string, number>) {
  const tries = new Map<string, number>()
  const smtp = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onRcptTo({ address }, _session, callback) {
      const before = tries.get(address) ?? 0
      tries.set(address, before + 1)
      if (before < (deferrals[address] ?? 0)) {
        callback(Object.assign(new Error('4.7.0 try again later'), { responseCode: 451 }))
      } else callback()
    },
    onData(stream, _session, callback) {
      stream.resume()
      stream.once('end', () => callback())
    },
  })
  smtp.listen(0, '127.0.0.1')
  await once(smtp.server, 'listening')
  const api = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ Version: 'test', Messages: 0, messages: [] }))
  })
  api.listen(0, '127.0.0.1')
  await once(api, 'listening')
  onTestFinished(() => {
    api.close()
    smtp.close(() => undefined)
  })
  const port = (server: { address(): unknown }) => (server.address() as { port: number }).port
  return { smtp: `127.0.0.1:${port(smtp.server)}`, mailpit: `http://127.0.0.1:${port(api)}`, tries }
}

it('a temporary error is tried again 5 s, 30 s and 2 minutes after the end of its pass, then given up', async () => {
  const mail = await deferringMail({ 'user1@example.com': 99 })
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
  const mail = await deferringMail({ 'user1@example.com': 1 })
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
