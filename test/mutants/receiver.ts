import { createHash } from 'node:crypto'
import type { JobRow, TargetJob, WireAnswer, WireRequest } from '../../contracts/checks/receiver/index.ts'
import { decodeCallback } from '../../contracts/dialects/index.ts'
import { scanJson } from '../../contracts/dialects/scan.ts'
import type { Dialect } from '../../contracts/job.ts'
import { sign } from '../../contracts/signature.ts'
import { submissionOf } from '../../emulator/check/stand-in.ts'
import type { ReceiverTarget } from '../../emulator/check/target.ts'

export const secret = 'shared-secret'
export const previousSecret = 'the-secret-before'
export const token = 'company-token'
const now = Date.UTC(2026, 0, 1, 21, 20)

export interface Row {
  userid: number
  email: string
  status: string
  error: string | null
}
export interface Job {
  id: string | number
  /** The number of its row in the table. */
  row: number
  status: string
  completed: number
  failed: number
  timeCompleted: number | null
  error: string | null
  rows: Row[]
}
export interface Update {
  readonly userid?: unknown
  readonly email?: unknown
  readonly status: string
  readonly error?: string | undefined
}
/** A callback of any dialect, read without judging it. */
export interface Told {
  readonly jobId: unknown
  readonly status?: unknown
  readonly sent?: unknown
  readonly failed?: unknown
  readonly updates: readonly Update[]
  readonly errors: readonly string[]
}
type Fields = Record<string, unknown>
export interface Refusal {
  readonly status: number
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}
/** The header `x-signature` as PHP gives it: several are joined. */
export type Given = string | undefined

/** What a receiver does, part by part; a mutant does one of them wrong. */
export interface Parts {
  /** Something that it does before everything else. */
  before(request: WireRequest): Refusal | undefined
  method(method: string): boolean
  signature(given: Given, body: Buffer, payload: () => unknown): boolean
  token(given: unknown, body: Buffer, signature: Given): boolean
  /** Throws where it is no JSON. */
  parse(body: Buffer): unknown
  /** Whether it ends where it has refused a signature. */
  ends(): boolean
  fresh(timestamp: unknown, seconds: number): boolean
  /** Why it is not valid. */
  validate(payload: Fields, dialect: Dialect): string | undefined
  job(id: unknown, jobs: readonly Job[]): Job | undefined
  row(job: Job, update: Update, nth: number, jobs: readonly Job[]): Row | undefined
  merge(row: Row, update: Update): void
  text(text: string): string
  /** Counters and status, after the rows. */
  count(job: Job, told: Told, changed: { completed: number; failed: number }): void
  /** Before anything is written, and after it was read. */
  pause(): Promise<void> | undefined
  answer(unknown: readonly unknown[]): Refusal
  submitted(job: Job): void
  refused(job: Job): void
  /** The id under which a submission is repeated. */
  again(id: string | number): string | number
}

const ranks = ['pending', 'completed', 'failed']

export const right: Parts = {
  before: () => undefined,
  method: (method) => method === 'POST',
  signature: (given, body) => given === sign(secret, body),
  token: (given) => given === token,
  parse(body) {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
    if (text.startsWith('\ufeff') || scanJson(text) !== undefined) throw new Error('malformed')
    const payload: unknown = JSON.parse(text)
    if (/(?<!\\)\\ud[89a-f]/i.test(JSON.stringify(payload))) throw new Error('half a pair')
    return payload
  },
  ends: () => true,
  fresh: (timestamp, seconds) => Number.isInteger(timestamp) && Math.abs(seconds - Number(timestamp)) <= 300,
  validate(payload, dialect) {
    const decoded = decodeCallback(payload, dialect)
    return decoded.ok ? undefined : decoded.issues[0]?.reason
  },
  job: (id, jobs) => jobs.find((job) => job.id === id),
  row: (job, { userid, email }, nth) =>
    userid === undefined
      ? job.rows.filter((row) => row.email === email)[nth]
      : job.rows.find((row) => JSON.stringify(row.userid) === JSON.stringify(userid)),
  merge(row, update) {
    if (ranks.indexOf(update.status) <= ranks.indexOf(row.status)) return
    row.status = update.status
    row.error = update.status === 'failed' ? (update.error ?? null) : null
  },
  text: (text) => text,
  count(job) {
    const of = (status: string) => job.rows.filter((row) => row.status === status).length
    job.completed = of('completed')
    job.failed = of('failed')
    const open = job.rows.length - job.completed - job.failed
    job.status = open > 0 ? 'processing' : job.completed === 0 ? 'failed' : 'completed'
    job.timeCompleted = open > 0 ? null : (job.timeCompleted ?? now / 1000)
  },
  pause: () => undefined,
  answer: (unknown) => ({ status: 200, body: JSON.stringify({ status: 'ok', unknown }) }),
  submitted(job) {
    if (job.status === 'pending') job.status = 'queued'
  },
  refused(job) {
    job.status = 'failed'
    job.error = 'the cloud answered 400'
  },
  again: (id) => id,
}

/** A receiver in memory, with its tables in sight and a clock that is ours. */
export function createReceiver(dialect: Dialect, mutation: Partial<Parts> = {}): ReceiverTarget {
  const parts = { ...right, ...mutation }
  const jobs: Job[] = []
  let first = 1001

  const addJob = (sharing = false): Job => {
    const { recipients } = submissionOf(dialect, first, sharing)
    first += 3
    const row = jobs.length + 1
    const uuid = `aaaaaaaa-0000-4000-8000-${String(row).padStart(12, '0')}`
    const id = dialect === 'spec' || dialect === 'detailed' ? uuid : 2_100_000_000 + row
    const rows = recipients.map(({ userid, email }) => ({ userid, email, status: 'pending', error: null }))
    const job: Job = { id, row, status: 'pending', completed: 0, failed: 0, timeCompleted: null, error: null, rows }
    jobs.push(job)
    return job
  }
  const targetOf = ({ id, rows }: Job): TargetJob => ({
    id,
    tenant: 0,
    known: true,
    people: rows.map(({ userid, email }) => ({
      key: String(userid),
      email,
      ...(dialect === 'spec' || dialect === 'detailed' ? { userid } : {}),
    })),
  })

  const receive = async (request: WireRequest): Promise<Refusal> => {
    const early = parts.before(request)
    if (early !== undefined) return early
    if (!parts.method(request.method)) return { status: 405 }
    const body = Buffer.from(request.body)
    const given = request.headers.filter(([name]) => name === 'x-signature').map(([, value]) => value)
    const signature = given.length === 0 ? undefined : given.join(', ')
    let payload: unknown
    let malformed = false
    try {
      payload = parts.parse(body)
    } catch {
      malformed = true
    }
    if (dialect !== 'plugin' && !parts.signature(signature, body, () => payload)) {
      const fields = payload as Fields | undefined
      const job = parts.job(fields?.['job_id'], jobs)
      if (!parts.ends() && fields !== undefined && job !== undefined) await apply(job, tell(fields, dialect, job))
      return { status: 401 }
    }
    if (malformed || typeof payload !== 'object' || payload === null || Array.isArray(payload)) return { status: 400 }
    const fields = payload as Fields
    if (dialect === 'plugin' && !parts.token(fields['token'], body, signature)) return { status: 403 }
    if (dialect === 'spec' && !parts.fresh(fields['timestamp'], now / 1000)) return { status: 401 }
    const job = parts.job(fields['job_id'] ?? fields['job_uuid'], jobs)
    const told = tell(fields, dialect, job)
    // What was found fresh, or the token, is not looked at twice.
    const looked = dialect === 'spec' ? { timestamp: now / 1000 } : dialect === 'plugin' ? { token } : {}
    const invalid = parts.validate({ ...fields, ...looked }, dialect)
    if (invalid !== undefined) return { status: 400, body: invalid }
    if (job === undefined) return { status: 404 }
    if (Number(told.sent ?? 0) + Number(told.failed ?? 0) > job.rows.length && mutation.validate === undefined)
      return { status: 400 }
    return apply(job, told)
  }

  const apply = async (job: Job, told: Told): Promise<Refusal> => {
    const unknown: unknown[] = []
    const seen = new Map<unknown, number>()
    const plans: (() => void)[] = []
    const changed = { completed: 0, failed: 0 }
    for (const update of told.updates) {
      const nth = seen.get(update.email) ?? 0
      seen.set(update.email, nth + 1)
      const row = parts.row(job, update, nth, jobs)
      if (row === undefined) {
        unknown.push(update.userid ?? update.email)
        continue
      }
      if (row.status !== update.status && update.status === 'completed') changed.completed++
      if (row.status !== update.status && update.status === 'failed') changed.failed++
      const error = update.error === undefined ? undefined : parts.text(update.error)
      plans.push(() => parts.merge(row, { ...update, error }))
    }
    await parts.pause()
    for (const plan of plans) plan()
    parts.count(job, told, changed)
    return parts.answer(unknown)
  }

  const snapshotOf = ({ rows, status, completed, failed, timeCompleted, error }: Job): JobRow => ({
    status,
    completed,
    failed,
    timeCompleted,
    error,
    recipients: rows.map((row) => ({ ...row, userid: String(row.userid) })),
  })

  return {
    url: 'http://mutant.test/callback',
    dialect,
    secret,
    previousSecret,
    token,
    exactClock: true,
    clock: { now: () => now, monotonic: () => 0 },
    async send(request): Promise<WireAnswer> {
      const { status, body = '', headers = {} } = await receive(request)
      if (status === 0)
        return { status: null, headers, body, error: 'ECONNRESET: the connection closed', milliseconds: 1 }
      return { status, headers, body, milliseconds: 1 }
    },
    tables: {
      async snapshot(ids) {
        const digest = createHash('sha256').update(JSON.stringify(jobs)).digest('hex')
        const wanted = jobs.filter(({ id }) => ids.map(String).includes(String(id)))
        return {
          digest,
          jobs: Object.fromEntries(wanted.map((job) => [String(job.id), structuredClone(snapshotOf(job))])),
        }
      },
    },
    jobs: {
      kind: 'fresh',
      take: async (wanted) => targetOf(addJob(wanted?.sharing)),
      async submit(trouble, during) {
        const job = addJob()
        const ids = [String(job.id)]
        if (trouble === 'callback-first') await during(targetOf(job))
        if (trouble === 'answer-lost') ids.push(String(parts.again(job.id)))
        if (trouble === 'refused') parts.refused(job)
        else parts.submitted(job)
        return { job: targetOf(job), ids }
      },
    },
  }
}

/** The callback's words, taken as they come. */
function tell(fields: Fields, dialect: Dialect, job: Job | undefined): Told {
  const result = (dialect === 'detailed' ? (fields['result'] as Fields | undefined) : fields) ?? {}
  const [sentName, failedName] =
    dialect === 'detailed' ? ['processed_records', 'failed_records'] : ['emails_sent', 'emails_failed']
  const list = (value: unknown) => (Array.isArray(value) ? (value as Fields[]) : [])
  const rows = list(dialect === 'spec' ? fields['recipient_updates'] : result['recipients'])
  const words: Record<string, string> = { sent: 'completed', SENT: 'completed', FAILED: 'failed', PENDING: 'pending' }
  const updates = rows.map((row): Update => {
    const error = row['error_message'] ?? row['error']
    const status = String(row['status'])
    return {
      userid: row['userid'],
      email: row['email'],
      status: words[status] ?? status,
      ...(typeof error === 'string' ? { error } : {}),
    }
  })
  const errors = Array.isArray(fields['errors']) ? (fields['errors'] as string[]) : []
  const counts = { sent: result[sentName], failed: result[failedName] }
  const base = { jobId: fields['job_id'] ?? fields['job_uuid'], status: result['status'], ...counts, errors }
  if (dialect !== 'flow') return { ...base, updates }
  // Counts and the addresses that failed: where they tell of everybody, everybody else was sent.
  const everybody = job !== undefined && Number(counts.sent) + Number(counts.failed) === job.rows.length
  const people = everybody ? (job?.rows ?? []).map(({ email }) => email) : errors
  return {
    ...base,
    updates: people.map((email) => ({
      email,
      status: errors.includes(email) ? 'failed' : 'completed',
      ...(errors.includes(email) ? { error: email } : {}),
    })),
  }
}
