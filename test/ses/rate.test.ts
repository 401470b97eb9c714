import { GetSendQuotaCommand, GetSendStatisticsCommand, SendEmailCommand } from '@aws-sdk/client-ses'
import { GetAccountCommand, SendEmailCommand as SendEmailV2 } from '@aws-sdk/client-sesv2'
import fc from 'fast-check'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createBucket } from '../../emulator/cloud/mail/allowance.ts'
import { systemClock, virtualClock } from '../../emulator/kernel/clock.ts'
import { failure, sesServer, type SesServer } from './ses-server.ts'

const people = (count: number) => Array.from({ length: count }, (_, index) => `u${index}@example.com`)
const send = ({ v1 }: SesServer, to: string[]) =>
  v1.send(
    new SendEmailCommand({
      Source: 'noreply@manireports.test',
      Destination: { ToAddresses: to },
      Message: { Subject: { Data: 's' }, Body: { Text: { Data: 't' } } },
    }),
  )
const sendV2 = ({ v2 }: SesServer, to: string[]) =>
  v2.send(
    new SendEmailV2({
      FromEmailAddress: 'noreply@manireports.test',
      Destination: { ToAddresses: to },
      Content: { Simple: { Subject: { Data: 's' }, Body: { Text: { Data: 't' } } } },
    }),
  )

/** A mail of our own worker. */
const own = (address: string) => ({
  tenant: 1,
  job: '1',
  recipient: address,
  messageId: address,
  to: { address },
  subject: 's',
  text: 't',
  html: 'h',
})

const tooFast = 'Maximum sending rate exceeded.'

test('one second’s worth goes at once; then each waits for its token', async () => {
  const server = await sesServer({ settings: { rate: 2 } })
  await send(server, ['a@example.com'])
  await sendV2(server, ['b@example.com'])
  expect(await failure(send(server, ['c@example.com']))).toEqual({ status: 400, name: 'Throttling', message: tooFast })
  expect(await failure(sendV2(server, ['c@example.com']))).toEqual({
    status: 429,
    name: 'TooManyRequestsException',
    message: tooFast,
  })
  await server.clock.advance(499)
  expect((await failure(send(server, ['c@example.com']))).message).toBe(tooFast)
  await server.clock.advance(1)
  await send(server, ['c@example.com'])
  expect(server.delivered).toHaveLength(3)
})

test('a message to many is accepted over the rate, and the account is throttled until the debt is paid', async () => {
  const server = await sesServer({ settings: { rate: 10 } })
  await send(server, people(50))
  // 40 owed, and one token for the next: 4.1 s.
  await server.clock.advance(4099)
  expect((await failure(send(server, ['a@example.com']))).message).toBe(tooFast)
  await server.clock.advance(1)
  await send(server, ['a@example.com'])
})

test('a refused call costs nothing', async () => {
  const server = await sesServer({ settings: { rate: 1 } })
  await send(server, ['a@example.com'])
  for (let index = 0; index < 5; index++) await failure(send(server, ['a@example.com']))
  await server.clock.advance(1000)
  await send(server, ['a@example.com'])
  expect(server.ses.allowance.sentLast24Hours()).toBe(2)
})

test('the daily quota counts recipients over 24 hours, without the simulator’s, and outlives a restart', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'offload-ses-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const clock = virtualClock()
  const settings = { rate: 1000, dailyQuota: 5 }
  const first = await sesServer({ directory, clock, settings })
  await send(first, ['a@example.com', 'b@example.com', 'success@simulator.amazonses.com'])
  await clock.advance(3_600_000)
  const quotaMessage = 'Daily message quota exceeded.'
  expect(await failure(send(first, people(4)))).toEqual({ status: 400, name: 'Throttling', message: quotaMessage })
  expect(await failure(sendV2(first, people(4)))).toEqual({
    status: 429,
    name: 'TooManyRequestsException',
    message: quotaMessage,
  })
  await send(first, people(3))
  await send(first, ['success@simulator.amazonses.com'])
  await first.close()

  const server = await sesServer({ directory, clock, settings })
  expect(await server.v1.send(new GetSendQuotaCommand({}))).toMatchObject({
    SentLast24Hours: 5,
    Max24HourSend: 5,
    MaxSendRate: 1000,
  })
  expect((await server.v2.send(new GetAccountCommand({}))).SendQuota).toEqual({
    SentLast24Hours: 5,
    Max24HourSend: 5,
    MaxSendRate: 1000,
  })
  await clock.advance(23 * 3_600_000)
  expect(server.ses.allowance.sentLast24Hours()).toBe(3)
  await send(server, ['c@example.com', 'd@example.com'])
  expect((await failure(send(server, ['e@example.com']))).message).toBe(quotaMessage)
})

test('the sandbox has 1 a second and 200 a day', async () => {
  const server = await sesServer({ settings: { sandbox: true } })
  expect(await server.v2.send(new GetAccountCommand({}))).toMatchObject({
    ProductionAccessEnabled: false,
    SendQuota: { MaxSendRate: 1, Max24HourSend: 200 },
  })
})

test('statistics are of 15 minutes each', async () => {
  const server = await sesServer()
  await send(server, ['a@example.com', 'bounce@simulator.amazonses.com'])
  await server.clock.advance(900_000)
  await send(server, ['complaint@simulator.amazonses.com'])
  await server.clock.advance(2000)
  const { SendDataPoints } = await server.v1.send(new GetSendStatisticsCommand({}))
  expect(SendDataPoints).toEqual([
    { Timestamp: new Date('2026-01-01T00:00:00Z'), DeliveryAttempts: 2, Bounces: 1, Complaints: 0, Rejects: 0 },
    { Timestamp: new Date('2026-01-01T00:15:00Z'), DeliveryAttempts: 1, Bounces: 0, Complaints: 1, Rejects: 0 },
  ])
})

test('whatever is asked for, no more than rate × time + one second’s worth + one message is granted', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 3000 })), { maxLength: 60 }),
      async (rate, asked) => {
        const clock = virtualClock()
        const bucket = createBucket({ clock, perSecond: rate })
        let granted = 0
        for (const [count, wait] of asked) {
          const free = bucket.freeAt() <= clock.now() + 0.001
          const before = granted
          expect(bucket.take(count)).toBe(free)
          if (free) {
            expect(before).toBeLessThanOrEqual((clock.monotonic() / 1000) * rate + Math.max(1, rate))
            granted += count
          }
          await clock.advance(wait)
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('--speed makes the rate faster as it makes delays shorter', () => {
  const bucket = createBucket({ clock: systemClock({ speed: 1000 }), perSecond: 1 })
  const now = systemClock().now()
  bucket.take(1)
  expect(bucket.freeAt()).toBeLessThan(now + 100)
})

test('our own worker waits for its rate inside the send, in order, and nothing is refused', async () => {
  const server = await sesServer({ workerRate: 10 })
  const sent: string[] = []
  const mails = people(31).map(async (address) => {
    const result = await server.mail.send(own(address))
    sent.push(address)
    return result
  })
  await server.clock.advance(0)
  expect(sent).toHaveLength(10)
  await server.clock.advance(1000)
  expect(sent).toHaveLength(20)
  await server.clock.advance(1100)
  expect(sent).toEqual(people(31))
  expect(await Promise.all(mails)).toEqual(mails.map(() => ({ outcome: 'accepted' })))
})

test('stopping ends the waits for the rate, which have cost no attempt', async () => {
  const server = await sesServer({ workerRate: 1 })
  await server.mail.send(own('a@example.com'))
  const waiting = server.mail.send(own('b@example.com'))
  await server.mail.stop()
  expect(await waiting).toEqual({ outcome: 'untried' })
})
