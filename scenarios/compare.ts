import type { Observed, ObservedJob } from './observe.ts'
import type { Surprise } from './perform.ts'
import type { ReadScenario } from './read-scenario.ts'
import type { Count, ExpectedJob, Time } from './schema.ts'

export type KnownJob = Partial<Omit<ObservedJob, 'callbacks'>> & {
  readonly callbacks?: Partial<ObservedJob['callbacks']>
}

/** What may be known of a run: from outside, less than from inside. */
export type Known = Pick<Observed, 'ended' | 'took' | 'laws'> &
  Partial<Omit<Observed, 'jobs'>> & { readonly jobs: ReadonlyMap<string, KnownJob> }

/**
 * What is not as it was expected, in the order of the file; the laws of the whole system come last. With `unseen` it was
 * looked at from outside: what cannot be seen there is told to it, and is no surprise.
 */
export function compare(
  { expect }: Pick<ReadScenario, 'expect'>,
  observed: Known,
  tolerance: readonly [number, number],
  unseen?: (path: readonly PropertyKey[]) => void,
): Surprise[] {
  const found: Surprise[] = []
  const surprise = (path: readonly PropertyKey[], expected: string, got: string) => found.push({ path, expected, got })
  const isUnseen = (path: readonly PropertyKey[], got: unknown) => {
    if (unseen === undefined || got !== undefined) return false
    unseen(path)
    return true
  }
  const counted = (path: readonly PropertyKey[], expected: Count | undefined, got: number | undefined) => {
    if (expected === undefined || isUnseen(path, got)) return
    if (got !== undefined && isCount(expected, got)) return
    surprise(path, countInWords(expected), got === undefined ? 'nothing to count' : String(got))
  }
  const timed = (path: readonly PropertyKey[], expected: Time | undefined, got: number | undefined) => {
    if (expected === undefined || isUnseen(path, got) || got === undefined || isTime(expected, got, tolerance)) return
    surprise(path, timeInWords(expected), spanned(got))
  }
  const same = (path: readonly PropertyKey[], expected: string | undefined, got: string | undefined) => {
    if (expected === undefined || isUnseen(path, got)) return
    if (expected !== got) surprise(path, expected, got ?? 'nothing of it is known')
  }

  if (expect.ends !== observed.ended) {
    surprise(
      ['expect', 'ends'],
      expect.ends ? 'an end' : 'no end',
      observed.ended ? 'an end' : 'something is still under way',
    )
  }
  for (const [name, job] of Object.entries(expect.jobs)) {
    const got = observed.jobs.get(name)
    const at = ['expect', 'jobs', name]
    if (got === undefined) {
      surprise(at, 'this job', 'it was never submitted')
      continue
    }
    same([...at, 'status'], job.status, got.status)
    same([...at, 'statuses'], job.statuses?.join(', '), got.statuses?.join(', '))
    same([...at, 'moodle'], job.moodle, got.moodle)
    for (const field of counts) counted([...at, field], job[field], got[field])
    for (const state of ['delivered', 'dead', 'parked'] as const) {
      counted([...at, 'callbacks', state], job.callbacks?.[state], got.callbacks?.[state])
    }
    timed([...at, 'took'], job.took, got.took)
    for (const field of ['attempts_at', 'callbacks_at', 'errors'] as const) {
      if (job[field] !== undefined) isUnseen([...at, field], got[field])
    }
    if (got.attempts_at === undefined || got.callbacks_at === undefined || got.errors === undefined) continue
    const { errors } = got
    const attempts = differentTimes(job.attempts_at, got.attempts_at, tolerance)
    if (attempts !== undefined) surprise([...at, 'attempts_at'], ...attempts)
    compareCallbacks(job, got.callbacks_at, tolerance, (...what) => surprise([...at, 'callbacks_at'], ...what))
    job.errors?.forEach((part, index) => {
      if (errors.some((text) => text.includes(part))) return
      const said = errors.slice(0, 3).join('; ')
      surprise([...at, 'errors', index], `"${part}"`, said === '' ? 'no error at all' : said)
    })
  }
  counted(['expect', 'mails'], expect.mails, observed.mails)
  counted(['expect', 'dead_letters'], expect.dead_letters, observed.dead_letters)
  for (const which of ['raised', 'standing'] as const) {
    const wanted = expect.alarms[which]?.toSorted()
    const got = observed.alarms?.[which]
    if (wanted !== undefined) same(['expect', 'alarms', which], listed(wanted), got && listed(got))
  }
  for (const [type, expected] of Object.entries(expect.events)) {
    counted(['expect', 'events', type], expected, observed.events && (observed.events[type] ?? 0))
  }
  timed(['expect', 'took'], expect.took, observed.took)
  for (const { id, law, verdict, broken, violations } of observed.laws) {
    if (verdict !== 'fail') continue
    const more = broken > 1 ? ` (and ${broken - 1} more)` : ''
    surprise(['laws', id], law, `${violations[0]?.text ?? 'it is broken'}${more}`)
  }
  return found
}

const counts = [
  'jobs',
  'recipients',
  'sent',
  'failed',
  'permanently_failed',
  'duplicates',
  'skipped',
  'accepted',
  'refused',
  'local',
  'certificates',
  'mails',
  'ambiguous',
] as const

const listed = (names: readonly string[]) => (names.length === 0 ? 'none' : names.join(', '))

function isCount(expected: Count, got: number): boolean {
  if (typeof expected === 'number') return got === expected
  return got >= (expected.at_least ?? 0) && got <= (expected.at_most ?? Infinity)
}

function isTime(expected: Time, got: number, [early, late]: readonly [number, number]): boolean {
  if (typeof expected === 'number') return got >= expected - early && got <= expected + late
  return got >= (expected.at_least ?? 0) && got <= (expected.at_most ?? Infinity)
}

const bounds = (least: string | undefined, most: string | undefined) =>
  [least === undefined ? '' : `at least ${least}`, most === undefined ? '' : `at most ${most}`]
    .filter(Boolean)
    .join(', ')

const countInWords = (expected: Count) =>
  typeof expected === 'number'
    ? String(expected)
    : bounds(expected.at_least?.toString(), expected.at_most?.toString()) || 'any number'

function timeInWords(expected: Time): string {
  if (typeof expected === 'number') return spanned(expected)
  const words = (ms: number | undefined) => (ms === undefined ? undefined : spanned(ms))
  return bounds(words(expected.at_least), words(expected.at_most)) || 'any time'
}

/** `2 min 35 s`, `59 min 31 s`, `4.5 s`. */
export function spanned(ms: number): string {
  if (ms < 60_000) return `${Math.round(ms / 100) / 10} s`
  const seconds = Math.round(ms / 1000)
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  return [hours > 0 && `${hours} h`, minutes > 0 && `${minutes} min`, rest > 0 && `${rest} s`].filter(Boolean).join(' ')
}

function differentTimes(
  expected: readonly number[] | undefined,
  got: readonly number[],
  tolerance: readonly [number, number],
): [string, string] | undefined {
  if (expected === undefined) return undefined
  const fits =
    expected.length === got.length && expected.every((at, nth) => isTime(at, got[nth] ?? -Infinity, tolerance))
  return fits ? undefined : [timesInWords(expected), timesInWords(got)]
}

const timesInWords = (times: readonly number[]) => {
  const shown = times.slice(0, 12).map(spanned).join(', ')
  return times.length === 0 ? 'none' : times.length > 12 ? `${shown}, … (${times.length})` : shown
}

function compareCallbacks(
  { callbacks_at: expected }: ExpectedJob,
  got: ObservedJob['callbacks_at'],
  tolerance: readonly [number, number],
  surprise: (expected: string, got: string) => void,
): void {
  if (expected === undefined) return
  const fits =
    expected.length === got.length &&
    expected.every(({ after, status }, nth) => {
      const attempt = got[nth]
      return (
        attempt !== undefined &&
        isTime(after, attempt.after, tolerance) &&
        (status === undefined || status === attempt.status)
      )
    })
  if (fits) return
  const words = (list: readonly { after: number; status?: number | null | undefined }[]) =>
    list
      .slice(0, 12)
      .map(({ after, status }) => `${spanned(after)}${status === undefined ? '' : ` ${status ?? 'no answer'}`}`)
      .join(', ') || 'none'
  surprise(words(expected), words(got))
}
