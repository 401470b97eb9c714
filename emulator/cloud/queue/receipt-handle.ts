import { receiptHandleInvalid } from './errors.ts'

/**
 * A receipt handle names one receive of one message. It holds all it needs, so that handles that were given out before
 * a restart stay good after it.
 */
export interface Receipt {
  readonly queue: number
  readonly id: number
  /** The message's receive count when it was given out: a later receive makes this handle stale. */
  readonly receive: number
  /** Begin of the MessageId: a row's number may be used again after the message was deleted. */
  readonly message: string
  /** When it was received, in epoch milliseconds; undefined in handles of earlier versions. */
  readonly receivedAt: number | undefined
}

const shape = /^(\d{1,15}):(\d{1,15}):(\d{1,15}):([0-9a-f]{8})(?::(\d{1,15}))?$/

export function writeReceipt(queue: number, id: number, receive: number, messageId: string, now: number): string {
  return Buffer.from(`${queue}:${id}:${receive}:${messageId.slice(0, 8)}:${Math.floor(now)}`).toString('base64')
}

/** Refuses what no queue gave out, and what another queue gave out. */
export function readReceipt(handle: string, queue: number): Receipt {
  const match = shape.exec(Buffer.from(handle, 'base64').toString('latin1'))
  if (match === null || Number(match[1]) !== queue) throw receiptHandleInvalid(handle)
  const receivedAt = match[5] === undefined ? undefined : Number(match[5])
  return { queue, id: Number(match[2]), receive: Number(match[3]), message: match[4] ?? '', receivedAt }
}
