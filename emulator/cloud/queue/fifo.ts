import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import type { FifoDraft, Inserted } from './message.ts'
import type { Queue } from './registry.ts'

const deduplicationWindowMs = 5 * 60_000

/** What a FIFO queue knows besides its messages: what was sent in the last five minutes, and the number of the next. */
export interface Fifo {
  /** What was sent before with the same deduplication id, which makes this message a duplicate. */
  duplicateOf(queue: Queue, draft: FifoDraft): Inserted | undefined
  remember(queue: Queue, draft: FifoDraft, inserted: Inserted): void
  nextSequence(): string
  /** Forgets what was sent. */
  forget(): void
}

export function createFifo({ store, clock }: { readonly store: Store; readonly clock: Clock }): Fifo {
  store.define(`
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
    forget: () => void store.run('DELETE FROM fifo_sent'),
  }
}
