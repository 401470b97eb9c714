import { SendEmailCommand } from '@aws-sdk/client-ses'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import { accepting, sesServer, type SesServer } from './ses-server.ts'

const send = async ({ v1 }: SesServer, ...to: string[]) => {
  const { MessageId = '' } = await v1.send(
    new SendEmailCommand({
      Source: 'ManiReports <noreply@manireports.test>',
      Destination: { ToAddresses: to },
      Message: { Subject: { Data: 's' }, Body: { Text: { Data: 't' } } },
    }),
  )
  return MessageId
}
const simulator = (name: string) => `${name}@simulator.amazonses.com`
const toQueue = { notifications: { queue: 'ses-feedback' }, rate: 1000 }

test('a bounce, in SES’s JSON', async () => {
  const server = await sesServer({ settings: toQueue })
  const messageId = await send(server, simulator('bounce+1'), simulator('bounce+2'))
  expect(server.published).toEqual([])
  await server.clock.advance(500)
  expect(server.delivered).toEqual([])
  expect(server.published).toEqual([
    {
      queue: 'ses-feedback',
      body: {
        notificationType: 'Bounce',
        bounce: {
          feedbackId: expect.stringMatching(/^0108[0-9a-f]{12}-[0-9a-f-]{36}-000000$/),
          bounceType: 'Permanent',
          bounceSubType: 'General',
          bouncedRecipients: ['1', '2'].map((label) => ({
            emailAddress: simulator(`bounce+${label}`),
            action: 'failed',
            status: '5.1.1',
            diagnosticCode: 'smtp; 550 5.1.1 user unknown',
          })),
          timestamp: '2026-01-01T00:00:00.500Z',
          remoteMtaIp: '127.0.0.1',
          reportingMTA: expect.stringMatching(/^dns; /),
        },
        mail: {
          timestamp: '2026-01-01T00:00:00.000Z',
          source: 'noreply@manireports.test',
          sourceArn: 'arn:aws:ses:us-east-1:000000000000:identity/manireports.test',
          sendingAccountId: '000000000000',
          messageId,
          destination: [simulator('bounce+1'), simulator('bounce+2')],
        },
      },
    },
  ])
})

test('a complaint and an automatic answer follow a delivery', async () => {
  const server = await sesServer({ settings: toQueue })
  await send(server, simulator('complaint'))
  await send(server, simulator('ooto'))
  await server.clock.advance(1000)
  const told = server.published.map(({ body }) => [body.notificationType, body.mail.destination[0]])
  expect(told).toEqual([
    ['Delivery', simulator('complaint')],
    ['Delivery', simulator('ooto')],
    ['Complaint', simulator('complaint')],
    ['Bounce', simulator('ooto')],
  ])
  expect(server.published[0]?.body['delivery']).toEqual({
    timestamp: '2026-01-01T00:00:00.500Z',
    processingTimeMillis: 500,
    recipients: [simulator('complaint')],
    smtpResponse: '250 2.6.0 Message received',
    reportingMTA: expect.any(String),
    remoteMtaIp: '127.0.0.1',
  })
  expect(server.published[2]?.body['complaint']).toMatchObject({
    complainedRecipients: [{ emailAddress: simulator('complaint') }],
    complaintFeedbackType: 'abuse',
    userAgent: expect.any(String),
    arrivalDate: '2026-01-01T00:00:01.000Z',
  })
  expect(server.published[3]?.body['bounce']).toMatchObject({
    bounceType: 'Transient',
    bounceSubType: 'General',
    bouncedRecipients: [{ emailAddress: simulator('ooto') }],
  })
})

test('each fate of one message is told apart, and only once', async () => {
  const server = await sesServer({ settings: toQueue })
  await send(server, 'a@example.com', simulator('bounce'), simulator('suppressionlist'), 'b@example.com')
  await server.clock.advance(60_000)
  expect(server.delivered.map(({ envelope }) => envelope.to)).toEqual([['a@example.com', 'b@example.com']])
  const parts = server.published.map(({ body }) => body)
  expect(parts).toHaveLength(3)
  expect(parts).toContainEqual(
    expect.objectContaining({ delivery: expect.objectContaining({ recipients: ['a@example.com', 'b@example.com'] }) }),
  )
  expect(parts).toContainEqual(
    expect.objectContaining({
      bounce: expect.objectContaining({
        bounceType: 'Permanent',
        bounceSubType: 'Suppressed',
        reportingMTA: 'dns; amazonses.com',
        bouncedRecipients: [expect.objectContaining({ emailAddress: simulator('suppressionlist'), status: '5.1.1' })],
      }),
    }),
  )
})

test.each([
  ['550 5.1.1 user unknown', 'Permanent', 'General', '5.1.1'],
  ['552 5.2.2 mailbox full', 'Transient', 'MailboxFull', '5.2.2'],
  ['552 5.3.4 too big', 'Transient', 'MessageTooLarge', '5.3.4'],
  ['550 5.7.1 policy', 'Transient', 'General', '5.7.1'],
  ['550 no such user', 'Permanent', 'General', '5.0.0'],
  ['554 no', 'Undetermined', 'Undetermined', '5.0.0'],
])('a server’s refusal comes back as a bounce: %s', async (error, bounceType, bounceSubType, status) => {
  const server = await sesServer({ settings: toQueue })
  server.answer(() => ({ outcome: 'rejected', error }))
  await send(server, 'a@example.com')
  await server.clock.advance(500)
  expect(server.published).toMatchObject([
    {
      body: {
        bounce: {
          bounceType,
          bounceSubType,
          bouncedRecipients: [{ emailAddress: 'a@example.com', status, diagnosticCode: `smtp; ${error}` }],
        },
      },
    },
  ])
})

test('one recipient of several that the server refuses', async () => {
  const server = await sesServer({ settings: toQueue })
  server.answer(() => ({
    outcome: 'accepted',
    response: '250 Ok',
    refused: [{ address: 'b@example.com', response: '550 5.1.1 no' }],
  }))
  await send(server, 'a@example.com', 'b@example.com')
  await server.clock.advance(500)
  expect(server.published.map(({ body }) => body.notificationType)).toEqual(['Delivery', 'Bounce'])
  expect(server.ses.suppression.get('b@example.com')).toMatchObject({ reason: 'BOUNCE' })
  expect(server.ses.suppression.get('a@example.com')).toBeUndefined()
})

test('what is put off is tried again, and delivered', async () => {
  const server = await sesServer({ settings: toQueue })
  server.answer(() => ({ outcome: 'deferred', error: '452 4.2.2 mailbox full', ambiguous: false }))
  await send(server, 'a@example.com')
  await server.clock.advance(59_000)
  expect(server.published).toEqual([])
  server.answer(accepting)
  await server.clock.advance(1000)
  expect(server.delivered).toHaveLength(1)
  await server.clock.advance(1000)
  expect(server.published).toMatchObject([{ body: { notificationType: 'Delivery' } }])
})

test('after 840 minutes it is a bounce', async () => {
  const server = await sesServer({ settings: toQueue })
  server.answer(() => ({ outcome: 'deferred', error: '452 4.2.2 mailbox full', ambiguous: false }))
  await send(server, 'a@example.com')
  await server.clock.advance(760 * 60_000)
  expect(server.published).toEqual([])
  await server.clock.advance(80 * 60_000)
  expect(server.published).toMatchObject([
    {
      body: {
        bounce: { bounceType: 'Transient', bounceSubType: 'MailboxFull', bouncedRecipients: [{ status: '4.4.7' }] },
      },
    },
  ])
  expect(server.ses.suppression.get('a@example.com')).toBeUndefined()
})

test('late and out of order where that is configured, the same in each run', async () => {
  const run = async () => {
    const server = await sesServer({ settings: { notifications: { queue: 'q', delay: 600_000 }, rate: 1000 } })
    for (let index = 0; index < 20; index++) await send(server, simulator(`complaint+${index}`))
    await server.clock.advance(60_000)
    const early = server.published.length
    await server.clock.advance(600_000)
    return { early, order: server.published.map(({ body }) => `${body.notificationType} ${body.mail.destination[0]}`) }
  }
  const { early, order } = await run()
  expect(order).toHaveLength(40)
  expect(early).toBeLessThan(20)
  const complainedFirst = Array.from({ length: 20 }, (_, index) => simulator(`complaint+${index}`)).filter(
    (address) => order.indexOf(`Complaint ${address}`) < order.indexOf(`Delivery ${address}`),
  )
  expect(complainedFirst.length).toBeGreaterThan(0)
  expect(complainedFirst.length).toBeLessThan(20)
  expect((await run()).order).toEqual(order)
})

test('to an HTTP address, four times at most, and the log says when one is lost', async () => {
  const url = 'http://127.0.0.1:1/ses'
  const server = await sesServer({ settings: { notifications: { url } } })
  server.answerPosts(() => (server.posted.length < 3 ? 503 : 200))
  await send(server, simulator('bounce'))
  await server.clock.advance(60_000)
  expect(server.posted).toHaveLength(3)
  expect(new Set(server.posted.map(({ body }) => body)).size).toBe(1)
  expect(server.posted[0]).toMatchObject({
    url,
    headers: { 'content-type': 'text/plain; charset=UTF-8', 'x-amz-sns-message-type': 'Notification' },
  })
  expect(JSON.parse(server.posted[0]?.body ?? '')).toMatchObject({ notificationType: 'Bounce' })

  server.answerPosts(() => 500)
  await send(server, simulator('bounce'))
  await server.clock.advance(120_000)
  expect(server.posted).toHaveLength(7)
  expect(server.journal.read().map(({ event }) => event)).toContainEqual({
    type: 'mail.webhook-lost',
    provider: 'ses',
    url,
    attempts: 4,
    reason: 'it answered 500',
  })
})

test('what was not told before a restart is told after it, and what was told is not told again', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'offload-ses-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const clock = virtualClock()
  const first = await sesServer({ directory, clock, settings: toQueue })
  const told = await send(first, simulator('bounce'))
  await clock.advance(500)
  const open = await send(first, simulator('complaint'))
  first.answer(() => ({ outcome: 'deferred', error: '421 4.7.0 later', ambiguous: false }))
  const putOff = await send(first, 'a@example.com')
  await first.close()
  expect(first.published.map(({ body }) => body.mail.messageId)).toEqual([told])

  const second = await sesServer({ directory, clock, settings: toQueue })
  await clock.advance(120_000)
  expect(second.published.map(({ body }) => [body.notificationType, body.mail.messageId])).toEqual([
    ['Delivery', open],
    ['Complaint', open],
    ['Delivery', putOff],
  ])
  expect(second.delivered.map(({ envelope }) => envelope.to)).toEqual([['a@example.com']])
})

test('the journal knows what happened, by hashes', async () => {
  const server = await sesServer({ settings: toQueue })
  server.answer(() => ({ outcome: 'rejected', error: '550 5.1.1 <ann@example.com>: unknown' }))
  const messageId = await send(server, 'ann@example.com')
  await server.clock.advance(500)
  const events = server.journal.read().map(({ event }) => event)
  expect(events).toMatchObject([
    { type: 'mail.submitted', provider: 'ses', messageId, suppressed: 0, queued: 0 },
    { type: 'mail.reported', provider: 'ses', messageId, kind: 'bounce' },
  ])
  expect(JSON.stringify(events)).not.toContain('ann')
})

test('two mails that say the same have the same content in the journal, others not', async () => {
  const server = await sesServer({ settings: { rate: 1000 } })
  const say = (to: string, html: string) =>
    server.v1.send(
      new SendEmailCommand({
        Source: 'noreply@manireports.test',
        Destination: { ToAddresses: [to] },
        Message: { Subject: { Data: 's' }, Body: { Text: { Data: 't' }, Html: { Data: html } } },
      }),
    )
  await say('a@example.com', '<p>Ann</p>')
  await say('b@example.com', '<p>Ann</p>')
  await say('c@example.com', '<p>Cid</p>')
  const contents = server.journal.read().map(({ event }) => (event.type === 'mail.submitted' ? event.content : ''))
  expect(contents[0]).toBe(contents[1])
  expect(contents[0]).not.toBe(contents[2])
})

test('a notification that cannot be published undoes nothing else', async () => {
  const server = await sesServer({ settings: toQueue, failing: /There is no queue/ })
  server.answer(() => ({ outcome: 'rejected', error: '550 5.1.1 unknown' }))
  server.refusePublishing(new Error('There is no queue "ses-feedback"'))
  await send(server, 'a@example.com')
  await send(server, 'b@example.com')
  await server.clock.advance(500)
  expect(server.ses.suppression.holds('a@example.com')).toBe(true)
  expect(server.ses.suppression.holds('b@example.com')).toBe(true)
  server.refusePublishing(undefined)
  await send(server, simulator('bounce'))
  await server.clock.advance(60_000)
  expect(server.published).toHaveLength(1)
})
