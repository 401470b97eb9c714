import { canMoveJob, canMoveRecipient } from '../status.ts'
import { findings, grouped, jobKey, named, recipientKey, sum, type Account } from './account.ts'
import type { Findings } from './view.ts'

/** 11. A status never moves down its lattice; what follows `sent` is a bounce. */
export function neverDown(account: Account): Findings {
  const { hold, result } = findings()
  for (const [key, lines] of grouped(account.of('job.status'), ({ event }) => jobKey(event))) {
    let before: string | undefined
    for (const { id, event } of lines) {
      hold(
        canMoveJob(event.from, event.to) && (before === undefined || before === event.from),
        () =>
          `${named(event)} went from ${event.from} to ${event.to}${before === undefined || before === event.from ? '' : `, and was ${before}`}`,
        [id],
      )
      before = event.to
    }
    const job = account.jobOf.get(key)
    if (job === undefined) continue
    const entries = lines.slice(-1).map(({ id }) => id)
    hold(job.status === before, () => `${named(job)} is ${job.status}, and last went to ${before}`, entries)
  }
  const bounces = grouped(
    account.of('mail.feedback').filter(({ event }) => event.kind === 'bounce'),
    ({ event }) => recipientKey(event),
  )
  const retries = grouped(account.of('recipient.retry'), ({ event }) => recipientKey(event))
  for (const [key, lines] of grouped(account.of('recipient.outcome'), ({ event }) => recipientKey(event))) {
    lines.forEach(({ id, event }, index) => {
      const before = lines[index - 1]
      const who = `recipient ${event.recipient} of ${named(event)}`
      const from = before?.event.status ?? 'processing'
      const entries = [before?.id, id]
      hold(canMoveRecipient(from, event.status), () => `${who} went from ${from} to ${event.status}`, entries)
      if (before === undefined || !account.settings.ownWorker) return
      const told = bounces.get(key)?.some((bounce) => bounce.id > before.id && bounce.id < id) === true
      hold(told, () => `${who} went from ${from} to ${event.status} without a bounce`, entries)
    })
    const first = lines[0]
    const back = retries.get(key)?.find(({ id }) => first !== undefined && id > first.id)
    hold(back === undefined, () => `recipient ${first?.event.recipient} was tried again after its end`, [
      first?.id,
      back?.id,
    ])
  }
  return result()
}

/** 12. Counters are the sum over the recipients, and what has ended never becomes less. */
export function countersAddUp(account: Account): Findings {
  const { hold, result } = findings()
  for (const job of account.jobs) {
    const count = (status: string) => job.rows.filter((row) => row.status === status).length
    const rows = [count('sent'), count('failed'), count('permanently_failed')]
    const kept = [job.sent, job.failed, job.permanentlyFailed]
    hold(
      rows.join() === kept.join(),
      () => `${named(job)} counts ${kept.join('/')} sent/failed/permanently failed, its rows say ${rows.join('/')}`,
    )
  }
  for (const job of account.received) {
    const count = (status: string) => job.rows.filter((row) => row.status === status).length
    hold(
      job.completed === count('completed') && job.failed === count('failed'),
      () =>
        `the receiver counts ${job.completed}/${job.failed} completed/failed in ${named(job)}, its rows say ${count('completed')}/${count('failed')}`,
    )
  }
  for (const lines of grouped(account.of('job.status'), ({ event }) => jobKey(event)).values()) {
    lines.forEach(({ id, event }, index) => {
      const before = lines[index - 1]
      const less = before !== undefined && event.sent + event.failed < before.event.sent + before.event.failed
      hold(
        !less,
        () =>
          `${named(event)} had ${before?.event.sent}/${before?.event.failed} sent/failed, and then ${event.sent}/${event.failed}`,
        [before?.id, id],
      )
    })
  }
  const passes = grouped(account.of('pass.ended'), ({ event }) => jobKey(event))
  const ends = grouped(account.of('recipient.outcome'), ({ event }) => jobKey(event))
  if (account.settings.ownWorker) {
    for (const [key, lines] of passes) {
      const told = sum(lines.map(({ event }) => event.sent + event.failed))
      const ended = new Set((ends.get(key) ?? []).map(({ event }) => event.recipient)).size
      const first = lines[0]
      hold(
        told === ended,
        () =>
          `the passes of ${first === undefined ? key : named(first.event)} ended ${told} recipients, ${ended} have an outcome`,
        lines.map(({ id }) => id),
      )
    }
  }
  return result()
}
