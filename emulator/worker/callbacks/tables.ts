import type { Dialect } from '../../../contracts/job.ts'
import type { Store } from '../../kernel/store.ts'

/** `delivering` is not written: it is a waiting callback that this process has in flight. */
export type StoredState = 'waiting' | 'delivered' | 'dead' | 'parked'

export interface CallbackRow {
  readonly seq: number
  readonly id: string
  readonly tenant: number
  readonly job: string
  readonly dialect: Dialect
  /** The job's own address and secret; null where the tenant's settings decide, each time anew. */
  readonly url: string | null
  readonly secret: string | null
  /** CallbackContent as JSON, without a timestamp. */
  readonly content: string
  readonly updates: number
  readonly state: StoredState
  /** The process that sends it: no other one does while that one lives. */
  readonly owner: string
  /** Tenant and host, the unit of fairness; empty while parked without an address. */
  readonly lane: string
  readonly attempts: number
  /** Attempts since it was created or replayed: where it stands in the schedule. */
  readonly tries: number
  readonly due_at: number
  /** Why it is parked, and the line that frees it. */
  readonly reason: string | null
  /** The host and port that it was parked for; null where it had no address. */
  readonly parked_on: string | null
  readonly words: string | null
  readonly last_status: number | null
  readonly created_at: number
  readonly settled_at: number | null
}

export interface AttemptRow {
  readonly attempt: number
  /** Epoch milliseconds: what the body was stamped with. */
  readonly at: number
  readonly url: string
  readonly status: number | null
  readonly words: string
  readonly milliseconds: number
  readonly response: string | null
  readonly bytes: number
  readonly signature: string | null
}

export function defineCallbackTables(store: Store): void {
  // AUTOINCREMENT: the late result of an attempt must not meet another callback's number after a reset.
  store.define(`
    CREATE TABLE IF NOT EXISTS callbacks (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      tenant INTEGER NOT NULL,
      job TEXT NOT NULL,
      dialect TEXT NOT NULL,
      url TEXT,
      secret TEXT,
      content TEXT NOT NULL,
      updates INTEGER NOT NULL,
      state TEXT NOT NULL,
      owner TEXT NOT NULL,
      lane TEXT NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 0,
      tries INTEGER NOT NULL DEFAULT 0,
      due_at INTEGER NOT NULL,
      reason TEXT,
      parked_on TEXT,
      words TEXT,
      last_status INTEGER,
      created_at INTEGER NOT NULL,
      settled_at INTEGER
    );
    CREATE INDEX IF NOT EXISTS callbacks_due ON callbacks (owner, lane, due_at) WHERE state = 'waiting';
    CREATE INDEX IF NOT EXISTS callbacks_parked ON callbacks (seq) WHERE state = 'parked';
    CREATE INDEX IF NOT EXISTS callbacks_job ON callbacks (tenant, job);
    CREATE TABLE IF NOT EXISTS callback_attempts (
      callback INTEGER NOT NULL REFERENCES callbacks (seq) ON DELETE CASCADE,
      attempt INTEGER NOT NULL,
      at INTEGER NOT NULL,
      url TEXT NOT NULL,
      status INTEGER,
      words TEXT NOT NULL,
      milliseconds REAL NOT NULL,
      response TEXT,
      bytes INTEGER NOT NULL,
      signature TEXT,
      PRIMARY KEY (callback, attempt)
    ) WITHOUT ROWID;
  `)
}
