import type { RecipientUpdate } from '../../../contracts/callback.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'
import type { MailFeedback } from '../ports.ts'
import { cumulative, refOf, type Standing } from './standing.ts'
import type { JobRow, RecipientRow } from './tables.ts'
import { updateOf, type Telling } from './telling.ts'

export interface SettlementDeps {
  readonly store: Store
  readonly clock: Clock
  readonly journal: Journal
  readonly standing: Standing
  readonly tell: Telling
}

/** What happens to a job after its passes: the provider's reports, and the one callback of the cumulative dialects. */
export function createSettlement({ store, clock, journal, standing, tell }: SettlementDeps) {
  const jobById = (id: number) => store.get<JobRow>('SELECT * FROM jobs WHERE id = ?', id)!
  const recipientById = (id: number) => store.get<RecipientRow>('SELECT * FROM recipients WHERE id = ?', id)!

  /** Applies what the provider reports after it accepted a mail: a bounce turns `sent` into a permanent failure. */
  const applyReports = (now: number) => {
    const due = store.all<{
      id: number
      recipient_id: number
      job_id: number
      kind: MailFeedback['kind']
      detail: string
    }>('SELECT * FROM feedback WHERE due_at <= ? ORDER BY due_at, id LIMIT 500', now)
    const updates = new Map<number, RecipientUpdate[]>()
    for (const { id, recipient_id, job_id, kind, detail } of due) {
      store.run('DELETE FROM feedback WHERE id = ?', id)
      const row = recipientById(recipient_id)
      const ref = { ...refOf(jobById(job_id)), recipient: row.key }
      journal.record({ type: 'mail.feedback', ...ref, kind, detail })
      if (kind !== 'bounce' || row.status !== 'sent') continue
      const status = 'permanently_failed'
      const error = `Bounce: ${detail}`
      store.run('UPDATE recipients SET status = ?, error = ? WHERE id = ?', status, error, row.id)
      store.run('UPDATE jobs SET sent = sent - 1, permanently_failed = permanently_failed + 1 WHERE id = ?', job_id)
      journal.record({ type: 'recipient.outcome', ...ref, status, attempt: row.attempts, error })
      const list = updates.get(job_id) ?? []
      list.push(updateOf({ ...row, status, error }))
      updates.set(job_id, list)
    }
    for (const [jobId, list] of updates) {
      standing.advance(jobId)
      const job = jobById(jobId)
      if (!cumulative[job.dialect]) tell(job, list)
    }
  }

  /** Sends the one callback of each job whose bounce window is over, unless the provider has more to report. */
  const tellCumulatively = (now: number) => {
    for (const job of store.all<JobRow>('SELECT * FROM jobs WHERE settle_at <= ? AND ended_at IS NOT NULL', now)) {
      const last = store.get<{ at: number | null }>(
        'SELECT max(due_at) AS at FROM feedback WHERE job_id = ?',
        job.id,
      )?.at
      if (last != null) {
        store.run('UPDATE jobs SET settle_at = ? WHERE id = ?', Math.max(last, now) + 1, job.id)
        continue
      }
      store.run('UPDATE jobs SET settle_at = NULL WHERE id = ?', job.id)
      // `flow` names the failed and counts the others.
      const told =
        job.dialect === 'flow' ? "('failed', 'permanently_failed')" : "('sent', 'failed', 'permanently_failed')"
      const rows = store.all<RecipientRow>(
        `SELECT * FROM recipients WHERE job_id = ? AND status IN ${told} ORDER BY id`,
        job.id,
      )
      tell(
        job,
        rows.map((row) => updateOf(row)),
      )
    }
  }

  return {
    /** Does what is due; returns when to come again (epoch ms). */
    settle(): number | undefined {
      return store.tx(() => {
        const now = clock.now()
        applyReports(now)
        tellCumulatively(now)
        const next = store.get<{ at: number | null }>(
          `SELECT min(at) AS at FROM (SELECT min(due_at) AS at FROM feedback
           UNION ALL SELECT min(settle_at) FROM jobs WHERE settle_at IS NOT NULL AND ended_at IS NOT NULL)`,
        )
        return next?.at ?? undefined
      })
    },
  }
}
