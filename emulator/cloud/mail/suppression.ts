import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'

export const suppressionReasons = ['BOUNCE', 'COMPLAINT'] as const
export type SuppressionReason = (typeof suppressionReasons)[number]

export interface Suppressed {
  readonly address: string
  readonly reason: SuppressionReason
  /** Epoch milliseconds. */
  readonly at: number
  /** What put it there; null where a person did. */
  readonly messageId: string | null
  readonly feedbackId: string | null
}

/** The account's suppression list: addresses to which nothing is sent. Durable; looked up without regard to case. */
export interface Suppression {
  /** Whether mail to this address is held back: it is listed, and for a reason that counts. */
  holds(address: string): boolean
  get(address: string): Suppressed | undefined
  /** In the caller's transaction, or as one of its own. */
  put(entry: { address: string; reason: SuppressionReason; messageId?: string; feedbackId?: string }): void
  /** Whether it was there. */
  remove(address: string): boolean
  /** By address, after `after`. */
  list(query: {
    readonly reasons?: readonly SuppressionReason[] | undefined
    readonly from?: number | undefined
    readonly until?: number | undefined
    readonly after?: string | undefined
    readonly limit: number
  }): Suppressed[]
  /** The reasons for which addresses are listed and held back. */
  reasons(): readonly SuppressionReason[]
  setReasons(reasons: readonly SuppressionReason[]): void
  /** Reads the list again: another process on the same state may have changed it. */
  refresh(): void
  reset(): void
}

interface Row {
  address: string
  reason: SuppressionReason
  at: number
  message_id: string | null
  feedback_id: string | null
}

const entryOf = ({ message_id, feedback_id, ...row }: Row): Suppressed => ({
  ...row,
  messageId: message_id,
  feedbackId: feedback_id,
})

export function createSuppression({ store, clock }: { store: Store; clock: Clock }): Suppression {
  store.define(`
    CREATE TABLE IF NOT EXISTS mail_suppression (
      address TEXT PRIMARY KEY,
      reason TEXT NOT NULL,
      at INTEGER NOT NULL,
      message_id TEXT,
      feedback_id TEXT
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS mail_suppression_reasons (one INTEGER PRIMARY KEY, reasons TEXT NOT NULL);
  `)
  const key = (address: string) => address.toLowerCase()

  // Asked for each mail of the embedded worker, so it is kept in memory too.
  let listed = new Map<string, SuppressionReason>()
  let counting: readonly SuppressionReason[] = suppressionReasons
  const read = () => {
    listed = new Map(store.all<Row>('SELECT * FROM mail_suppression').map(({ address, reason }) => [address, reason]))
    const chosen = store.get<{ reasons: string }>('SELECT reasons FROM mail_suppression_reasons')
    counting = chosen === undefined ? suppressionReasons : (JSON.parse(chosen.reasons) as SuppressionReason[])
  }
  read()

  return {
    holds(address) {
      if (listed.size === 0) return false
      const reason = listed.get(key(address))
      return reason !== undefined && counting.includes(reason)
    },
    get(address) {
      const row = store.get<Row>('SELECT * FROM mail_suppression WHERE address = ?', key(address))
      return row === undefined ? undefined : entryOf(row)
    },
    put({ address, reason, messageId, feedbackId }) {
      store.tx(() => {
        store.run(
          `INSERT INTO mail_suppression VALUES (?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET reason = excluded.reason, at = excluded.at, message_id = excluded.message_id,
             feedback_id = excluded.feedback_id`,
          key(address),
          reason,
          clock.now(),
          messageId ?? null,
          feedbackId ?? null,
        )
        store.afterCommit(() => void listed.set(key(address), reason))
      })
    },
    remove(address) {
      return store.tx(() => {
        const { changes } = store.run('DELETE FROM mail_suppression WHERE address = ?', key(address))
        store.afterCommit(() => void listed.delete(key(address)))
        return changes > 0
      })
    },
    list: ({ reasons = suppressionReasons, from = 0, until = Number.MAX_SAFE_INTEGER, after = '', limit }) =>
      store
        .all<Row>(
          `SELECT * FROM mail_suppression WHERE address > ? AND at >= ? AND at <= ?
             AND reason IN (SELECT value FROM json_each(?)) ORDER BY address LIMIT ?`,
          after,
          from,
          until,
          JSON.stringify(reasons),
          limit,
        )
        .map(entryOf),
    reasons: () => counting,
    setReasons(reasons) {
      store.tx(() => {
        store.run('INSERT OR REPLACE INTO mail_suppression_reasons VALUES (1, ?)', JSON.stringify(reasons))
        store.afterCommit(read)
      })
    },
    refresh: read,
    reset() {
      store.tx(() => {
        store.run('DELETE FROM mail_suppression')
        store.run('DELETE FROM mail_suppression_reasons')
        store.afterCommit(read)
      })
    },
  }
}
