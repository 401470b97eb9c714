import type { Advice, Dialect, JobType, Recipient } from '../../../contracts/job.ts'
import type { JobStatus, RecipientStatus } from '../../../contracts/status.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Store } from '../../kernel/store.ts'
import { rowOfCode } from '../certificate/code.ts'
import type { IssuedCertificate } from '../certificate/verification.ts'
import type { JobRow, RecipientRow } from './tables.ts'

/** A job as the control API, the CLI and the page show it. Times are ISO 8601. */
export interface JobView {
  readonly job_id: string | number
  readonly tenant_id: number
  readonly type: JobType
  readonly type_name: string
  readonly dialect: Dialect
  readonly status: JobStatus
  readonly totals: { recipients: number; sent: number; failed: number; pending: number; duplicates: number }
  readonly parent_job_id?: string
  readonly accepted_at: string
  readonly started_at?: string
  readonly ended_at?: string
  /**
   * Nothing more will happen to the recipients: all have an outcome, and the provider has reported what it will. Of
   * somebody else's worker: what may still be seen of it has been seen, though some may have no outcome.
   */
  readonly settled: boolean
  readonly advice: readonly Advice[]
  /** `recipient`: its key; null where the finding is about the whole job. */
  readonly findings: readonly { recipient: string | null; text: string }[]
}

export interface RecipientView {
  readonly key: string
  readonly email: string
  readonly status: RecipientStatus
  readonly attempts: number
  readonly error: string | null
  readonly message_id: string | null
  readonly certificate_url: string | null
  readonly certificate_code: string | null
  readonly sent_at: string | null
  readonly next_attempt_at: string | null
}

const iso = (at: number) => new Date(at).toISOString()

export function createViews({ store, ids }: { store: Store; ids: Ids }) {
  const viewOf = (row: JobRow): JobView => {
    const failed = row.failed + row.permanently_failed
    const reporting = store.get('SELECT 1 FROM feedback WHERE job_id = ? LIMIT 1', row.id) !== undefined
    return {
      job_id: JSON.parse(row.raw_id) as string | number,
      tenant_id: row.tenant,
      type: row.type,
      type_name: row.type_name,
      dialect: row.dialect,
      status: row.status,
      totals: {
        recipients: row.recipients,
        sent: row.sent,
        failed,
        pending: row.recipients - row.sent - failed,
        duplicates: row.duplicates,
      },
      ...(row.parent === null ? {} : { parent_job_id: row.parent }),
      accepted_at: iso(row.created_at),
      ...(row.started_at === null ? {} : { started_at: iso(row.started_at) }),
      ...(row.ended_at === null ? {} : { ended_at: iso(row.ended_at) }),
      settled:
        row.observed === null ? row.ended_at !== null && row.settle_at === null && !reporting : row.observed === 'over',
      advice: JSON.parse(row.advice) as Advice[],
      findings: store.all<{ recipient: string | null; text: string }>(
        `SELECT nullif(recipient, '') AS recipient,
           text || coalesce(' (' || recipients || iif(recipients = 1, ' recipient)', ' recipients)'), '') AS text
         FROM findings WHERE job_id = ? ORDER BY id LIMIT 100`,
        row.id,
      ),
    }
  }
  const recipientOf = (row: RecipientRow): RecipientView => ({
    key: row.key,
    email: row.email,
    status: row.status,
    attempts: row.attempts,
    error: row.error,
    message_id: row.message_id,
    certificate_url: row.certificate_url,
    certificate_code: row.certificate_code,
    sent_at: row.sent_at === null ? null : iso(row.sent_at),
    next_attempt_at: row.status === 'pending' && row.due_at > 0 ? iso(row.due_at) : null,
  })

  return {
    /** The rows of all tenants' jobs with this id. */
    rows: (job: string, tenant?: number): JobRow[] =>
      tenant === undefined
        ? store.all<JobRow>('SELECT * FROM jobs WHERE job = ? ORDER BY id', job)
        : store.all<JobRow>('SELECT * FROM jobs WHERE job = ? AND tenant = ?', job, tenant),
    /** Newest first. */
    jobs: ({ limit = 100, tenant }: { limit?: number; tenant?: number | undefined } = {}): JobView[] =>
      (tenant === undefined
        ? store.all<JobRow>('SELECT * FROM jobs ORDER BY id DESC LIMIT ?', limit)
        : store.all<JobRow>('SELECT * FROM jobs WHERE tenant = ? ORDER BY id DESC LIMIT ?', tenant, limit)
      ).map(viewOf),
    viewOf,
    recipients: (
      jobId: number,
      { limit = 100, after = 0, failed = false }: { limit?: number; after?: number; failed?: boolean } = {},
    ): { recipients: RecipientView[]; next: number | null } => {
      const rows = store.all<RecipientRow>(
        `SELECT * FROM recipients WHERE job_id = ? AND id > ?
         ${failed ? "AND status IN ('failed', 'permanently_failed')" : ''} ORDER BY id LIMIT ?`,
        jobId,
        after,
        limit,
      )
      return { recipients: rows.map(recipientOf), next: rows.length === limit ? (rows.at(-1)?.id ?? null) : null }
    },
    /** The failed recipients as they were sent, for a retry; without those whom another retry has taken over. */
    failed: (jobId: number): Recipient[] =>
      store
        .all<{ content: string }>(
          `SELECT r.content FROM recipients r WHERE r.job_id = ? AND r.status IN ('failed', 'permanently_failed')
             AND (r.retried_by IS NULL OR EXISTS (
               SELECT 1 FROM recipients again WHERE again.job_id = r.retried_by
                 AND again.key = r.retried_as AND again.retried_by IS NULL
                 AND again.status IN ('failed', 'permanently_failed')))
           ORDER BY r.id`,
          jobId,
        )
        .map((row) => JSON.parse(row.content) as Recipient),
    /** The Message-IDs of what was sent for a tenant. */
    messageIds: (tenant: number): string[] =>
      store
        .all<{ message_id: string }>(
          `SELECT r.message_id FROM recipients r JOIN jobs j ON j.id = r.job_id
           WHERE j.tenant = ? AND r.message_id IS NOT NULL`,
          tenant,
        )
        .map((row) => row.message_id),
    /** The certificate with this verification code. */
    certificate: (code: string) =>
      store.get<IssuedCertificate>(
        `SELECT j.tenant, j.fields, j.created_at, r.certificate_key, r.content
         FROM recipients r JOIN jobs j ON j.id = r.job_id WHERE r.id = ? AND r.certificate_code = ?`,
        rowOfCode(ids, code),
        code,
      ),
    totals: () =>
      store.get<{ jobs: number; recipients: number; sent: number; failed: number; open: number }>(
        `SELECT count(*) AS jobs, coalesce(sum(recipients), 0) AS recipients, coalesce(sum(sent), 0) AS sent,
           coalesce(sum(failed + permanently_failed), 0) AS failed, coalesce(sum(ended_at IS NULL), 0) AS open FROM jobs`,
      )!,
  }
}

export type Views = ReturnType<typeof createViews>
