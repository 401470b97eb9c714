import { accountOf, findings, type Account } from './account.ts'
import { anyOrder, everyEndIsTold, repeatedIsOnce, signedAnew, tenantsApart } from './callbacks.ts'
import { certificateFirst, nothingAfterBounce, nothingUnasked, oneMail, withinRate } from './effects.ts'
import { idempotent, neverPartly, nothingLost, oneOutcome, refusedChangesNothing } from './jobs.ts'
import { onSchedule } from './schedule.ts'
import { countersAddUp, neverDown } from './states.ts'
import type { Findings, JournalLine, RunView, Violation } from './view.ts'

export type * from './view.ts'

export interface Invariant {
  readonly id: number
  readonly law: string
  readonly check: (account: Account) => Findings
}

/** The laws of the whole system, each over one run; the nineteenth compares two (`sameRun`). */
export const invariants: readonly Invariant[] = [
  { id: 1, law: 'each recipient of an accepted job has exactly one outcome, and the totals add up', check: oneOutcome },
  { id: 2, law: 'no acknowledged job is lost', check: nothingLost },
  { id: 3, law: 'an unacknowledged submission is there once or not at all, never in part', check: neverPartly },
  { id: 4, law: 'same key and body, same job; same key and another body, refused and no job', check: idempotent },
  { id: 5, law: 'no mail, certificate or callback for whom nobody submitted', check: nothingUnasked },
  { id: 6, law: 'one mail for a recipient, and one more for each send that ended unknown', check: oneMail },
  { id: 7, law: 'the certificate is there before its mail, and the same over all retries', check: certificateFirst },
  { id: 8, law: 'every end is told by a callback that is delivered, dead or parked', check: everyEndIsTold },
  { id: 9, law: 'a callback that comes several times changes something once', check: repeatedIsOnce },
  { id: 10, law: 'the receiver stands as its callbacks say together, in any order', check: anyOrder },
  { id: 11, law: 'no status moves down; after sent comes only a bounce', check: neverDown },
  { id: 12, law: 'counters are the sum over the recipients, and never become less', check: countersAddUp },
  { id: 13, law: 'each attempt is stamped and signed anew, over the bytes that are sent', check: signedAnew },
  { id: 14, law: 'attempts keep the schedule and Retry-After; none after a 2xx or 410', check: onSchedule },
  { id: 15, law: 'what was refused has changed nothing', check: refusedChangesNothing },
  { id: 16, law: 'the send rate never exceeds the quota', check: withinRate },
  { id: 17, law: 'after a hard bounce no further mail goes to the address', check: nothingAfterBounce },
  { id: 18, law: "one tenant's callback never changes another's job", check: tenantsApart },
]

/** `unobserved`: nothing happened that the law is about. */
export interface Verdict {
  readonly id: number
  readonly law: string
  readonly verdict: 'pass' | 'fail' | 'unobserved'
  /** How many cases the law was held against. */
  readonly checked: number
  /** How many do not hold; `violations` are the first of them. */
  readonly broken: number
  readonly violations: readonly Violation[]
}

const shown = 20

const verdictOf = ({ id, law }: Pick<Invariant, 'id' | 'law'>, { checked, violations }: Findings): Verdict => ({
  id,
  law,
  verdict: violations.length > 0 ? 'fail' : checked > 0 ? 'pass' : 'unobserved',
  checked,
  broken: violations.length,
  violations: violations.slice(0, shown),
})

/** Holds every law against one run. */
export function checkInvariants(view: RunView): Verdict[] {
  const account = accountOf(view)
  return invariants.map((invariant) => verdictOf(invariant, invariant.check(account)))
}

/** 19. The same seed gives the same journal, byte for byte. */
export function sameRun(one: readonly JournalLine[], other: readonly JournalLine[]): Verdict {
  const { hold, result } = findings()
  const at = one.findIndex((line, index) => JSON.stringify(line) !== JSON.stringify(other[index]))
  const first = at === -1 && other.length > one.length ? one.length : at
  const text = () =>
    `entry ${first + 1} differs: ${JSON.stringify(one[first]) ?? 'none'} and ${JSON.stringify(other[first]) ?? 'none'}`
  hold(first === -1, text, [one[first]?.id, other[first]?.id])
  return verdictOf({ id: 19, law: 'the same seed gives the same journal' }, result())
}
