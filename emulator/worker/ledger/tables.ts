import type { ActionType, Dialect, JobType } from '../../../contracts/job.ts'
import type { JobStatus, RecipientStatus } from '../../../contracts/status.ts'
import type { Store } from '../../kernel/store.ts'

/** `fields` holds the job-level content as JSON; `counts` are kept with each change, never summed up on reading. */
export interface JobRow {
  id: number
  tenant: number
  job: string
  raw_id: string
  dialect: Dialect
  type: JobType
  type_name: string
  action: ActionType
  status: JobStatus
  content_hash: string
  fields: string
  advice: string
  verify_base: string
  parent: string | null
  recipients: number
  sent: number
  failed: number
  permanently_failed: number
  duplicates: number
  created_at: number
  started_at: number | null
  ended_at: number | null
  settle_at: number | null
  /** Of a job that somebody else's worker was seen at: whether more is to be seen of it. */
  observed: 'open' | 'over' | null
}

export interface RecipientRow {
  id: number
  job_id: number
  key: string
  email: string
  content: string
  content_hash: string
  invalid: string | null
  status: RecipientStatus
  attempts: number
  due_at: number
  lease_owner: string | null
  lease_until: number
  /** 1 where an earlier attempt may have sent the mail without anybody writing it down. */
  interrupted: number
  error: string | null
  message_id: string | null
  certificate_key: string | null
  certificate_url: string | null
  certificate_code: string | null
  sent_at: number | null
  /** The job that tried again after this recipient had failed. */
  retried_by: number | null
  /** Its key in that job. */
  retried_as: string | null
}

export function defineTables(store: Store): void {
  store.define(`
    CREATE TABLE IF NOT EXISTS jobs (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      tenant INTEGER NOT NULL,
      job TEXT NOT NULL,
      raw_id TEXT NOT NULL,
      dialect TEXT NOT NULL,
      type TEXT NOT NULL,
      type_name TEXT NOT NULL,
      action TEXT NOT NULL,
      status TEXT NOT NULL,
      content_hash TEXT NOT NULL,
      fields TEXT NOT NULL,
      advice TEXT NOT NULL,
      verify_base TEXT NOT NULL,
      parent TEXT,
      recipients INTEGER NOT NULL DEFAULT 0,
      sent INTEGER NOT NULL DEFAULT 0,
      failed INTEGER NOT NULL DEFAULT 0,
      permanently_failed INTEGER NOT NULL DEFAULT 0,
      duplicates INTEGER NOT NULL DEFAULT 0,
      created_at INTEGER NOT NULL,
      started_at INTEGER,
      ended_at INTEGER,
      settle_at INTEGER,
      observed TEXT,
      UNIQUE (tenant, job)
    );
    CREATE INDEX IF NOT EXISTS jobs_settle ON jobs (settle_at) WHERE settle_at IS NOT NULL;
    CREATE INDEX IF NOT EXISTS jobs_parent ON jobs (tenant, parent) WHERE parent IS NOT NULL;
    CREATE TABLE IF NOT EXISTS job_messages (
      message_id TEXT PRIMARY KEY,
      job_id INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS job_messages_job ON job_messages (job_id);
    CREATE TABLE IF NOT EXISTS recipients (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      job_id INTEGER NOT NULL,
      key TEXT NOT NULL,
      email TEXT NOT NULL,
      content TEXT NOT NULL,
      content_hash TEXT NOT NULL,
      invalid TEXT,
      status TEXT NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 0,
      due_at INTEGER NOT NULL,
      lease_owner TEXT,
      lease_until INTEGER NOT NULL DEFAULT 0,
      interrupted INTEGER NOT NULL DEFAULT 0,
      error TEXT,
      message_id TEXT,
      certificate_key TEXT,
      certificate_url TEXT,
      certificate_code TEXT,
      sent_at INTEGER,
      retried_by INTEGER,
      retried_as TEXT,
      UNIQUE (job_id, key)
    );
    -- No index over addresses or codes of all: they are in no order, and each page of one would be written again and again.
    CREATE INDEX IF NOT EXISTS recipients_failed ON recipients (job_id, email) WHERE status IN ('failed', 'permanently_failed');
    CREATE INDEX IF NOT EXISTS recipients_leased ON recipients (lease_owner) WHERE lease_owner IS NOT NULL;
    CREATE TABLE IF NOT EXISTS feedback (
      id INTEGER PRIMARY KEY,
      recipient_id INTEGER NOT NULL,
      job_id INTEGER NOT NULL,
      due_at INTEGER NOT NULL,
      kind TEXT NOT NULL,
      detail TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS feedback_due ON feedback (due_at);
    CREATE INDEX IF NOT EXISTS feedback_job ON feedback (job_id);
    CREATE TABLE IF NOT EXISTS findings (
      id INTEGER PRIMARY KEY,
      job_id INTEGER NOT NULL,
      recipient TEXT,
      text TEXT NOT NULL,
      recipients INTEGER,
      UNIQUE (job_id, recipient, text)
    );
  `)
}
