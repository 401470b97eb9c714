import { job as jobAnswer, recipientPage, type JobAnswer, type RecipientAnswer } from './answers.ts'
import { readMails } from './inbox.ts'
import { jobPath, type JobRefInTarget } from './job-watch.ts'
import type { Target } from './target.ts'

/** What came of a job, in the words of `send --json`. */
export interface Account {
  readonly job_id: string | number
  readonly recipients: number
  readonly sent: number
  readonly failed: number
  readonly certificates: number
  readonly mails: number
  readonly callbacks: { readonly delivered: number; readonly refused: number }
  readonly seconds: number
}

const pageSize = 1000

/** Every recipient of a job, page by page. */
export async function* recipientsOf(target: Target, ref: JobRefInTarget, query = ''): AsyncGenerator<RecipientAnswer> {
  for (let after: number | null = 0; after !== null;) {
    const page: { recipients: RecipientAnswer[]; next: number | null } = await target.get(
      `${jobPath(ref, '/recipients')}&limit=${pageSize}&after=${after}${query}`,
      recipientPage,
    )
    yield* page.recipients
    after = page.next
  }
}

export async function accountOf({
  target,
  inbox,
  ref,
  job,
  seconds,
}: {
  target: Target
  /** Base URL of the inbox. */
  inbox: string
  ref: JobRefInTarget
  job: JobAnswer
  seconds: number
}): Promise<Account> {
  let certificates = 0
  for await (const recipient of recipientsOf(target, ref)) if (recipient.certificate_url !== null) certificates++
  const { total } = await readMails(inbox, { job: ref.job, limit: 1 })
  // Anew: the last callback's answer may have come after the job was looked at.
  const { callbacks } = await target.get(jobPath(ref), jobAnswer)
  return {
    job_id: job.job_id,
    recipients: job.totals.recipients,
    sent: job.totals.sent,
    failed: job.totals.failed,
    certificates,
    mails: total,
    callbacks: { delivered: callbacks?.delivered ?? 0, refused: callbacks?.refused ?? 0 },
    seconds: Math.round(seconds * 100) / 100,
  }
}
