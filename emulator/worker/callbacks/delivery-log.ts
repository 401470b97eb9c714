import type { Dialect } from '../../../contracts/job.ts'
import { shownUrl } from '../../../contracts/shown-url.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import type { Store } from '../../kernel/store.ts'
import type { CallbackTarget } from './addressing.ts'
import { encodeAt } from './attempt.ts'
import type { AttemptRow, CallbackRow, StoredState } from './tables.ts'

export type CallbackState = StoredState | 'delivering'

/** Codes of the EmulatorErrors that the outbox throws. */
export type CallbackErrorCode = 'callback-not-found' | 'callback-ambiguous' | 'callback-parked'

/** A callback as it may be shown: no secret, no token, no recipient. Times are epoch milliseconds. */
export interface CallbackView {
  readonly id: string
  readonly tenant: number
  readonly job: string
  readonly dialect: Dialect
  /** Null while no address is known. */
  readonly url: string | null
  readonly state: CallbackState
  /** Recipients that it tells about. */
  readonly updates: number
  readonly attempts: number
  /** When it is tried next; null where nothing is to come. */
  readonly dueAt: number | null
  /** Why it is parked, and the line that frees it. */
  readonly reason: string | null
  /** What the last attempt came to, in words. */
  readonly words: string | null
  readonly lastStatus: number | null
  readonly createdAt: number
  readonly settledAt: number | null
}

export interface AttemptView {
  readonly attempt: number
  readonly at: number
  readonly url: string
  /** Null where no whole answer came. */
  readonly status: number | null
  readonly words: string
  readonly milliseconds: number
  /** The answer's first 2 KB. */
  readonly response: string | null
  /** Length of the body that was sent. */
  readonly bytes: number
  /** Whether what was sent verifies with the secret of today; null where the dialect has no signature. */
  readonly signatureVerifies: boolean | null
}

export interface CallbackDetail extends CallbackView {
  /** The body as it was sent last (or would be sent now), with a token's value hidden. */
  readonly body: string
  readonly log: readonly AttemptView[]
}

export interface CallbackQuery {
  readonly tenant?: number | undefined
  readonly job?: string | undefined
  readonly state?: CallbackState | undefined
  readonly limit: number
  /** The last id of the page before. */
  readonly after?: string | undefined
}

/** Callbacks of one job by state; `refused` counts those of any state but delivered whose last answer was 3xx or 4xx. */
export interface CallbackSummary {
  readonly waiting: number
  readonly delivered: number
  readonly refused: number
  readonly dead: number
  readonly parked: number
}

export interface DeliveryLog {
  /** The newest first. */
  list(query: CallbackQuery): CallbackView[]
  get(id: string): CallbackDetail
  summary(tenant: number, job: string): CallbackSummary
  /** By id or a beginning of it that only one has. */
  find(id: string): CallbackRow
  view(row: CallbackRow): CallbackView
}

export function createDeliveryLog({
  store,
  now,
  targetOf,
  delivering,
}: {
  store: Store
  now: () => number
  targetOf: (tenant: number) => CallbackTarget
  delivering: ReadonlySet<number>
}): DeliveryLog {
  const find: DeliveryLog['find'] = (id) => {
    const wanted = id.toLowerCase()
    // '~' sorts after every character of an id.
    const [row, other] = store.all<CallbackRow>(
      'SELECT * FROM callbacks WHERE id >= ? AND id < ? ORDER BY id LIMIT 2',
      wanted,
      `${wanted}~`,
    )
    if (row === undefined || wanted === '') {
      throw new EmulatorError<CallbackErrorCode>(
        'callback-not-found',
        `no callback ${id}: see \`offload callbacks list\``,
        { id },
      )
    }
    if (other !== undefined && row.id !== wanted) {
      const message = `several callbacks begin with ${id}: write more of the id`
      throw new EmulatorError<CallbackErrorCode>('callback-ambiguous', message, { id })
    }
    return row
  }

  const urlOf = (row: CallbackRow) => row.url ?? targetOf(row.tenant).url ?? null

  const view: DeliveryLog['view'] = (row) => {
    const url = urlOf(row)
    return {
      id: row.id,
      tenant: row.tenant,
      job: row.job,
      dialect: row.dialect,
      url: url === null ? null : shownUrl(url),
      state: row.state === 'waiting' && delivering.has(row.seq) ? 'delivering' : row.state,
      updates: row.updates,
      attempts: row.attempts,
      dueAt: row.state === 'waiting' ? row.due_at : null,
      reason: row.state === 'parked' ? row.reason : null,
      words: row.words,
      lastStatus: row.last_status,
      createdAt: row.created_at,
      settledAt: row.settled_at,
    }
  }

  const attemptView = (row: CallbackRow, attempt: AttemptRow): AttemptView => {
    const { signature, ...rest } = attempt
    const verifies = () => encodeAt(row, targetOf(row.tenant), attempt.at).headers['x-signature'] === signature
    return { ...rest, url: shownUrl(attempt.url), signatureVerifies: signature === null ? null : verifies() }
  }

  return {
    find,
    view,
    list({ tenant, job, state, limit, after }) {
      const where: string[] = []
      const values: (string | number)[] = []
      const filter = (condition: string, ...value: (string | number)[]) => {
        where.push(condition)
        values.push(...value)
      }
      if (tenant !== undefined) filter('tenant = ?', tenant)
      if (job !== undefined) filter('job = ?', job)
      if (after !== undefined) filter('seq < ?', find(after).seq)
      if (state !== undefined) filter('state = ?', state === 'delivering' ? 'waiting' : state)
      if (state === 'delivering' || state === 'waiting') {
        filter(
          `seq ${state === 'waiting' ? 'NOT ' : ''}IN (SELECT value FROM json_each(?))`,
          JSON.stringify([...delivering]),
        )
      }
      const condition = where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`
      return store
        .all<CallbackRow>(`SELECT * FROM callbacks ${condition} ORDER BY seq DESC LIMIT ?`, ...values, limit)
        .map(view)
    },
    get(id) {
      const row = find(id)
      const attempts = store.all<AttemptRow>(
        `SELECT attempt, at, url, status, words, milliseconds, response, bytes, signature
         FROM callback_attempts WHERE callback = ? ORDER BY attempt`,
        row.seq,
      )
      const { secret } = targetOf(row.tenant)
      return {
        ...view(row),
        body: encodeAt(row, { secret, token: '***' }, attempts.at(-1)?.at ?? now()).body,
        log: attempts.map((attempt) => attemptView(row, attempt)),
      }
    },
    summary(tenant, job) {
      const totals = { waiting: 0, delivered: 0, refused: 0, dead: 0, parked: 0 }
      const rows = store.all<{ state: StoredState; callbacks: number; refused: number }>(
        `SELECT state, count(*) AS callbacks, count(*) FILTER (WHERE last_status BETWEEN 300 AND 499) AS refused
         FROM callbacks WHERE tenant = ? AND job = ? GROUP BY state`,
        tenant,
        job,
      )
      for (const { state, callbacks, refused } of rows) {
        totals[state] = callbacks
        if (state !== 'delivered') totals.refused += refused
      }
      return totals
    },
  }
}
