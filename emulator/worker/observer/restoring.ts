import type { Ledger } from '../ledger/ledger.ts'
import type { LogEntry, ObservationLog } from './observation-log.ts'
import type { TrackedJob, TrackedJobs } from './tracked-jobs.ts'

export interface RestoredJob {
  readonly job: TrackedJob
  /** What was told of it last, by the findings' codes. */
  readonly told: ReadonlyMap<string, string>
  /** When the last of its deleted messages is to be judged; undefined where none was deleted. */
  readonly judgedFrom: number | undefined
  /** Nothing more is to be seen of it. */
  readonly isOver: boolean
}

/** Tracks again what was seen before this start. What the ledger has forgotten is forgotten here too. */
export function restoreJobs({
  log,
  ledger,
  tracked,
}: {
  log: ObservationLog
  ledger: Pick<Ledger, 'observed'>
  tracked: TrackedJobs
}): RestoredJob[] {
  return log.load().flatMap(({ jobId, entries, told }) => {
    const admitted = ledger.observed.admitted(jobId)
    if (admitted === undefined) {
      log.forget(jobId)
      return []
    }
    const { row, fields } = admitted
    const byKey = new Map(admitted.recipients.map((recipient) => [recipient.key, recipient]))
    let job: TrackedJob | undefined
    for (const entry of entries) {
      if (entry.kind === 'message') {
        const recipients = entry.recipients.flatMap((key) => byKey.get(key) ?? [])
        job = tracked.add(row, { ...fields, recipients }, entry.messageId).job
      } else if (job !== undefined) replay(tracked, job, entry)
    }
    if (job === undefined) return []
    const deletions = [...job.messages.values()].flatMap((message) => message.deletions)
    const last = deletions.reduce((latest, { judgedFrom }) => Math.max(latest, judgedFrom), -Infinity)
    return [{ job, told, judgedFrom: deletions.length === 0 ? undefined : last, isOver: row.observed === 'over' }]
  })
}

function replay(tracked: TrackedJobs, job: TrackedJob, entry: LogEntry): void {
  switch (entry.kind) {
    case 'receive': {
      const { messageId, at, receiptHandle } = entry
      const known = tracked.ofMessage(messageId)
      if (known !== undefined) tracked.received(known, { at, receiptHandle })
      return
    }
    case 'deletion': {
      const { at, receiptHandle, judgedFrom } = entry
      tracked.ofHandle(receiptHandle)?.message.deletions.push({ at, receiptHandle, judgedFrom })
      return
    }
    case 'mail': {
      const { kind: _, ...mail } = entry
      tracked.mailed(job, mail)
      if (mail.body !== undefined && !job.firstReader.has(mail.body)) job.firstReader.set(mail.body, mail.address)
      return
    }
    case 'body': {
      const { accepted, address, body } = entry
      const known = tracked.ofAccepted(accepted, address)
      if (known === undefined) return
      known.mail.body = body
      if (!job.firstReader.has(body)) job.firstReader.set(body, address)
      return
    }
    case 'shared-html':
      job.bodies.set(entry.body, entry.html)
      return
    case 'callback':
      job.callbacks.push(entry.callback)
      return
    case 'stray':
      job.strays.push(entry.stray)
      return
    case 'invocation':
      job.invocations.push(entry.invocation)
      return
    case 'cut':
      job.incomplete = true
      return
    case 'message':
  }
}
