export type Dialect = 'spec' | 'detailed' | 'flow' | 'plugin'

/** How recipients are put into messages: many messages of one job, one of all, or a job for each. */
export type Shape = 'batches' | 'one-message' | 'one-recipient-jobs'

/** What makes a run's ids and addresses. */
export interface Run {
  readonly run: number
  readonly dialect: Dialect
  readonly shape: Shape
  /** With `{n}` and `{run}`. */
  readonly address: string
}

/** No Moodle holds an integer id from here on; a UUID that begins with a letter is 0 to PHP. */
const firstId = 2_000_000_000
const digits = (value: number, width: number) => String(value).padStart(width, '0')

/** The job that a recipient belongs to, by their ordinal from 0. */
export function jobIdOf({ run, dialect, shape }: Run, ordinal: number): string | number {
  const job = shape === 'one-recipient-jobs' ? ordinal : 0
  if (dialect === 'spec' || dialect === 'detailed') {
    const hex = run.toString(16).padStart(8, '0')
    return `f0ad${hex.slice(0, 4)}-${hex.slice(4)}-4000-8000-${digits(job, 12)}`
  }
  // Stays a whole number for any language: below 2 to the 53rd.
  return firstId + (run % 800_000) * 10_000_000_000 + job
}

export const useridOf = (ordinal: number): number => firstId + ordinal

export const addressOf = ({ run, address }: Pick<Run, 'run' | 'address'>, ordinal: number): string =>
  address.replaceAll('{run}', String(run)).replaceAll('{n}', digits(ordinal, 7))

/** The ordinal in one of our addresses or userids; undefined for what is not ours. */
export function ordinalOf(
  { run, address }: Pick<Run, 'run' | 'address'>,
  { userid, email }: { readonly userid?: number | string; readonly email?: string },
): number | undefined {
  if (userid !== undefined) {
    const ordinal = Number(userid) - firstId
    if (Number.isSafeInteger(ordinal) && ordinal >= 0) return ordinal
  }
  if (email === undefined) return undefined
  const [before = '', after = ''] = address.replaceAll('{run}', String(run)).split('{n}')
  const middle = email.slice(before.length, email.length - after.length)
  return email.startsWith(before) && email.endsWith(after) && /^\d{7,}$/.test(middle) ? Number(middle) : undefined
}
