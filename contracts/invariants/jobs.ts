import { findings, grouped, jobKey, named, recipientKey, sum, type Account } from './account.ts'
import type { Findings, JobState, ReceivedJob } from './view.ts'

/** 1. Each recipient of an accepted job has exactly one outcome (and one more for a bounce); the totals add up. */
export function oneOutcome(account: Account): Findings {
  const { hold, result } = findings()
  const outcomes = grouped(account.of('recipient.outcome'), ({ event }) => recipientKey(event))
  const bounced = new Set(account.of('mail.feedback').map(({ event }) => recipientKey(event)))
  for (const job of account.jobs) {
    const totals = job.sent + job.failed + job.permanentlyFailed
    hold(totals <= job.recipients && job.rows.length === job.recipients, () => {
      const figures = `${job.sent} sent, ${job.failed} failed, ${job.permanentlyFailed} permanently failed`
      return `${named(job)} has ${job.recipients} recipients, ${job.rows.length} rows, and ${figures}`
    })
    for (const { key, status } of job.rows) {
      const lines = outcomes.get(recipientKey({ ...job, recipient: key })) ?? []
      const last = lines.at(-1)?.event.status
      const open = status === 'pending' || status === 'processing'
      const who = `recipient ${key} of ${named(job)}`
      const ids = lines.map(({ id }) => id)
      if (account.ended) hold(!open, () => `${who} is ${status}, and nothing is under way any more`, ids)
      hold(
        open ? last === undefined : last === status,
        () => `${who} is ${status}, its outcome in the journal is ${last ?? 'none'}`,
        ids,
      )
      const late = bounced.has(recipientKey({ ...job, recipient: key })) || !account.settings.ownWorker
      const afterBounce = lines.length === 2 && late
      hold(lines.length <= 1 || afterBounce, () => `${who} has ${lines.length} outcomes`, ids)
    }
  }
  return result()
}

/** 2. What was acknowledged is there: in the ledger, or in a queue. */
export function nothingLost(account: Account): Findings {
  const { hold, result } = findings()
  const known = (job: JobState | undefined) => (job === undefined ? 0 : job.recipients + job.duplicates)
  // By SQS it is the worker that enters a job into the ledger: what is not there may still lie in a queue.
  let queued = account.queued
  for (const [key, lines] of grouped(account.of('moodle.submitted'), ({ event }) => jobKey(event))) {
    const first = lines[0]
    if (first === undefined) continue
    const acknowledged = sum(lines.map(({ event }) => event.accepted))
    if (first.event.via === 'sqs' && known(account.jobOf.get(key)) < acknowledged && queued > 0) {
      queued--
      continue
    }
    hold(
      known(account.jobOf.get(key)) >= acknowledged,
      () =>
        `${acknowledged} recipients of ${named(first.event)} were acknowledged, the ledger has ${known(account.jobOf.get(key))}`,
      lines.map(({ id }) => id),
    )
  }
  for (const job of account.settings.ownWorker ? account.jobs : []) {
    const open = job.rows.filter(({ status }) => status === 'pending' || status === 'processing').length
    hold(open === 0 || job.carried, () => `${open} recipients of ${named(job)} are open, and no message carries them`)
  }
  for (const { id, event } of account.of('job.submitted')) {
    if (event.answer !== 'accepted' && event.answer !== 'repeated') continue
    const there = known(account.jobOf.get(jobKey(event)))
    hold(
      there >= event.recipients,
      () => `${named(event)} was acknowledged with ${event.recipients} recipients, the ledger has ${there}`,
      [id],
    )
  }
  return result()
}

/** How many recipients of a message the ledger has. */
function inLedger(account: Account, received: ReceivedJob, batch: number): { known: number; all: number } | undefined {
  const rows = received.rows.filter((row) => row.batch === batch)
  const ledger = account.jobOf.get(jobKey(received))
  const keys = new Set(ledger?.rows.map(({ key }) => key))
  const addresses = new Set(ledger?.rows.map(({ address }) => address))
  const isKnown = ({ key, address }: (typeof rows)[number]) =>
    key === undefined ? addresses.has(address) : keys.has(key)
  return { known: rows.filter(isKnown).length, all: rows.length }
}

/** 3. A submission without an acknowledgement is there once or not at all, never in part. */
export function neverPartly(account: Account): Findings {
  const { hold, result } = findings()
  const accepted = grouped(account.of('job.accepted'), ({ event }) => jobKey(event))
  for (const job of account.jobs) {
    const lines = accepted.get(jobKey(job)) ?? []
    const entered = sum(lines.map(({ event }) => event.recipients))
    hold(
      entered <= job.rows.length,
      () => `${entered} recipients of ${named(job)} were entered, the ledger has ${job.rows.length}`,
      lines.map(({ id }) => id),
    )
  }
  for (const received of account.received) {
    for (const { batch, status } of received.batches) {
      if (status === 'queued') continue
      const found = inLedger(account, received, batch)
      if (found === undefined || found.all === 0) continue
      hold(
        found.known === 0 || found.known === found.all,
        () =>
          `message ${batch} of ${named(received)} was not acknowledged, and ${found.known} of its ${found.all} recipients are in the ledger`,
      )
    }
  }
  return result()
}

/** 4. The same idempotency key and body is the same job; another body under the key is refused, and makes no job. */
export function idempotent(account: Account): Findings {
  const { hold, result } = findings()
  const submitted = account.of('job.submitted')
  const taken = submitted.filter(({ event }) => event.answer === 'accepted' || event.answer === 'repeated')
  const jobsTaken = new Set(taken.map(({ event }) => jobKey(event)))
  const byKey = grouped(
    submitted.filter(({ event }) => event.key !== undefined),
    ({ event }) => `${event.tenant} ${event.key}`,
  )
  for (const lines of byKey.values()) {
    const first = lines.find(({ event }) => event.answer === 'accepted' || event.answer === 'repeated')
    if (first === undefined) continue
    for (const { id, event } of lines) {
      if (id <= first.id) continue
      const entries = [first.id, id]
      if (event.body === first.event.body) {
        hold(
          event.job === first.event.job && (event.answer === 'repeated' || event.answer === 'accepted'),
          () => `the same key and body gave ${named(first.event)}, and then ${event.answer} (${named(event)})`,
          entries,
        )
      } else {
        hold(
          event.answer === 'idempotency-conflict',
          () => `a key that had made ${named(first.event)} was ${event.answer} with another body (${named(event)})`,
          entries,
        )
        const made = !jobsTaken.has(jobKey(event)) && account.jobOf.has(jobKey(event)) && !bySqs(account, event)
        hold(!made, () => `${named(event)} was refused for its key, and is in the ledger`, entries)
      }
    }
  }
  for (const lines of grouped(taken, ({ event }) => `${event.tenant} ${event.body}`).values()) {
    const [first] = lines
    if (first === undefined || lines.length === 1) continue
    hold(
      lines.every(({ event }) => event.job === first.event.job),
      () => `one body made several jobs: ${[...new Set(lines.map(({ event }) => event.job))].join(', ')}`,
      lines.map(({ id }) => id),
    )
  }
  return result()
}

const bySqs = (account: Account, of: { tenant: number; job: string }) =>
  account.of('job.accepted').some(({ event }) => jobKey(event) === jobKey(of) && event.via === 'sqs')

/** 15. What was refused has changed nothing. */
export function refusedChangesNothing(account: Account): Findings {
  const { hold, result } = findings()
  const accepted = grouped(account.of('job.accepted'), ({ event }) => jobKey(event))
  for (const { id, event } of account.of('job.submitted')) {
    if (event.answer === 'accepted' || event.answer === 'repeated') continue
    const job = account.jobOf.get(jobKey(event))
    const lines = accepted.get(jobKey(event)) ?? []
    const entered = sum(lines.map((line) => line.event.recipients))
    hold(
      (job?.rows.length ?? 0) <= entered,
      () =>
        `${named(event)} was refused (${event.answer}); ${entered} recipients were accepted, and the ledger has ${job?.rows.length}`,
      [id, ...lines.map((line) => line.id)],
    )
  }
  for (const { id, event } of account.of('moodle.callback')) {
    if (event.status < 400) continue
    hold(
      event.applied === 0,
      () =>
        `a callback for job ${event.job ?? 'unknown'} was refused (${event.status}) and changed ${event.applied} recipients`,
      [id],
    )
  }
  return result()
}
