import type { MailCount } from './mail-count.ts'
import { percentilesOf, type Percentiles } from './percentiles.ts'
import type { Group } from './plan.ts'
import type { Tally } from './tally.ts'

/** The stages of a recipient's way, as seen from outside. */
export const stageNames = ['submit', 'mail', 'callback', 'total'] as const
export type StageName = (typeof stageNames)[number]

export const stageWords: Readonly<Record<StageName, string>> = {
  submit: 'a submission until its answer',
  mail: 'from the submission to the mail',
  callback: 'from the mail to its callback',
  total: 'from the submission to the callback',
}

/** What came of a group's recipients. Null: nobody saw it. Times are milliseconds. */
export interface GroupFigures {
  readonly name: string
  readonly recipients: number
  readonly messages: {
    readonly waiting: number
    readonly begun: number
    readonly accepted: number
    readonly refused: number
    readonly unknown: number
  }
  /** Recipients whose message was taken. */
  readonly accepted: number
  readonly sent: number
  readonly failed: number
  /** Accepted, and no callback told of their end. */
  readonly missing: number
  /** Of these, mailed all the same: the callback is what is missing. */
  readonly missingMailed: number | null
  /** Told after the budget was over. */
  readonly late: number | null
  readonly mails: number | null
  /** Mails beyond the first to a recipient, without those whose message nobody knows to have arrived once. */
  readonly duplicateMails: number | null
  /** Recipients with several mails, the first few. */
  readonly duplicated: readonly number[]
  /** Mails that may be there twice, since their message was sent twice after no answer came. */
  readonly ambiguousMails: number | null
  /** Told as sent, and no mail is there. */
  readonly unmailed: number | null
  /** Callbacks, updates or mails for recipients that nobody submitted. */
  readonly strangers: number
  readonly callbacks: number
  readonly callbacksRefused: number
  /** Updates that were told before. */
  readonly repeatedUpdates: number
  /** From the first submission to the last outcome; null where nothing came to its end. */
  readonly makespanMs: number | null
  readonly stages: Readonly<Partial<Record<StageName, Percentiles>>>
  readonly reasons: readonly (readonly [reason: string, count: number])[]
  readonly submitReasons: readonly (readonly [reason: string, count: number])[]
  readonly callbackReasons: readonly (readonly [reason: string, count: number])[]
  readonly otherPaths: readonly (readonly [path: string, count: number])[]
  readonly requests: number
}

const shown = 5
const most = (map: ReadonlyMap<string, number>): [string, number][] =>
  [...map].toSorted(([, a], [, b]) => b - a).slice(0, shown)

/** Sums a tally up. `excludedMs`: time in which the run stood still, and its target with it. */
export function figuresOf(
  group: Group,
  tally: Tally,
  mails: MailCount,
  {
    budgetMs,
    excludedMs = 0,
    mailTimes,
  }: { budgetMs: number; excludedMs?: number; mailTimes?: Float64Array | undefined },
): GroupFigures {
  const { totals } = tally
  const first = tally.firstSubmitAt()
  const last = tally.lastOutcomeAt()
  const missing = tally.missing()
  const named = tally.named()
  const deadline = first + budgetMs + excludedMs
  const seen = mails.observed ? countMails(group, tally, mails.perRecipient) : undefined

  const times: Record<StageName, number[]> = { submit: tally.submitMs, mail: [], callback: [], total: [] }
  let late = 0
  for (let ordinal = 0; named && ordinal < group.recipients; ordinal++) {
    const told = tally.toldAt[ordinal] ?? 0
    if (told === 0) continue
    if (told > deadline) late++
    const from = tally.submittedAt[ordinal] ?? 0
    if (from !== 0) times.total.push(told - from)
    const exact = mailTimes?.[ordinal] ?? 0
    // Callbacks tell whole seconds.
    const mailed = exact > 0 ? exact : (tally.mailedAt[ordinal] ?? 0)
    if (mailed === 0) continue
    if (from !== 0) times.mail.push(Math.max(0, mailed - from))
    times.callback.push(Math.max(0, told - mailed))
  }
  const stages: Partial<Record<StageName, Percentiles>> = {}
  for (const name of stageNames) {
    const found = percentilesOf(times[name])
    if (found !== undefined) stages[name] = found
  }

  return {
    name: group.name,
    recipients: group.recipients,
    messages: tally.countMessages(),
    accepted: totals.submittedRecipients,
    sent: totals.sent,
    failed: totals.failed,
    missing: missing.count,
    missingMailed:
      mails.observed && named
        ? missing.ordinals.filter((ordinal) => (mails.perRecipient[ordinal] ?? 0) > 0).length
        : null,
    late: named ? late : null,
    mails: mails.observed ? mails.mails : null,
    duplicateMails: seen?.duplicates ?? null,
    duplicated: seen?.duplicated ?? [],
    ambiguousMails: seen?.ambiguous ?? null,
    unmailed: named ? (seen?.unmailed ?? null) : null,
    strangers: totals.strangers + (mails.observed ? mails.strangers : 0),
    callbacks: totals.callbacks,
    callbacksRefused: totals.callbacksRefused,
    repeatedUpdates: totals.repeated,
    makespanMs: last === 0 ? null : Math.max(0, last - first - excludedMs),
    stages,
    reasons: most(tally.reasons),
    submitReasons: most(tally.submitReasons),
    callbackReasons: most(tally.callbackReasons),
    otherPaths: most(tally.paths),
    requests: totals.submitRequests,
  }
}

function countMails({ recipients }: Group, tally: Tally, perRecipient: Uint8Array) {
  const seen = { duplicates: 0, ambiguous: 0, unmailed: 0, duplicated: [] as number[] }
  for (let ordinal = 0; ordinal < recipients; ordinal++) {
    const mails = perRecipient[ordinal] ?? 0
    if (mails > 1 && tally.ambiguous(ordinal)) seen.ambiguous += mails - 1
    else if (mails > 1) {
      seen.duplicates += mails - 1
      if (seen.duplicated.length < shown) seen.duplicated.push(ordinal)
    }
    if (mails === 0 && tally.outcome[ordinal] === 1) seen.unmailed++
  }
  return seen
}
