import { attributesSize, checkCharacters, md5, type MessageAttributes } from './contents.ts'
import { invalidParameter } from './errors.ts'
import type { Draft } from './messages.ts'
import type { Queue } from './registry.ts'

export interface NewMessage {
  readonly body: string
  readonly attributes?: MessageAttributes | undefined
  readonly system?: Readonly<Record<string, string>> | undefined
  /** Undefined: as the queue says. */
  readonly delayMs?: number | undefined
}

/** Bytes that count against the limits of a message and of a batch. */
export function messageSize({ body, attributes }: NewMessage): number {
  return Buffer.byteLength(body) + attributesSize(attributes)
}

/** Checks a message against its queue; all ways in (both protocols, batches, ingest) come through here. */
export function draft(queue: Queue, message: NewMessage): Draft {
  checkCharacters(message.body)
  const limit = queue.settings.maximumMessageSize
  if (messageSize(message) > limit) {
    throw invalidParameter(`One or more parameters are invalid. Reason: Message must be shorter than ${limit} bytes.`)
  }
  return {
    body: message.body,
    md5: md5(message.body),
    attributes: message.attributes,
    system: message.system,
    delayMs: message.delayMs ?? queue.settings.delayMs,
  }
}
