import type { Job, JobFields, Recipient } from '../../../contracts/job.ts'
import type { JobRow } from '../ledger/tables.ts'
import {
  addressOf,
  type ObservedCallback,
  type ObservedInvocation,
  type ObservedMail,
  type ObservedMessage,
  type Stray,
} from './observations.ts'

/** A job that is being observed. */
export interface TrackedJob {
  readonly row: Pick<JobRow, 'id' | 'tenant' | 'job'>
  readonly dialect: Job['dialect']
  readonly action: Job['action']
  readonly callbackUrl: string | undefined
  readonly common: string
  readonly recipients: Map<string, Recipient>
  readonly keysAt: Map<string, string[]>
  readonly messages: Map<string, ObservedMessage>
  readonly mails: ObservedMail[]
  readonly mailsTo: Map<string, number>
  readonly bodies: Map<string, string>
  /** Who was first to get a body. */
  readonly firstReader: Map<string, string>
  readonly callbacks: ObservedCallback[]
  readonly strays: Stray[]
  readonly invocations: ObservedInvocation[]
  /** More was seen before a restart than was kept: nothing is said of it any more. */
  incomplete: boolean
}

/** A mail of a job that a provider took. */
interface AcceptedMail {
  readonly job: TrackedJob
  readonly mail: ObservedMail
  /** How many were mailed to its address before. */
  readonly before: number
}

/** Jobs whose observations are kept. */
const most = 5000
/** Of the oldest so many, one that is done with goes first. */
const lookedThrough = 50

/** The jobs that are being observed, in memory; `onForget` is told of those that are no longer. */
export function createTrackedJobs({ onForget }: { onForget: (jobId: number) => void }) {
  const jobs = new Map<number, TrackedJob>()
  const byMessage = new Map<string, { readonly job: TrackedJob; readonly message: ObservedMessage }>()
  const byHandle = new Map<string, { readonly job: TrackedJob; readonly message: ObservedMessage }>()

  const byMail = new Map<string, AcceptedMail>()
  const mailKey = (messageId: string, address: string) => `${messageId} ${address}`

  const forget = (job: TrackedJob) => {
    for (const { accepted, address } of job.mails) {
      if (accepted !== undefined) byMail.delete(mailKey(accepted, address))
    }
    jobs.delete(job.row.id)
    onForget(job.row.id)
    for (const message of job.messages.values()) {
      byMessage.delete(message.messageId)
      for (const { receiptHandle } of message.receives) byHandle.delete(receiptHandle)
    }
  }

  const isDone = ({ messages }: TrackedJob) => [...messages.values()].every(({ deletions }) => deletions.length > 0)

  const makeRoom = () => {
    const oldest = [...jobs.values()].slice(0, lookedThrough)
    const first = oldest.find(isDone) ?? oldest[0]
    if (first !== undefined) forget(first)
  }

  const isInFlight = (message: ObservedMessage, now: number) => {
    const last = message.receives.at(-1)
    if (last === undefined) return false
    const deleted = message.deletions.at(-1)
    // What belongs to a deletion may be a little later than it.
    return deleted === undefined || deleted.judgedFrom > now
  }

  return {
    ofMessage: (messageId: string) => byMessage.get(messageId),
    ofHandle: (receiptHandle: string) => byHandle.get(receiptHandle),
    ofRow: (jobId: number): TrackedJob | undefined => jobs.get(jobId),
    /** The newest job of this id. */
    ofId: (id: string): TrackedJob | undefined => [...jobs.values()].findLast(({ row }) => row.job === id),
    isTracked: (job: TrackedJob) => jobs.get(job.row.id) === job,

    add(
      row: JobRow,
      decoded: JobFields & Pick<Job, 'recipients'>,
      messageId: string,
    ): { job: TrackedJob; message: ObservedMessage } {
      const { subject = '', html = '', templateData } = decoded
      let job = jobs.get(row.id)
      if (job === undefined) {
        job = {
          row,
          dialect: decoded.dialect,
          action: decoded.action,
          callbackUrl: decoded.callbackUrl,
          common: `${subject}\n${html}\n${JSON.stringify(templateData)}`,
          recipients: new Map(),
          keysAt: new Map(),
          messages: new Map(),
          mails: [],
          mailsTo: new Map(),
          bodies: new Map(),
          firstReader: new Map(),
          callbacks: [],
          strays: [],
          invocations: [],
          incomplete: false,
        }
        jobs.set(row.id, job)
        if (jobs.size > most) makeRoom()
      }
      for (const recipient of decoded.recipients) {
        if (job.recipients.has(recipient.key)) continue
        job.recipients.set(recipient.key, recipient)
        const address = addressOf(recipient.email)
        const keys = job.keysAt.get(address)
        if (keys === undefined) job.keysAt.set(address, [recipient.key])
        else keys.push(recipient.key)
      }
      const message: ObservedMessage = {
        messageId,
        recipients: decoded.recipients.map(({ key }) => key),
        receives: [],
        deletions: [],
      }
      job.messages.set(messageId, message)
      const entry = { job, message }
      byMessage.set(messageId, entry)
      return entry
    },

    received(entry: { job: TrackedJob; message: ObservedMessage }, receive: ObservedMessage['receives'][number]): void {
      entry.message.receives.push(receive)
      byHandle.set(receive.receiptHandle, entry)
    },

    /** A mail of a job's; gives how many to its address came before. */
    mailed(job: TrackedJob, mail: ObservedMail): number {
      const before = job.mailsTo.get(mail.address) ?? 0
      job.mailsTo.set(mail.address, before + 1)
      job.mails.push(mail)
      if (mail.accepted !== undefined) byMail.set(mailKey(mail.accepted, mail.address), { job, mail, before })
      return before
    },
    /** The mail of this Message-ID and address, where a provider took it. */
    ofAccepted: (messageId: string, address: string) => byMail.get(mailKey(messageId, address)),

    /** Jobs with a message that somebody works on now. */
    inFlight: (now: number): TrackedJob[] =>
      [...jobs.values()].filter((job) => [...job.messages.values()].some((message) => isInFlight(message, now))),

    /** Whose mail this is: by its tag, else a job at work that has this address and has mailed it the least. */
    ofMail(address: string, tags: readonly string[], tagOf: (job: string) => string, now: number) {
      const having = [...jobs.values()].filter(({ keysAt }) => keysAt.has(address))
      const tagged = having.findLast(({ row }) => tags.includes(tagOf(row.job)))
      if (tagged !== undefined) return tagged
      const keysOf = ({ keysAt }: TrackedJob) => keysAt.get(address) ?? []
      return having
        .filter((job) =>
          [...job.messages.values()].some(
            (message) => isInFlight(message, now) && message.recipients.some((key) => keysOf(job).includes(key)),
          ),
        )
        .toSorted((a, b) => (a.mailsTo.get(address) ?? 0) - (b.mailsTo.get(address) ?? 0))[0]
    },

    forgetAll(tenant?: number): void {
      for (const job of [...jobs.values()]) if (tenant === undefined || job.row.tenant === tenant) forget(job)
    },
  }
}

export type TrackedJobs = ReturnType<typeof createTrackedJobs>
