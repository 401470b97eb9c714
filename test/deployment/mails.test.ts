import { DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { mockClient } from 'aws-sdk-client-mock'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createMailWitness, type MailWitness } from '../../emulator/deployment/mails.ts'
import { sesEventOf } from '../../emulator/deployment/ses-event-mails.ts'
import { inboxKinds, mailer, type RunningInbox } from '../mail/inboxes.ts'

describe.each(inboxKinds())('an inbox: $name', ({ missing, start }) => {
  let inbox: RunningInbox
  let witness: MailWitness
  beforeAll(async () => {
    if (missing !== undefined) return
    inbox = await start()
    witness = createMailWitness({ kind: 'mailpit', url: `${inbox.url}/` })
    const transport = mailer(inbox)
    const send = (to: string, html: string) =>
      transport.sendMail({
        from: 'a@x.test',
        to,
        subject: `for ${to}`,
        html,
        headers: { 'X-Tags': 'job-b-1' },
        textEncoding: 'quoted-printable',
      })
    await send('oc-1a-2b-1@check.offload.test', '<p>Dear Zoë-1,</p>')
    await send('success+oc-1a-2b-2@simulator.amazonses.com', '<p>Dear Ana,</p>')
    await send('success+oc-1a-2b-2@simulator.amazonses.com', '<p>again</p>')
    await send('oc-1a-33-1@check.offload.test', '<p>another job</p>')
    transport.close()
  })
  afterAll(async () => inbox?.stop())

  it.skipIf(missing !== undefined)('shows the mails of a label, with what they say', async () => {
    const found = await witness.find({ label: 'oc-1a-2b-' }, { content: true })
    if (!found.observed) throw new Error(found.reason)
    const mails = found.mails.toSorted((a, b) => (a.content ?? '').localeCompare(b.content ?? ''))
    expect(mails.map(({ address }) => address).toSorted()).toEqual([
      'oc-1a-2b-1@check.offload.test',
      'success+oc-1a-2b-2@simulator.amazonses.com',
      'success+oc-1a-2b-2@simulator.amazonses.com',
    ])
    expect(mails.find(({ address }) => address.startsWith('oc-'))?.content).toContain('Dear Zoë-1,')
    expect(new Set(mails.map(({ messageId }) => messageId)).size).toBe(3)
  })

  it.skipIf(missing !== undefined)('counts those of a label and of a job', async () => {
    expect(await witness.count({ label: 'oc-1a-2b-' })).toBe(3)
    expect(await witness.count({ label: 'oc-1a-99-' })).toBe(0)
    expect(await witness.count({ job: 'b-1' })).toBe(4)
  })
})

it('an inbox that does not answer is told, not taken for an empty one', async () => {
  const witness = createMailWitness({ kind: 'mailpit', url: 'http://127.0.0.1:9' })
  expect(await witness.find({ label: 'x' })).toEqual({
    observed: false,
    reason: expect.stringMatching(/^the inbox at http:\/\/127\.0\.0\.1:9 does not say/) as string,
  })
  expect(await witness.count({ label: 'x' })).toBeUndefined()
})

it('nobody sees nothing', async () => {
  const witness = createMailWitness({ kind: 'none' })
  expect([witness.sees, await witness.find({ label: 'x' })]).toEqual([
    'nothing',
    { observed: false, reason: 'nobody sees the mails (--mailpit, --mail-events)' },
  ])
})

const event = (type: string, messageId: string, address: string, key = 'eventType') => ({
  [key]: type,
  mail: { messageId, destination: [address], commonHeaders: { subject: 'Hello' } },
})

describe('the events of SES', () => {
  it.each([
    ['an event', event('Send', 'm', 'a@b.c')],
    ['a notification', event('Bounce', 'm', 'a@b.c', 'notificationType')],
    ['in the envelope of SNS', { Type: 'Notification', Message: `${JSON.stringify(event('Send', 'm', 'a@b.c'))}\n` }],
    ['from EventBridge', { 'detail-type': 'Email Sent', detail: event('Send', 'm', 'a@b.c') }],
  ])('are read: %s', (_name, body) => {
    expect(sesEventOf(JSON.stringify(body))?.mail).toMatchObject({ messageId: 'm', destination: ['a@b.c'] })
  })

  it.each(['', 'no JSON', '[]', 'null', '{"Message":"text"}', '{"mail":{}}'])('what is none is left: %s', (body) => {
    expect(sesEventOf(body)).toBeUndefined()
  })

  const witnessOf = (...bodies: readonly object[]) => {
    const sqs = mockClient(SQSClient)
    onTestFinished(() => sqs.restore())
    const Messages = bodies.map((body, n) => ({ Body: JSON.stringify(body), ReceiptHandle: `r${n}` }))
    sqs.on(ReceiveMessageCommand).resolvesOnce({ Messages }).resolves({})
    sqs.on(DeleteMessageBatchCommand).resolves({ Successful: [], Failed: [] })
    const queueUrl = 'https://sqs.eu-west-1.amazonaws.com/123456789012/events'
    return {
      sqs,
      witness: createMailWitness({ kind: 'ses-events', queueUrl, ours: (address) => address.includes('oc-1a') }),
    }
  }

  it('show a mail once, however many events tell of it', async () => {
    const address = 'success+oc-1a-2b-1@simulator.amazonses.com'
    const { witness } = witnessOf(
      event('Delivery', 'm1', address),
      event('Send', 'm1', address),
      event('Open', 'm3', address),
      event('Send', 'm2', address),
    )
    expect(await witness.find({ label: 'oc-1a-2b-' }, { content: true })).toEqual({
      observed: true,
      mails: ['m1', 'm2'].map((messageId) => ({ address, messageId, subject: 'Hello' })),
    })
    expect([witness.sees, await witness.count({ label: 'oc-1a-33-' })]).toEqual(['envelopes', 0])
  })

  it('of others stay in the queue', async () => {
    const { sqs, witness } = witnessOf(
      event('Send', 'm1', 'ana@school.example'),
      event('Send', 'm2', 'oc-1a-2b-1@x.test'),
    )
    await witness.find({ label: 'oc-1a-2b-' })
    const deleted = sqs.commandCalls(DeleteMessageBatchCommand).flatMap(({ args }) => args[0].input.Entries ?? [])
    expect(deleted.map(({ ReceiptHandle }) => ReceiptHandle)).toEqual(['r1'])
  })

  it('that may not be read are not observed', async () => {
    const sqs = mockClient(SQSClient)
    onTestFinished(() => sqs.restore())
    sqs.on(ReceiveMessageCommand).rejects(Object.assign(new Error('not authorized'), { name: 'AccessDenied' }))
    const queueUrl = 'https://sqs.eu-west-1.amazonaws.com/123456789012/events'
    const witness = createMailWitness({ kind: 'ses-events', queueUrl, ours: () => true })
    expect(await witness.find({ label: 'x' })).toMatchObject({
      observed: false,
      reason: expect.stringContaining('AWS refuses these credentials') as string,
    })
    expect(await witness.find({ job: 1 })).toEqual({ observed: false, reason: 'events name addresses, not jobs' })
  })
})
