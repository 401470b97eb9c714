import { z } from 'zod'
import { attributesMd5, writeMessageAttributes, type MessageAttributes } from '../contents.ts'
import { invalidValue, unknownAttribute } from '../errors.ts'
import type { HeldMessage } from '../message.ts'
import { operation, queueUrl, type Operation, type QueueEngine } from '../operation.ts'
import { receiveAttempts } from './receive-attempts.ts'

const systemAttributeNames = [
  'SenderId',
  'SentTimestamp',
  'ApproximateReceiveCount',
  'ApproximateFirstReceiveTimestamp',
  'SequenceNumber',
  'MessageDeduplicationId',
  'MessageGroupId',
  'AWSTraceHeader',
  'DeadLetterQueueSourceArn',
]

const schema = z.object({
  QueueUrl: queueUrl,
  MaxNumberOfMessages: z.int().default(1),
  VisibilityTimeout: z.int().optional(),
  WaitTimeSeconds: z.int().optional(),
  AttributeNames: z.array(z.string()).default([]),
  MessageSystemAttributeNames: z.array(z.string()).default([]),
  MessageAttributeNames: z.array(z.string()).default([]),
  ReceiveRequestAttemptId: z.string().optional(),
})

/** `All` or `.*`, a prefix as `Order.*`, or a name. */
function choose(attributes: MessageAttributes | undefined, names: readonly string[]): MessageAttributes | undefined {
  if (attributes === undefined || names.length === 0) return undefined
  const wanted = (name: string) =>
    names.some(
      (asked) => asked === 'All' || asked === name || (asked.endsWith('.*') && name.startsWith(asked.slice(0, -2))),
    )
  const chosen = Object.entries(attributes).filter(([name]) => wanted(name))
  return chosen.length === 0 ? undefined : Object.fromEntries(chosen)
}

export function receiveMessage(engine: QueueEngine): Operation {
  const { registry, receivers, account } = engine
  const attempts = receiveAttempts(engine)

  const write = (held: HeldMessage, system: readonly string[], names: readonly string[]) => {
    const all: Record<string, string | undefined> = {
      SenderId: account,
      SentTimestamp: String(held.sentAt),
      ApproximateReceiveCount: String(held.receiveCount),
      ApproximateFirstReceiveTimestamp: String(held.firstReceivedAt),
      DeadLetterQueueSourceArn: held.sourceArn,
      ...held.system,
    }
    const shown = system.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]]]))
    const attributes = choose(held.attributes, names)
    return {
      MessageId: held.messageId,
      ReceiptHandle: held.receiptHandle,
      MD5OfBody: held.md5,
      Body: held.body,
      ...(shown.length > 0 && { Attributes: Object.fromEntries(shown) }),
      ...(attributes !== undefined && {
        MessageAttributes: writeMessageAttributes(attributes),
        MD5OfMessageAttributes: attributesMd5(attributes),
      }),
    }
  }

  return operation('ReceiveMessage', schema, async (input, caller) => {
    const { MaxNumberOfMessages: most, VisibilityTimeout: visibility, WaitTimeSeconds: wait } = input
    const queue = registry.get(input.QueueUrl)
    if (most < 1 || most > 10) {
      throw invalidValue(most, 'MaxNumberOfMessages', 'Must be between 1 and 10, if provided.')
    }
    if (visibility !== undefined && (visibility < 0 || visibility > 43_200)) {
      throw invalidValue(visibility, 'VisibilityTimeout', 'Must be >= 0 and <= 43200, if provided.')
    }
    if (wait !== undefined && (wait < 0 || wait > 20)) {
      throw invalidValue(wait, 'WaitTimeSeconds', 'Must be >= 0 and <= 20, if provided.')
    }
    const asked = [...input.AttributeNames, ...input.MessageSystemAttributeNames]
    const unknown = asked.find((name) => name !== 'All' && !systemAttributeNames.includes(name))
    if (unknown !== undefined) throw unknownAttribute(unknown)
    const system = asked.includes('All') ? systemAttributeNames : asked

    const receive = {
      most,
      visibilityMs: visibility === undefined ? undefined : visibility * 1000,
      embedded: false,
      waitMs: wait === undefined ? queue.settings.waitMs : wait * 1000,
    }
    const held = await attempts.answer(queue, input.ReceiveRequestAttemptId, receive.visibilityMs, () =>
      receivers.receive(queue, receive, receive.waitMs === 0 ? undefined : caller.signal()),
    )
    return held.length === 0
      ? {}
      : { Messages: held.map((message) => write(message, system, input.MessageAttributeNames)) }
  })
}
