import { z } from 'zod'
import {
  attributesMd5,
  messageAttributesInput,
  readMessageAttributes,
  readSystemAttributes,
  type MessageAttributes,
} from '../contents.ts'
import { batchTooLong, invalidParameter, invalidValue, missingParameter } from '../errors.ts'
import type { Inserted } from '../message.ts'
import { operation, queueUrl, type Operation, type QueueEngine } from '../operation.ts'
import { draft, messageSize, type NewMessage } from '../sending.ts'
import { batchAnswer, checkBatch, eachEntry } from './batch.ts'

const message = z.object({
  MessageBody: z.string(),
  DelaySeconds: z.int().optional(),
  MessageAttributes: messageAttributesInput.default({}),
  MessageSystemAttributes: messageAttributesInput.default({}),
  MessageGroupId: z.string().optional(),
  MessageDeduplicationId: z.string().optional(),
})
type MessageInput = z.output<typeof message>

interface ReadMessage extends NewMessage {
  readonly systemAttributes: MessageAttributes | undefined
}

function read(input: MessageInput): ReadMessage {
  const { DelaySeconds: delay, MessageGroupId: group, MessageDeduplicationId: deduplication } = input
  if (delay !== undefined && (delay < 0 || delay > 900)) {
    throw invalidValue(delay, 'DelaySeconds', 'DelaySeconds must be >= 0 and <= 900.')
  }
  const systemAttributes = readSystemAttributes(input.MessageSystemAttributes)
  const trace = systemAttributes?.AWSTraceHeader
  return {
    body: input.MessageBody,
    attributes: readMessageAttributes(input.MessageAttributes),
    systemAttributes,
    system: trace && { AWSTraceHeader: trace.value },
    group,
    deduplication,
    delayMs: delay === undefined ? undefined : delay * 1000,
  }
}

/** What the answer tells of a message; the SDKs compare the digests with their own. */
function receipt({ messageId, sequence }: Inserted, digest: string, { attributes, systemAttributes }: ReadMessage) {
  const ofAttributes = attributesMd5(attributes)
  const ofSystem = attributesMd5(systemAttributes)
  return {
    MessageId: messageId,
    MD5OfMessageBody: digest,
    ...(ofAttributes !== undefined && { MD5OfMessageAttributes: ofAttributes }),
    ...(ofSystem !== undefined && { MD5OfMessageSystemAttributes: ofSystem }),
    ...(sequence !== undefined && { SequenceNumber: sequence }),
  }
}

export function sendMessage({ write, registry, messages }: QueueEngine): Operation {
  return operation('SendMessage', message.extend({ QueueUrl: queueUrl }), async (input) => {
    const queue = registry.get(input.QueueUrl)
    if (input.MessageBody === '') throw missingParameter('MessageBody')
    const given = read(input)
    const ready = draft(queue, given)
    // Looked up again: the queue may have been deleted before its turn in the group commit.
    const inserted = await write(() => messages.insert(registry.get(queue.name), ready))
    return receipt(inserted, ready.md5, given)
  })
}

export function sendMessageBatch({ write, registry, messages, maximumMessageSize }: QueueEngine): Operation {
  const schema = z.object({ QueueUrl: queueUrl, Entries: z.array(message.extend({ Id: z.string() })).default([]) })
  return operation('SendMessageBatch', schema, async ({ QueueUrl: name, Entries: entries }) => {
    const queue = registry.get(name)
    checkBatch('SendMessageBatchRequestEntry', entries)
    const empty = entries.findIndex((entry) => entry.MessageBody === '')
    if (empty >= 0) throw missingParameter(`SendMessageBatchRequestEntry.${empty + 1}.MessageBody`)
    const { done, failed } = eachEntry(entries, (entry) => ({ id: entry.Id, given: read(entry) }))
    const size = done.reduce((sum, { given }) => sum + messageSize(given), 0)
    if (size > maximumMessageSize) throw batchTooLong(maximumMessageSize, size)
    const drafts = eachEntry(
      done.map((entry) => ({ Id: entry.id, ...entry })),
      (entry) => ({ ...entry, ready: draft(queue, entry.given) }),
    )
    const sent = await write(() => {
      const owner = registry.get(name)
      return drafts.done.map(({ id, given, ready }) => ({
        Id: id,
        ...receipt(messages.insert(owner, ready), ready.md5, given),
      }))
    })
    return batchAnswer(sent, [...failed, ...drafts.failed])
  })
}

/** The way in for the emulator's own parts: what they send obeys the same limits. */
export function enqueue({ registry, messages }: QueueEngine, name: string, given: NewMessage): { messageId: string } {
  if (given.body === '') throw invalidParameter('A message needs a body.')
  const queue = registry.get(name)
  return messages.insert(queue, draft(queue, given))
}
