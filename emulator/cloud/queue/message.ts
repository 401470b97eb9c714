import type { MessageAttributes } from './contents.ts'
import type { Placed } from './heap.ts'

/** A message that was checked and may be added to a queue. */
export interface Draft {
  readonly body: string
  readonly md5: string
  readonly attributes: MessageAttributes | undefined
  readonly system: Readonly<Record<string, string>> | undefined
  /** Milliseconds until it can be received. */
  readonly delayMs: number
  /** What a FIFO queue needs to know; undefined in a standard queue. */
  readonly fifo: FifoDraft | undefined
}

export interface FifoDraft {
  readonly group: string
  /** Undefined: not compared with others, as a message that comes back from a dead-letter queue. */
  readonly deduplication: string | undefined
}

export interface Inserted {
  readonly messageId: string
  /** In FIFO queues: 20 digits, growing. */
  readonly sequence: string | undefined
}

/** A message as one receiver holds it. Times are epoch milliseconds. */
export interface HeldMessage {
  readonly messageId: string
  readonly receiptHandle: string
  readonly body: string
  readonly md5: string
  readonly attributes: MessageAttributes | undefined
  readonly system: Readonly<Record<string, string>>
  readonly sentAt: number
  readonly receiveCount: number
  readonly firstReceivedAt: number
  /** When others can receive it again, unless the holder asks for something else. */
  readonly visibleAt: number
  /** Where it came from, in a dead-letter queue. */
  readonly sourceArn: string | undefined
}

export interface Take {
  readonly most: number
  /** Undefined: as the queue says. */
  readonly visibilityMs: number | undefined
  /** Taken by the worker inside this process: visible again at once when the process has died. */
  readonly embedded: boolean
}

/**
 * Whom a receipt handle names: the holder, nobody because the message is gone, or somebody else since. In a FIFO queue
 * a handle is worth nothing any more (`expired`) as soon as its message is visible again.
 */
export type Holding = 'held' | 'gone' | 'stale' | 'expired'

export interface Counts {
  readonly visible: number
  readonly inFlight: number
  readonly delayed: number
}

export interface PeekedMessage {
  readonly messageId: string
  readonly reason: string | undefined
  readonly receiveCount: number
  readonly bodyBytes: number
  readonly sentAt: number
}

/** A message in memory. Times are epoch milliseconds. */
export interface Message extends Placed {
  /** Grows with each message that comes into any queue. */
  readonly id: number
  readonly queue: number
  readonly messageId: string
  /** Undefined in a standard queue. */
  readonly group: string | undefined
  readonly md5: string
  readonly attributes: MessageAttributes | undefined
  readonly system: Readonly<Record<string, string>> | undefined
  /** The queue that it came from, in a dead-letter queue, and why. */
  readonly source: string | undefined
  readonly reason: string | undefined
  readonly sentAt: number
  readonly bodyBytes: number
  visibleAt: number
  receiveCount: number
  /** The time of sending until then. */
  firstReceivedAt: number
  embedded: boolean
  /** Whether it lies among the hidden ones of its queue. */
  hidden: boolean
  /** Undefined where only the table has it. */
  body: string | undefined
  /** Whether the table has it. */
  readonly stored: boolean
  /** Its neighbours in its group. */
  ahead: Message | undefined
  behind: Message | undefined
}
