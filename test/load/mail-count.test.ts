import { DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { mockClient } from 'aws-sdk-client-mock'
import { afterAll, expect, it } from 'vitest'
import { createEmulator } from '../../emulator/emulator.ts'
import { addressOf } from '../../load/k6/people.ts'
import { createMailCounter } from '../../load/run/mail-count.ts'

const group = {
  run: 9,
  dialect: 'spec',
  shape: 'batches',
  address: 'success+load-{run}-{n}@simulator.amazonses.com',
  recipients: 3,
} as const
const sqs = mockClient(SQSClient)
afterAll(() => sqs.restore())

it("counts mails by recipient in SES's events, whatever else is in the queue", async () => {
  const event = (messageId: string, address: string, eventType = 'Send') => ({
    MessageId: messageId,
    ReceiptHandle: messageId + eventType,
    Body: JSON.stringify({ eventType, mail: { messageId, destination: [address] } }),
  })
  sqs
    .on(ReceiveMessageCommand)
    .resolvesOnce({
      Messages: [
        event('a', addressOf(group, 0)),
        event('a', addressOf(group, 0), 'Delivery'),
        event('b', addressOf(group, 1)),
        event('c', addressOf(group, 1)),
        event('d', 'somebody@example.com'),
        event('e', addressOf({ ...group, run: 90 }, 1)),
      ],
    })
    .resolves({ Messages: [] })
  sqs.on(DeleteMessageBatchCommand).resolves({})
  const queueUrl = 'https://sqs.eu-west-1.amazonaws.com/123456789012/events'
  const counter = createMailCounter({ kind: 'ses-events', queueUrl }, [group])
  const seen = await counter.count(group)
  expect(seen).toMatchObject({ observed: true, mails: 3, strangers: 0 })
  expect(seen.observed && [...seen.perRecipient]).toEqual([1, 2, 0])
  counter.close()
  // What is nobody's of ours stays in the queue.
  const deleted = sqs.commandCalls(DeleteMessageBatchCommand).flatMap(({ args }) => args[0].input.Entries ?? [])
  expect(deleted.map(({ ReceiptHandle }) => ReceiptHandle)).toEqual(['aSend', 'aDelivery', 'bSend', 'cSend'])
})

it('counts mails by recipient in an inbox', async () => {
  const emulator = await createEmulator({ port: 0, smtp_port: 0, inbox_port: 0, ephemeral: true })
  try {
    for (const ordinal of [0, 1, 1]) {
      const answer = await fetch(`${emulator.inbox}/api/v1/send`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          From: { Email: 'a@b.test' },
          To: [{ Email: addressOf(group, ordinal) }],
          Subject: 's',
          Text: 't',
        }),
      })
      expect(answer.status).toBe(200)
    }
    const seen = await createMailCounter({ kind: 'mailpit', url: emulator.inbox }, [group]).count(group)
    expect(seen.observed && [...seen.perRecipient]).toEqual([1, 2, 0])
    const other = await createMailCounter({ kind: 'mailpit', url: emulator.inbox }, []).count({ ...group, run: 90 })
    expect(other).toMatchObject({ observed: true, mails: 0 })
  } finally {
    await emulator.stop()
  }
})

it('says why nobody sees the mails', async () => {
  expect(await createMailCounter({ kind: 'none' }, [group]).count(group)).toMatchObject({
    observed: false,
    reason: expect.stringContaining('--mail-events') as string,
  })
  const gone = await createMailCounter({ kind: 'mailpit', url: 'http://127.0.0.1:9' }, [group]).count(group)
  expect(gone).toMatchObject({ observed: false })
})
