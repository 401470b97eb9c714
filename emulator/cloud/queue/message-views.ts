import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import type { Fifo } from './fifo.ts'
import type { Counts, PeekedMessage } from './message.ts'
import type { Queue } from './registry.ts'

/** What can be asked of the messages without receiving them. */
export interface MessageViews {
  /** Whether one of these is in any queue. */
  isQueued(messageIds: readonly string[]): boolean
  /** Whether a receive would find something. */
  isReady(queue: Queue): boolean
  /** When the next message becomes, or became, ready to be received. */
  nextReadyAt(queue: Queue): number | undefined
  /** When the next message that is hidden now becomes visible. */
  nextShownAt(queue: Queue): number | undefined
  count(queue: Queue): Counts
  /** The age of the message that has been visible longest. */
  oldestAgeMs(queue: Queue): number | undefined
  peek(queue: Queue, most: number): PeekedMessage[]
}

export interface MessageViewsOptions {
  readonly store: Store
  readonly clock: Clock
  readonly fifo: Fifo
  readonly expire: (queue: Queue) => void
  readonly totalOf: (queue: number) => number
}

export function createMessageViews({ store, clock, fifo, expire, totalOf }: MessageViewsOptions): MessageViews {
  const first = (column: string, queue: number, which: string, ...values: number[]) =>
    store.get<{ at: number }>(
      `SELECT ${column} AS at FROM queue_messages INDEXED BY queue_messages_due
       WHERE queue = ? ${which} ORDER BY visible_at LIMIT 1`,
      queue,
      ...values,
    )?.at

  return {
    isQueued: (messageIds) =>
      store.get(
        'SELECT 1 FROM queue_messages WHERE message_id IN (SELECT value FROM json_each(?)) LIMIT 1',
        JSON.stringify(messageIds),
      ) !== undefined,
    isReady: ({ id, settings }) =>
      settings.fifo
        ? fifo.isReady(id, clock.now())
        : first('visible_at', id, 'AND visible_at <= ?', clock.now()) !== undefined,
    nextReadyAt: ({ id, settings }) => (settings.fifo ? fifo.nextReadyAt(id) : first('visible_at', id, '')),
    nextShownAt: ({ id }) => first('visible_at', id, 'AND visible_at > ?', clock.now()),
    count(queue) {
      store.tx(() => expire(queue))
      const later = store.get<{ all: number; delayed: number }>(
        `SELECT COUNT(*) AS "all", COUNT(*) FILTER (WHERE receive_count = 0) AS delayed
         FROM queue_messages INDEXED BY queue_messages_due WHERE queue = ? AND visible_at > ?`,
        queue.id,
        clock.now(),
      ) ?? { all: 0, delayed: 0 }
      const visibleNow = Math.max(0, totalOf(queue.id) - later.all)
      return { visible: visibleNow, inFlight: later.all - later.delayed, delayed: later.delayed }
    },
    oldestAgeMs(queue) {
      const sentAt = first('sent_at', queue.id, 'AND visible_at <= ?', clock.now())
      return sentAt === undefined ? undefined : Math.max(0, clock.now() - sentAt)
    },
    peek(queue, most) {
      store.tx(() => expire(queue))
      return store
        .all<Omit<PeekedMessage, 'reason'> & { reason: string | null }>(
          `SELECT message_id AS messageId, reason, receive_count AS receiveCount, octet_length(body) AS bodyBytes, sent_at AS sentAt
           FROM queue_messages INDEXED BY queue_messages_due WHERE queue = ? ORDER BY visible_at, receive_count, id LIMIT ?`,
          queue.id,
          most,
        )
        .map((row) => ({ ...row, reason: row.reason ?? undefined }))
    },
  }
}
