import type { CallbackMessage, ReceivedUpdate } from '../../contracts/callback.ts'
import { jobStatuses, mergeUpdate } from '../../contracts/status.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Store } from '../kernel/store.ts'
import type { JobProgress } from './job-progress.ts'
import type { MoodleJob, MoodleRecipient } from './tables.ts'

/** What a callback changed. */
export interface Applied {
  readonly applied: number
  /** Named recipients that stood so already. */
  readonly unchanged: number
  /** Userids or addresses that the job does not have. */
  readonly unknown: readonly string[]
}

export interface RecipientUpdates {
  /**
   * Merges a callback into the job, in the caller's transaction. Each column is merged so that any order and any
   * repetition of the same callbacks gives one state.
   */
  apply(job: MoodleJob, message: CallbackMessage): Applied
}

interface Resolved {
  readonly pairs: readonly (readonly [MoodleRecipient, ReceivedUpdate])[]
  readonly unknown: readonly string[]
}

export function createRecipientUpdates(deps: { store: Store; clock: Clock; progress: JobProgress }): RecipientUpdates {
  const { store, clock, progress } = deps

  const byUserid = (jobid: string, userid: number) =>
    store.get<MoodleRecipient>(
      'SELECT * FROM manireports_cloud_job_recipients WHERE jobid = ? AND userid = ?',
      jobid,
      userid,
    )
  const byEmail = (jobid: string, email: string) =>
    store.all<MoodleRecipient>(
      'SELECT * FROM manireports_cloud_job_recipients WHERE jobid = ? AND email = ? COLLATE NOCASE ORDER BY id',
      jobid,
      email,
    )

  /**
   * By userid where there is one, else by address. Of recipients who share an address, the first update is the first
   * recipient's, and so on; one update alone is for all of them, since it is one mailbox.
   */
  const resolve = (jobid: string, updates: readonly ReceivedUpdate[]): Resolved => {
    const pairs: [MoodleRecipient, ReceivedUpdate][] = []
    const unknown: string[] = []
    const addressed = new Map<string, ReceivedUpdate[]>()
    for (const update of updates) {
      if (update.userid === undefined) {
        const address = (update.email ?? '').toLowerCase()
        addressed.set(address, [...(addressed.get(address) ?? []), update])
        continue
      }
      const text = String(update.userid)
      const row = /^\d{1,15}$/.test(text) ? byUserid(jobid, Number(text)) : undefined
      if (row === undefined) unknown.push(text)
      else pairs.push([row, update])
    }
    for (const [address, list] of addressed) {
      const rows = byEmail(jobid, address)
      const [first] = list
      if (list.length === 1 && first !== undefined && rows.length > 0) {
        for (const row of rows) pairs.push([row, first])
        continue
      }
      for (const [index, update] of list.entries()) {
        const row = rows[index]
        if (row === undefined) unknown.push(update.email ?? '')
        else pairs.push([row, update])
      }
    }
    return { pairs, unknown }
  }

  /**
   * `flow` gives counts and the addresses that failed, no more. Where these explain all failures, everybody else was
   * sent; where they do not (`rate_limit_exceeded`), who failed cannot be known and only the counts are kept.
   */
  const resolveCounts = ({ jobid, total_recipients: total }: MoodleJob, message: CallbackMessage): Resolved => {
    const { sent = 0, failed = 0, errors } = message
    const named = new Map<number, [MoodleRecipient, ReceivedUpdate]>()
    const unknown: string[] = []
    for (const error of errors) {
      const [, address = error] = /^<?([^\s<>]+@[^\s<>:]+)>?(?::|\s|$)/.exec(error) ?? []
      const row = byEmail(jobid, address).find(({ id }) => !named.has(id))
      if (row !== undefined) named.set(row.id, [row, { email: row.email, status: 'failed', error }])
      else if (address.includes('@')) unknown.push(address)
    }
    const all = sent + failed === total && (named.size === failed || sent === 0)
    if (!all) return { pairs: [...named.values()], unknown }
    const rest = sent === 0 ? 'failed' : 'completed'
    const rows = store.all<MoodleRecipient>(
      'SELECT * FROM manireports_cloud_job_recipients WHERE jobid = ? ORDER BY id',
      jobid,
    )
    return { pairs: rows.map((row) => named.get(row.id) ?? [row, { email: row.email, status: rest }]), unknown }
  }

  /** Cumulative figures only grow; with the same sum, a bounce moves one from sent to failed. */
  const report = (job: MoodleJob, { status, sent, failed }: CallbackMessage) => {
    if (status === undefined || sent === undefined || failed === undefined) return
    const rank = (total: number, gone: number, word: typeof status) => [total, gone, jobStatuses.indexOf(word)]
    const before = rank(
      (job.reported_sent ?? -1) + (job.reported_failed ?? 0),
      job.reported_failed ?? 0,
      job.reported_status ?? 'pending',
    )
    const after = rank(sent + failed, failed, status)
    const differs = after.findIndex((value, index) => value !== before[index])
    if (differs === -1 || (after[differs] ?? 0) < (before[differs] ?? 0)) return
    store.run(
      'UPDATE manireports_cloud_jobs SET reported_status = ?, reported_sent = ?, reported_failed = ? WHERE jobid = ?',
      status,
      sent,
      failed,
      job.jobid,
    )
  }

  /** `spec` may tell of the whole job, without a list: of those of whom nothing is told one by one. */
  const resolveWhole = ({ jobid }: MoodleJob, status: 'completed' | 'failed'): Resolved => {
    const rows = store.all<MoodleRecipient>(
      `SELECT * FROM manireports_cloud_job_recipients WHERE jobid = ? AND (submission = 'assumed' OR (submission = 'cloud' AND status = 'pending'))`,
      jobid,
    )
    return { pairs: rows.map((row) => [row, { status }]), unknown: [] }
  }

  return {
    apply(job, message) {
      const now = Math.floor(clock.now() / 1000)
      const { dialect, status: told } = message
      const whole = dialect === 'spec' && message.updates.length === 0 && (told === 'completed' || told === 'failed')
      const { pairs, unknown } = whole
        ? resolveWhole(job, told)
        : dialect === 'flow'
          ? resolveCounts(job, message)
          : resolve(job.jobid, message.updates)
      const rows = new Map<number, MoodleRecipient>()
      const change = { completed: 0, failed: 0, local: 0 }
      let applied = 0
      for (const [found, update] of pairs) {
        // A callback may name a recipient twice.
        const before = rows.get(found.id) ?? found
        const after = whole ? assumed(before, update, now) : merged(before, update, now)
        rows.set(found.id, after)
        if (same(before, after)) continue
        applied++
        change.completed += Number(after.status === 'completed') - Number(before.status === 'completed')
        change.failed += Number(after.status === 'failed') - Number(before.status === 'failed')
        change.local += Number(after.submission === 'local') - Number(before.submission === 'local')
        store.run(
          `UPDATE manireports_cloud_job_recipients
           SET status = ?, attempts = ?, certificate_url = ?, error_message = ?, timesent = ?, submission = ? WHERE id = ?`,
          after.status,
          after.attempts,
          after.certificate_url,
          after.error_message,
          after.timesent,
          after.submission,
          after.id,
        )
      }
      report(job, message)
      progress.count(job.jobid, change)
      progress.refresh(job.jobid)
      return { applied, unchanged: pairs.length - applied, unknown }
    },
  }
}

function merged(row: MoodleRecipient, update: ReceivedUpdate, now: number): MoodleRecipient {
  const told = update.status !== 'pending'
  // What was only assumed ends with the first word about the recipient.
  const known = row.submission === 'cloud' || row.submission === 'local' || !told
  const before: MoodleRecipient = known
    ? row
    : { ...row, status: 'pending', error_message: null, timesent: null, submission: 'cloud' }
  const status = mergeUpdate(before.status, update.status)
  const sentAt = update.status === 'completed' ? (update.timeSent ?? now) : null
  return {
    ...before,
    status,
    submission: told ? 'cloud' : before.submission,
    attempts: Math.max(before.attempts, update.attempts ?? (told ? 1 : 0)),
    certificate_url: greater(before.certificate_url, update.certificateUrl),
    error_message:
      status === 'failed' ? greater(before.error_message, update.status === 'failed' ? update.error : null) : null,
    timesent:
      before.timesent === null || sentAt === null ? (before.timesent ?? sentAt) : Math.min(before.timesent, sentAt),
  }
}

function assumed(row: MoodleRecipient, { status }: ReceivedUpdate, now: number): MoodleRecipient {
  const after = mergeUpdate(row.status, status)
  return {
    ...row,
    status: after,
    submission: 'assumed',
    error_message: after === 'failed' ? 'the cloud reports that the whole job failed' : null,
    timesent: row.timesent ?? (status === 'completed' ? now : null),
  }
}

/** Of two presigned links to one object this is the later one, since their dates come first; of two errors, either. */
function greater(a: string | null, b: string | null | undefined): string | null {
  if (a === null || b === null || b === undefined) return a ?? b ?? null
  return a > b ? a : b
}

function same(a: MoodleRecipient, b: MoodleRecipient): boolean {
  return (
    a.status === b.status &&
    a.attempts === b.attempts &&
    a.certificate_url === b.certificate_url &&
    a.error_message === b.error_message &&
    a.timesent === b.timesent &&
    a.submission === b.submission
  )
}
