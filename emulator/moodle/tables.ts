import type { Dialect } from '../../contracts/job.ts'
import type { JobStatus, UpdateStatus } from '../../contracts/status.ts'
import type { Store } from '../kernel/store.ts'

/** How a job goes to the cloud: `POST /jobs`, or SQS SendMessage. */
export type SubmitMode = 'api' | 'sqs'

/**
 * What a recipient's row rests on. `cloud`: the cloud has it, and what a callback says of it counts. `local`: Moodle
 * itself mails it, since the cloud could not be reached. `refused`: its message was not taken, so its status is `failed`.
 * `assumed`: a callback has told of the job as a whole. The last three end with the first word about the recipient.
 */
export type SubmissionState = 'cloud' | 'local' | 'refused' | 'assumed'

/** What became of one message of a job. */
export type BatchStatus = 'pending' | 'queued' | 'refused' | 'local'

/**
 * The specification's two tables, with its columns under its names; what follows the comment in each is the stand-in's
 * own. Times are epoch seconds, as everywhere in Moodle.
 *
 * `…_job_batches` is also the outbox of messages: `message` is what goes on the wire, passwords included, and is cleared
 * with the answer.
 */
export function defineMoodleTables(store: Store): void {
  store.define(`
    CREATE TABLE IF NOT EXISTS manireports_cloud_jobs (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      jobid VARCHAR(36) NOT NULL UNIQUE,
      tenantid BIGINT NULL,
      type VARCHAR(50) NOT NULL,
      status VARCHAR(20) NOT NULL DEFAULT 'pending',
      total_recipients INT NOT NULL,
      completed_recipients INT NOT NULL DEFAULT 0,
      failed_recipients INT NOT NULL DEFAULT 0,
      payload_json LONGTEXT NOT NULL,
      createdby BIGINT NOT NULL,
      timecreated BIGINT NOT NULL,
      timestarted BIGINT NULL,
      timecompleted BIGINT NULL,
      -- beyond the specification:
      dialect TEXT NOT NULL,
      mode TEXT NOT NULL,
      parentjobid VARCHAR(36) NULL,
      submit_json TEXT NOT NULL,
      batches INT NOT NULL,
      error_message TEXT NULL,
      local_queue INT NOT NULL DEFAULT 0,
      reported_status TEXT NULL,
      reported_sent INT NULL,
      reported_failed INT NULL
    );
    CREATE INDEX IF NOT EXISTS manireports_cloud_jobs_status ON manireports_cloud_jobs (status);
    CREATE INDEX IF NOT EXISTS manireports_cloud_jobs_tenantid ON manireports_cloud_jobs (tenantid);
    CREATE INDEX IF NOT EXISTS manireports_cloud_jobs_parent ON manireports_cloud_jobs (parentjobid)
      WHERE parentjobid IS NOT NULL;

    CREATE TABLE IF NOT EXISTS manireports_cloud_job_recipients (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      jobid VARCHAR(36) NOT NULL,
      userid BIGINT NOT NULL,
      email VARCHAR(255) NOT NULL,
      status VARCHAR(20) NOT NULL DEFAULT 'pending',
      attempts INT NOT NULL DEFAULT 0,
      certificate_url TEXT NULL,
      error_message TEXT NULL,
      timesent BIGINT NULL,
      -- beyond the specification:
      batch INT NOT NULL,
      submission TEXT NOT NULL DEFAULT 'cloud',
      data_json TEXT NOT NULL,
      UNIQUE (jobid, userid)
    );
    CREATE INDEX IF NOT EXISTS manireports_cloud_job_recipients_status
      ON manireports_cloud_job_recipients (jobid, status);
    CREATE INDEX IF NOT EXISTS manireports_cloud_job_recipients_email
      ON manireports_cloud_job_recipients (jobid, email COLLATE NOCASE);

    CREATE TABLE IF NOT EXISTS manireports_cloud_job_batches (
      jobid VARCHAR(36) NOT NULL,
      batch INT NOT NULL,
      status VARCHAR(20) NOT NULL DEFAULT 'pending',
      recipients INT NOT NULL,
      error_message TEXT NULL,
      message TEXT NULL,
      PRIMARY KEY (jobid, batch)
    );
    CREATE INDEX IF NOT EXISTS manireports_cloud_job_batches_pending ON manireports_cloud_job_batches (jobid, batch)
      WHERE status = 'pending';

    CREATE TABLE IF NOT EXISTS manireports_cloud_email_hashes (
      hash TEXT PRIMARY KEY,
      jobid VARCHAR(36) NOT NULL,
      userid BIGINT NOT NULL,
      timecreated BIGINT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS manireports_cloud_email_hashes_job ON manireports_cloud_email_hashes (jobid, userid);
  `)
}

/** A row of `manireports_cloud_jobs`. */
export interface MoodleJob {
  readonly id: number
  readonly jobid: string
  readonly tenantid: number
  /** The type's name in the job's dialect. */
  readonly type: string
  readonly status: JobStatus
  readonly total_recipients: number
  readonly completed_recipients: number
  readonly failed_recipients: number
  /** The message without its recipients (they have their own table), secrets and passwords. */
  readonly payload_json: string
  readonly createdby: number
  readonly timecreated: number
  readonly timestarted: number | null
  readonly timecompleted: number | null
  readonly dialect: Dialect
  readonly mode: SubmitMode
  readonly parentjobid: string | null
  /** What was asked for (a `SubmitInput` without recipients and secrets), for a retry. */
  readonly submit_json: string
  readonly batches: number
  /** Why a submission was refused or did not reach the cloud. */
  readonly error_message: string | null
  /** How many recipients Moodle itself has to mail, because the cloud could not be reached. */
  readonly local_queue: number
  /** What the last cumulative callback (`detailed`, `flow`, `plugin`) said of the whole job. */
  readonly reported_status: JobStatus | null
  readonly reported_sent: number | null
  readonly reported_failed: number | null
}

/** A row of `manireports_cloud_job_recipients`. */
export interface MoodleRecipient {
  readonly id: number
  readonly jobid: string
  readonly userid: number
  readonly email: string
  readonly status: UpdateStatus
  readonly attempts: number
  readonly certificate_url: string | null
  readonly error_message: string | null
  readonly timesent: number | null
  /** The number of the message that carried this recipient, from 1. */
  readonly batch: number
  readonly submission: SubmissionState
  /** Names and what else the message said of this recipient, without passwords. */
  readonly data_json: string
}

/** A row of `manireports_cloud_job_batches`. */
export interface MoodleBatch {
  readonly jobid: string
  /** From 1. */
  readonly batch: number
  readonly status: BatchStatus
  readonly recipients: number
  readonly error_message: string | null
}
