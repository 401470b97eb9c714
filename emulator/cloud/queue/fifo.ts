import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import { rowColumns, type FifoDraft, type Inserted, type MessageRow } from './message.ts'
import type { Queue } from './registry.ts'

const deduplicationWindowMs = 5 * 60_000
/** No receive takes more of a group. */
const longestBatch = 10

/**
 * What a FIFO queue knows besides its messages: which groups can be received from, and what was sent in the last five
 * minutes. A group is a row; its `ready_at` says when its next message may be handed out, which is never while one of its
 * messages is in flight. So a receive costs the same however many messages and groups wait.
 */
export interface Fifo {
  /** What was sent before with the same deduplication id, which makes this message a duplicate. */
  duplicateOf(queue: Queue, draft: FifoDraft): Inserted | undefined
  remember(queue: Queue, draft: FifoDraft, inserted: Inserted): void
  nextSequence(): string
  /** Groups that may be received from, the one that has waited longest first. */
  readyGroups(queue: number, now: number, most: number): readonly string[]
  /** The messages of a group that are next, in order. */
  next(queue: number, group: string, now: number, most: number): readonly MessageRow[]
  /** Must be called for each group in which something was added, taken, changed or removed. */
  refresh(queue: number, groups: Iterable<string | null>): void
  isReady(queue: number, now: number): boolean
  nextReadyAt(queue: number): number | undefined
  /** Forgets the groups of a queue whose messages were all removed. */
  clear(queue: number): void
  /** Forgets what was sent, too. */
  forget(): void
}

export function createFifo({ store, clock }: { readonly store: Store; readonly clock: Clock }): Fifo {
  store.define(`
    CREATE TABLE IF NOT EXISTS fifo_groups (
      queue INTEGER NOT NULL,
      name TEXT NOT NULL,
      ready_at INTEGER NOT NULL,
      head INTEGER NOT NULL,
      PRIMARY KEY (queue, name)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS fifo_groups_ready ON fifo_groups (queue, ready_at, head);
    CREATE TABLE IF NOT EXISTS fifo_sent (
      queue INTEGER NOT NULL,
      deduplication TEXT NOT NULL,
      scope TEXT NOT NULL,
      message_id TEXT NOT NULL,
      sequence TEXT NOT NULL,
      until INTEGER NOT NULL,
      PRIMARY KEY (queue, deduplication, scope)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS fifo_sent_until ON fifo_sent (until);
  `)

  // One group or the whole queue, as DeduplicationScope says.
  const scopeOf = (queue: Queue, draft: FifoDraft) => (queue.settings.fifo?.perGroup === true ? draft.group : '')

  // Milliseconds and an ordinal among those of the same millisecond: grows after a restart too.
  let last = { at: 0, ordinal: 0 }

  const refreshOne = (queue: number, group: string) => {
    // In flight are only messages of the last batch, and they are the first of their group.
    const first = store.all<{ id: number; visibleAt: number; receiveCount: number }>(
      `SELECT id, visible_at AS visibleAt, receive_count AS receiveCount
       FROM queue_messages INDEXED BY queue_messages_group WHERE queue = ? AND group_id = ? ORDER BY id LIMIT ?`,
      queue,
      group,
      longestBatch,
    )
    const [head] = first
    if (head === undefined) {
      store.run('DELETE FROM fifo_groups WHERE queue = ? AND name = ?', queue, group)
      return
    }
    const readyAt = first.reduce(
      (latest, row) => (row.receiveCount > 0 ? Math.max(latest, row.visibleAt) : latest),
      head.visibleAt,
    )
    store.run(
      `INSERT INTO fifo_groups (queue, name, ready_at, head) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET ready_at = excluded.ready_at, head = excluded.head`,
      queue,
      group,
      readyAt,
      head.id,
    )
  }

  return {
    duplicateOf(queue, draft) {
      const now = clock.now()
      store.run('DELETE FROM fifo_sent WHERE until <= ?', now)
      if (draft.deduplication === undefined) return undefined
      return store.get<{ messageId: string; sequence: string }>(
        'SELECT message_id AS messageId, sequence FROM fifo_sent WHERE queue = ? AND deduplication = ? AND scope = ?',
        queue.id,
        draft.deduplication,
        scopeOf(queue, draft),
      )
    },
    remember(queue, draft, { messageId, sequence = '' }) {
      if (draft.deduplication === undefined) return
      store.run(
        'INSERT OR REPLACE INTO fifo_sent VALUES (?, ?, ?, ?, ?, ?)',
        queue.id,
        draft.deduplication,
        scopeOf(queue, draft),
        messageId,
        sequence,
        Math.ceil(clock.deadline(deduplicationWindowMs)),
      )
    },
    nextSequence() {
      const now = clock.now()
      last =
        now > last.at
          ? { at: now, ordinal: 0 }
          : last.ordinal < 999_999
            ? { at: last.at, ordinal: last.ordinal + 1 }
            : { at: last.at + 1, ordinal: 0 }
      return `1${String(last.at).padStart(13, '0')}${String(last.ordinal).padStart(6, '0')}`
    },
    readyGroups: (queue, now, most) =>
      store
        .all<{ name: string }>(
          `SELECT name FROM fifo_groups INDEXED BY fifo_groups_ready
           WHERE queue = ? AND ready_at <= ? ORDER BY ready_at, head LIMIT ?`,
          queue,
          now,
          most,
        )
        .map(({ name }) => name),
    next(queue, group, now, most) {
      const rows = store.all<MessageRow>(
        `SELECT ${rowColumns} FROM queue_messages INDEXED BY queue_messages_group
         WHERE queue = ? AND group_id = ? ORDER BY id LIMIT ?`,
        queue,
        group,
        most,
      )
      // A delayed message holds up those behind it.
      const delayed = rows.findIndex((row) => row.visibleAt > now)
      return delayed < 0 ? rows : rows.slice(0, delayed)
    },
    refresh(queue, groups) {
      for (const group of new Set(groups)) if (group !== null) refreshOne(queue, group)
    },
    isReady: (queue, now) =>
      store.get(
        'SELECT 1 FROM fifo_groups INDEXED BY fifo_groups_ready WHERE queue = ? AND ready_at <= ? LIMIT 1',
        queue,
        now,
      ) !== undefined,
    nextReadyAt: (queue) =>
      store.get<{ at: number }>(
        'SELECT ready_at AS at FROM fifo_groups INDEXED BY fifo_groups_ready WHERE queue = ? ORDER BY ready_at LIMIT 1',
        queue,
      )?.at,
    clear: (queue) => void store.run('DELETE FROM fifo_groups WHERE queue = ?', queue),
    forget: () => void store.run('DELETE FROM fifo_sent'),
  }
}
