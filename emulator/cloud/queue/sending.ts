import { hash } from 'node:crypto'
import { attributesSize, checkCharacters, md5, type MessageAttributes } from './contents.ts'
import { invalidParameter, invalidValue, missingParameter } from './errors.ts'
import type { Draft, FifoDraft } from './message.ts'
import type { Queue } from './registry.ts'

export interface NewMessage {
  readonly body: string
  readonly attributes?: MessageAttributes | undefined
  readonly system?: Readonly<Record<string, string>> | undefined
  /** Undefined: as the queue says. */
  readonly delayMs?: number | undefined
  /** In a standard queue it only marks the message (fair queues). */
  readonly group?: string | undefined
  readonly deduplication?: string | undefined
}

/** Bytes that count against the limits of a message and of a batch. */
export function messageSize({ body, attributes }: NewMessage): number {
  return Buffer.byteLength(body) + attributesSize(attributes)
}

const token = /^[!-~]{1,128}$/

function checkToken(name: string, value: string | undefined): void {
  if (value === undefined || token.test(value)) return
  throw invalidValue(
    value.slice(0, 128),
    name,
    `${name} can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
  )
}

function fifoDraft(queue: Queue, { body, group, deduplication, delayMs }: NewMessage): FifoDraft | undefined {
  const { fifo } = queue.settings
  if (fifo === undefined) {
    if (deduplication === undefined) return undefined
    throw invalidValue(
      deduplication.slice(0, 128),
      'MessageDeduplicationId',
      'The request includes a parameter that is not valid for this queue type.',
    )
  }
  if (group === undefined) throw missingParameter('MessageGroupId')
  if (delayMs !== undefined && delayMs > 0) {
    // AWS's English; the delay of a FIFO queue is the queue's.
    throw invalidValue(
      delayMs / 1000,
      'DelaySeconds',
      'The request include parameter that is not valid for this queue type.',
    )
  }
  if (deduplication === undefined && !fifo.contentBased) {
    throw invalidParameter(
      'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    )
  }
  return { group, deduplication: deduplication ?? hash('sha256', body) }
}

/** Checks a message against its queue; all ways in (both protocols, batches, ingest) come through here. */
export function draft(queue: Queue, message: NewMessage): Draft {
  checkToken('MessageGroupId', message.group)
  checkToken('MessageDeduplicationId', message.deduplication)
  const fifo = fifoDraft(queue, message)
  checkCharacters(message.body)
  const limit = queue.settings.maximumMessageSize
  if (messageSize(message) > limit) {
    throw invalidParameter(`One or more parameters are invalid. Reason: Message must be shorter than ${limit} bytes.`)
  }
  const named = message.group !== undefined || fifo !== undefined
  return {
    body: message.body,
    md5: md5(message.body),
    attributes: message.attributes,
    system: named
      ? {
          ...message.system,
          ...(message.group !== undefined && { MessageGroupId: message.group }),
          ...(fifo?.deduplication !== undefined && { MessageDeduplicationId: fifo.deduplication }),
        }
      : message.system,
    delayMs: fifo === undefined ? (message.delayMs ?? queue.settings.delayMs) : queue.settings.delayMs,
    fifo,
  }
}
