import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'

export interface DataPoint {
  /** The beginning of 15 minutes, epoch milliseconds. */
  readonly at: number
  readonly attempts: number
  readonly bounces: number
  readonly complaints: number
  readonly rejects: number
}

export type Counted = 'attempts' | 'bounces' | 'complaints' | 'rejects'

export interface Statistics {
  /** Adds to the current 15 minutes, in the caller's transaction. */
  count(account: string, what: Counted, number: number): void
  /** The last two weeks, oldest first; quarters of an hour in which nothing happened are left out, as SES does. */
  of(account: string): DataPoint[]
  reset(): void
}

const quarter = 900_000
const twoWeeks = 14 * 86_400_000

export function createStatistics({ store, clock }: { store: Store; clock: Clock }): Statistics {
  store.define(`
    CREATE TABLE IF NOT EXISTS mail_statistics (
      account TEXT NOT NULL,
      at INTEGER NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 0,
      bounces INTEGER NOT NULL DEFAULT 0,
      complaints INTEGER NOT NULL DEFAULT 0,
      rejects INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (account, at)
    ) WITHOUT ROWID
  `)
  return {
    count(account, what, number) {
      if (number === 0) return
      store.run(
        `INSERT INTO mail_statistics (account, at, ${what}) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET ${what} = ${what} + excluded.${what}`,
        account,
        Math.floor(clock.now() / quarter) * quarter,
        number,
      )
    },
    of: (account) =>
      store.all<DataPoint>(
        `SELECT at, attempts, bounces, complaints, rejects FROM mail_statistics WHERE account = ? AND at > ? ORDER BY at`,
        account,
        clock.now() - twoWeeks,
      ),
    reset: () => void store.run('DELETE FROM mail_statistics'),
  }
}
