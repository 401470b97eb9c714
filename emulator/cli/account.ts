import { recipientPage, type CallbackAnswer, type JobAnswer, type RecipientAnswer } from './answers.ts'
import { readMails } from './inbox.ts'
import { isRefused, jobPath, type JobRefInTarget } from './job-watch.ts'
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
  callbacks,
  seconds,
}: {
  target: Target
  /** Base URL of the inbox. */
  inbox: string
  ref: JobRefInTarget
  job: JobAnswer
  callbacks: readonly CallbackAnswer[]
  seconds: number
}): Promise<Account> {
  let certificates = 0
  for await (const recipient of recipientsOf(target, ref)) if (recipient.certificate_url !== null) certificates++
  const { total } = await readMails(inbox, { job: ref.job, limit: 1 })
  const delivered = callbacks.filter(({ state }) => state === 'delivered').length
  return {
    job_id: job.job_id,
    recipients: job.totals.recipients,
    sent: job.totals.sent,
    failed: job.totals.failed,
    certificates,
    mails: total,
    callbacks: { delivered, refused: callbacks.filter(isRefused).length },
    seconds: Math.round(seconds * 100) / 100,
  }
}
