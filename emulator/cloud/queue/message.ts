import type { MessageAttributes } from './contents.ts'

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

/** A row as a receive reads it. */
export interface MessageRow {
  id: number
  messageId: string
  receiveCount: number
  firstReceivedAt: number
  visibleAt: number
  sentAt: number
  group: string | null
  source: string | null
  md5: string
  attributes: string | null
  system: string | null
  body: string
}

export const rowColumns = `id, message_id AS messageId, receive_count AS receiveCount,
  first_received_at AS firstReceivedAt, visible_at AS visibleAt, sent_at AS sentAt, group_id AS "group", source, md5,
  attributes, system, body`

/**
 * What changes has the same size before and after a receive (first_received_at begins as the time of sending), so that
 * SQLite overwrites a few bytes and does not write a long body again.
 */
export const messageTables = `
  CREATE TABLE IF NOT EXISTS queue_messages (
    id INTEGER PRIMARY KEY,
    queue INTEGER NOT NULL,
    visible_at INTEGER NOT NULL,
    receive_count INTEGER NOT NULL DEFAULT 0,
    first_received_at INTEGER NOT NULL,
    embedded INTEGER NOT NULL DEFAULT 0,
    sent_at INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    group_id TEXT,
    source TEXT,
    reason TEXT,
    md5 TEXT NOT NULL,
    attributes TEXT,
    system TEXT,
    body TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS queue_messages_due ON queue_messages (queue, visible_at, receive_count);
  CREATE INDEX IF NOT EXISTS queue_messages_embedded ON queue_messages (queue) WHERE embedded = 1;
  CREATE INDEX IF NOT EXISTS queue_messages_group ON queue_messages (queue, group_id) WHERE group_id IS NOT NULL;
`
