import type { JournalEvent } from '../../contracts/events.ts'
import type { Clock } from './clock.ts'
import type { Store } from './store.ts'

export interface JournalEntry {
  /** Grows by one an entry; never used twice. */
  readonly id: number
  /** Epoch milliseconds. */
  readonly at: number
  readonly event: JournalEvent
}

export interface JournalQuery {
  /** Entries after this id. */
  readonly after?: number
  /** Only the oldest so many. */
  readonly first?: number
  /** Only the newest so many; in ascending order all the same. */
  readonly last?: number
  readonly job?: string
}

export interface Journal {
  /** Writes an event into the transaction of the change that it records. */
  record(event: JournalEvent): void
  /** Calls `listener` for each entry that has become durable; returns how to stop. */
  subscribe(listener: (entry: JournalEntry) => void): () => void
  read(query?: JournalQuery): JournalEntry[]
}

interface Row {
  id: number
  at: number
  body: string
}

export function createJournal({ store, clock }: { store: Store; clock: Clock }): Journal {
  store.define(`
    CREATE TABLE IF NOT EXISTS journal (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at INTEGER NOT NULL,
      job TEXT,
      body TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS journal_job ON journal (job, id) WHERE job IS NOT NULL;
  `)
  const listeners = new Set<(entry: JournalEntry) => void>()
  const entryOf = (row: Row): JournalEntry => ({ id: row.id, at: row.at, event: JSON.parse(row.body) as JournalEvent })

  return {
    // One statement, so no transaction of its own is needed; and it is called thousands of times in others.
    record(event) {
      const at = clock.now()
      const job = 'job' in event ? (event.job ?? null) : null
      const { lastInsertRowid: id } = store.run(
        'INSERT INTO journal (at, job, body) VALUES (?, ?, ?)',
        at,
        job,
        JSON.stringify(event),
      )
      store.afterCommit(() => {
        // Each on its own (the commit is over, so it is called at once): one that throws does not harm the others.
        for (const listener of listeners) store.afterCommit(() => listener({ id, at, event }))
      })
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    read({ after = 0, first, last, job } = {}) {
      const filter = job === undefined ? '' : 'AND job = ?'
      const values = job === undefined ? [after] : [after, job]
      if (last === undefined) {
        return store
          .all<Row>(
            `SELECT id, at, body FROM journal WHERE id > ? ${filter} ORDER BY id LIMIT ?`,
            ...values,
            first ?? -1,
          )
          .map(entryOf)
      }
      return store
        .all<Row>(`SELECT id, at, body FROM journal WHERE id > ? ${filter} ORDER BY id DESC LIMIT ?`, ...values, last)
        .map(entryOf)
        .toReversed()
    },
  }
}
