import type { ReceivedCallback } from '../../emulator/deployment/callback-log.ts'
import { messageCount, rangeOf } from '../k6/bodies.ts'
import { jobIdOf, ordinalOf, type Run } from '../k6/people.ts'
import type { SubmitEvent } from '../k6/submit.ts'

/** What a run's recipients are, and how long they may take. */
export interface TallyOf extends Run {
  readonly recipients: number
  readonly batch: number
  readonly budgetMs: number
  /** Where callbacks were asked for: the path of the receiver. */
  readonly callbackPath: string
}

/** `unknown`: no answer came, so that nobody knows whether the message arrived. */
export type MessageState = 'waiting' | 'begun' | 'accepted' | 'refused' | 'unknown'

/** What arrived, as it is written down for a resumption: recipients by ordinal. */
export interface Told {
  readonly at: number
  readonly sent: readonly number[]
  /** Epoch seconds, beside `sent`; 0 where it was not told. */
  readonly times: readonly number[]
  readonly failed: readonly number[]
  /** Counts of a job that names nobody (`flow`). */
  readonly counts?: { readonly job: string; readonly sent: number; readonly failed: number }
  readonly reasons: Readonly<Record<string, number>>
  /** Why the callback was not taken. */
  readonly refused?: string
  readonly elsewhere?: string
  readonly strangers: number
  /** What was read of it: false where the bytes hold no callback. */
  readonly read: boolean
}

const states: readonly MessageState[] = ['waiting', 'begun', 'accepted', 'refused', 'unknown']
const sentOutcome = 1
const failedOutcome = 2

/** What is known of a run where its effects arrive: counts and times, by recipient. Times are epoch milliseconds. */
export function createTally(of: TallyOf) {
  const { recipients } = of
  const messages = messageCount(of)
  const state = new Uint8Array(messages)
  const tries = new Uint8Array(messages)
  const submittedAt = new Float64Array(recipients)
  const outcome = new Uint8Array(recipients)
  const toldAt = new Float64Array(recipients)
  const mailedAt = new Float64Array(recipients)
  const tellings = new Uint16Array(recipients)
  const submitMs: number[] = []
  const reasons = new Map<string, number>()
  const submitReasons = new Map<string, number>()
  const callbackReasons = new Map<string, number>()
  const paths = new Map<string, number>()
  const counted = new Map<string, { sent: number; failed: number }>()
  const totals = {
    sent: 0,
    failed: 0,
    submittedRecipients: 0,
    submitRequests: 0,
    callbacks: 0,
    callbacksRefused: 0,
    repeated: 0,
    strangers: 0,
    callbackBytes: 0,
  }
  let firstSubmitAt = 0
  let lastOutcomeAt = 0
  let lastSubmitAt = 0

  const jobs = new Map<string, number>()
  if (of.shape !== 'one-recipient-jobs') jobs.set(String(jobIdOf(of, 0)), 0)

  const bump = (map: Map<string, number>, key: string, by = 1) => map.set(key, (map.get(key) ?? 0) + by)

  const read = (callback: ReceivedCallback): Told => {
    const { at, authentic, message, problem, path } = callback
    const told = { at, sent: [] as number[], times: [] as number[], failed: [] as number[], reasons: {}, strangers: 0 }
    const elsewhere = path.split('?')[0] === of.callbackPath ? {} : { elsewhere: path.split('?')[0] ?? path }
    if (callback.method !== 'POST')
      return { ...told, read: false, refused: `${callback.method}, not POST`, ...elsewhere }
    if (message === undefined) return { ...told, read: false, refused: problem ?? 'it cannot be read', ...elsewhere }
    if (authentic?.ok === false) return { ...told, read: true, refused: authentic.reason, ...elsewhere }
    let strangers = isOurs(message.jobId) ? 0 : 1
    const why: Record<string, number> = {}
    if (strangers === 0) {
      for (const update of message.updates) {
        const ordinal = ordinalOf(of, update)
        if (ordinal === undefined || ordinal >= recipients) strangers++
        else if (update.status === 'completed') {
          told.sent.push(ordinal)
          told.times.push(update.timeSent ?? 0)
        } else if (update.status === 'failed') {
          told.failed.push(ordinal)
          const reason = kindOfReason(update.error ?? 'no reason given')
          why[reason] = (why[reason] ?? 0) + 1
        }
      }
    }
    const counts =
      message.updates.length === 0 && message.sent !== undefined && strangers === 0
        ? { counts: { job: String(message.jobId), sent: message.sent, failed: message.failed ?? 0 } }
        : {}
    return { ...told, ...counts, reasons: why, strangers, read: true, ...elsewhere }
  }

  const isOurs = (id: string | number): boolean => {
    if (of.shape !== 'one-recipient-jobs') return jobs.has(String(id))
    const first = jobIdOf(of, 0)
    if (typeof first === 'number') return Number(id) >= first && Number(id) < first + recipients
    return String(id).slice(0, 24) === first.slice(0, 24)
  }

  const end = (ordinal: number, what: number, at: number, mailed: number) => {
    tellings[ordinal] = Math.min(65_535, (tellings[ordinal] ?? 0) + 1)
    const before = outcome[ordinal]
    if (before === 0) {
      toldAt[ordinal] = at
      if (at > lastOutcomeAt) lastOutcomeAt = at
    } else totals.repeated++
    if (mailed > 0) mailedAt[ordinal] = mailed
    if (before === what) return
    // A failure after "sent" is a bounce that came later; nothing comes after a failure.
    if (before === failedOutcome) return
    if (before === sentOutcome) totals.sent--
    outcome[ordinal] = what
    if (what === sentOutcome) totals.sent++
    else totals.failed++
  }

  return {
    of,
    messages,
    totals,
    submitMs,
    reasons,
    submitReasons,
    callbackReasons,
    /** Paths that callbacks came to, where these were not the one that was asked for. */
    paths,
    isOurs,
    outcome,
    submittedAt,
    toldAt,
    mailedAt,
    tellings,
    read,

    /** k6 tells of a submission; the same event again changes nothing. */
    submission(event: SubmitEvent): void {
      const { index } = event
      if (index < 0 || index >= messages) return
      if (firstSubmitAt === 0 || event.at < firstSubmitAt) firstSubmitAt = event.at
      if (event.event === 'begin') {
        tries[index] = Math.min(255, (tries[index] ?? 0) + 1)
        if (state[index] === 0) state[index] = 1
        return
      }
      totals.submitRequests++
      if (event.at > lastSubmitAt) lastSubmitAt = event.at
      submitMs.push(event.ms)
      const accepted = event.status >= 200 && event.status < 300
      if (!accepted) bump(submitReasons, event.why ?? String(event.status))
      if (state[index] === 2) return
      state[index] = accepted ? 2 : event.status >= 400 && event.status < 500 ? 3 : 4
      if (!accepted) return
      const [from, to] = rangeOf(of, index)
      totals.submittedRecipients += to - from
      // The answer comes after the message was taken: what is counted from is when it was sent.
      for (let ordinal = from; ordinal < to; ordinal++) submittedAt[ordinal] = event.at - event.ms
    },

    told(told: Told): void {
      if (told.elsewhere !== undefined) bump(paths, told.elsewhere)
      if (told.refused !== undefined) {
        totals.callbacksRefused++
        bump(callbackReasons, told.refused)
        return
      }
      totals.callbacks++
      totals.strangers += told.strangers
      told.sent.forEach((ordinal, at) => end(ordinal, sentOutcome, told.at, (told.times[at] ?? 0) * 1000))
      for (const ordinal of told.failed) end(ordinal, failedOutcome, told.at, 0)
      for (const [reason, count] of Object.entries(told.reasons)) bump(reasons, reason, count)
      if (told.counts !== undefined) {
        const before = counted.get(told.counts.job) ?? { sent: 0, failed: 0 }
        const now = {
          sent: Math.max(before.sent, told.counts.sent),
          failed: Math.max(before.failed, told.counts.failed),
        }
        counted.set(told.counts.job, now)
        totals.sent += now.sent - before.sent
        totals.failed += now.failed - before.failed
        if (now.sent + now.failed > before.sent + before.failed) lastOutcomeAt = Math.max(lastOutcomeAt, told.at)
      }
    },

    done: (): number => totals.sent + totals.failed,
    firstSubmitAt: (): number => firstSubmitAt,
    lastSubmitAt: (): number => lastSubmitAt,
    lastOutcomeAt: (): number => lastOutcomeAt,
    stateOf: (index: number): MessageState => states[state[index] ?? 0] ?? 'waiting',
    countMessages(): Record<MessageState, number> {
      const counts = { waiting: 0, begun: 0, accepted: 0, refused: 0, unknown: 0 }
      for (let index = 0; index < messages; index++) counts[states[state[index] ?? 0] ?? 'waiting']++
      return counts
    },
    /** Whether a recipient's message may have been taken more than once. */
    ambiguous: (ordinal: number): boolean => (tries[Math.floor(ordinal / of.batch)] ?? 0) > 1,
    /** Messages that have still to be sent: those without an answer, unless a callback has shown that they arrived. */
    remaining(): number[] {
      const open: number[] = []
      for (let index = 0; index < messages; index++) {
        if (state[index] === 2 || state[index] === 3) continue
        const [from, to] = rangeOf(of, index)
        if (!outcome.subarray(from, to).some((each) => each !== 0)) open.push(index)
      }
      return open
    },
    /** Accepted recipients of whose end nobody was told; where nobody is named, only how many. */
    missing(): { count: number; ordinals: number[] } {
      const named = counted.size === 0
      const ordinals: number[] = []
      if (named) {
        for (let ordinal = 0; ordinal < recipients; ordinal++) {
          if (submittedAt[ordinal] !== 0 && outcome[ordinal] === 0) ordinals.push(ordinal)
        }
      }
      return {
        ordinals,
        count: named ? ordinals.length : Math.max(0, totals.submittedRecipients - totals.sent - totals.failed),
      }
    },
    /** Whether callbacks name recipients. */
    named: (): boolean => counted.size === 0,
  }
}

export type Tally = ReturnType<typeof createTally>

/** Errors that differ in an address or a number alone are of one kind. */
function kindOfReason(text: string): string {
  return text
    .replace(/\S+@\S+/g, '…')
    .replace(/\d+/g, '#')
    .slice(0, 160)
}
