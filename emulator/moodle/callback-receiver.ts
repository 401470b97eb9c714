import { createHash, timingSafeEqual } from 'node:crypto'
import type { CallbackMessage } from '../../contracts/callback.ts'
import { decodeCallback } from '../../contracts/dialects/index.ts'
import { scanJson } from '../../contracts/dialects/scan.ts'
import type { CallbackVerdict } from '../../contracts/events.ts'
import type { Dialect, Issue, JsonObject } from '../../contracts/job.ts'
import { verify } from '../../contracts/signature.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Ids } from '../kernel/ids.ts'
import type { Journal } from '../kernel/journal.ts'
import type { Store } from '../kernel/store.ts'
import type { JobProgress } from './job-progress.ts'
import type { RecipientUpdates } from './recipient-updates.ts'
import { callbackPaths } from './submission.ts'
import type { MoodleJob } from './tables.ts'

export interface IncomingCallback {
  /** One of `callbackPaths`. */
  readonly path: string
  /** Names in lower case, as Node gives them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** The body byte for byte; what the signature covers. */
  readonly rawBody: Uint8Array
}

export interface CallbackAnswer {
  readonly status: number
  readonly body: JsonObject
}

export interface CallbackReceiver {
  /** Verifies, reads and applies a callback; every refusal is a 4xx and changes nothing. */
  receive(callback: IncomingCallback): Promise<CallbackAnswer>
}

export interface ReceiverSettings {
  /** `cloud_callback_secret`; an empty one accepts nothing. */
  secret(tenant: number): string
  /** What the body's `token` must be in the `plugin` dialect. */
  pluginToken(tenant: number): string
}

interface Refused {
  readonly status: number
  readonly verdict: CallbackVerdict
  readonly reason: string
  readonly issues?: readonly Issue[]
}

type Read = { readonly value: unknown } | { readonly fault: string }

export function createCallbackReceiver(deps: {
  store: Store
  clock: Clock
  ids: Ids
  journal: Journal
  progress: JobProgress
  updates: RecipientUpdates
  settings: ReceiverSettings
}): CallbackReceiver {
  const { store, clock, ids, journal, progress, updates, settings } = deps

  /** The order of the specification's snippet: signature, then time; what is malformed is told only to who has signed. */
  const unsigned = (callback: IncomingCallback, read: Read, job: MoodleJob | undefined): Refused | undefined => {
    const signature = headerOf(callback, 'x-signature')
    const withTime = job === undefined || job.dialect === 'spec' || job.dialect === 'plugin'
    // `flow` and `detailed` name no authentication: theirs is checked where it is sent.
    if (signature === undefined && !withTime) return undefined
    const now = clock.now()
    const timestamp = 'value' in read ? fieldOf(read.value, 'timestamp') : undefined
    const verdict = verify({
      secret: settings.secret(job?.tenantid ?? 0),
      body: callback.rawBody,
      signature,
      now,
      timestamp: withTime && 'value' in read ? timestamp : Math.floor(now / 1000),
    })
    if (!verdict.ok) return { status: 401, verdict: verdict.code, reason: verdict.reason }
    if ('value' in read && withTime && !Number.isSafeInteger(timestamp)) {
      return { status: 401, verdict: 'stale', reason: 'timestamp is no integer: send epoch seconds, as a number' }
    }
    return undefined
  }

  const withoutToken = (read: Read, job: MoodleJob | undefined): Refused | undefined => {
    const token = 'value' in read ? fieldOf(read.value, 'token') : undefined
    if ('fault' in read) return undefined
    if (typeof token !== 'string' || token === '') {
      return { status: 400, verdict: 'token-missing', reason: 'the body has no token' }
    }
    const expected = settings.pluginToken(job?.tenantid ?? 0)
    if (expected === '')
      return { status: 403, verdict: 'secret-empty', reason: 'the company has no token: set plugin_token' }
    if (sameText(token, expected)) return undefined
    return { status: 403, verdict: 'token-wrong', reason: 'the token differs from the one of the company' }
  }

  const contentOf = (told: CallbackMessage) =>
    ids.stable(16, 'callback', JSON.stringify({ ...told, timestamp: 0, token: '' }))

  const refuse = ({ status, verdict, reason, issues }: Refused, job: MoodleJob | undefined): CallbackAnswer => {
    journal.record({
      type: 'moodle.callback',
      ...(job !== undefined && { tenant: job.tenantid, job: job.jobid }),
      status,
      verdict,
      reason,
      applied: 0,
      unchanged: 0,
      unknown: 0,
    })
    return {
      status,
      body: { error: verdict, reason, ...(issues !== undefined && { issues: issues.map((issue) => ({ ...issue })) }) },
    }
  }

  return {
    async receive(callback) {
      const read = readJson(callback.rawBody)
      const plugin = callback.path === callbackPaths.plugin
      const id = 'value' in read ? jobIdOf(read.value) : undefined
      const job = id === undefined ? undefined : progress.job(id)

      const stranger = plugin ? withoutToken(read, job) : unsigned(callback, read, job)
      if (stranger !== undefined) return refuse(stranger, job)
      if ('fault' in read) return refuse({ status: 400, verdict: 'malformed', reason: read.fault }, job)

      const decoded = decodeCallback(read.value, dialectOf(plugin, job))
      if (!decoded.ok) return refuse(invalid(decoded.issues), job)
      const { dialect, updates: told, status } = decoded.callback
      if (
        dialect === 'spec' &&
        status === undefined &&
        told.length === 0 &&
        fieldOf(read.value, 'recipient_updates') == null
      ) {
        return refuse(
          invalid([{ path: 'recipient_updates', reason: 'is missing, and there is no status of the whole job' }]),
          job,
        )
      }
      if (job === undefined) {
        return refuse(
          { status: 404, verdict: 'unknown-job', reason: `there is no job ${id ?? ''}: is it another site's?` },
          job,
        )
      }
      const { sent = 0, failed = 0 } = decoded.callback
      if (sent + failed > job.total_recipients) {
        const reason = `${sent} sent and ${failed} failed are more than the job's ${job.total_recipients} recipients`
        return refuse(invalid([{ path: '', reason }]), job)
      }
      return store.write(() => {
        // Read again: another callback may have been written in this turn.
        const current = progress.job(job.jobid)
        if (current === undefined) throw new Error(`job ${job.jobid} is gone`)
        const { applied, unchanged, unknown } = updates.apply(current, decoded.callback)
        journal.record({
          type: 'moodle.callback',
          tenant: job.tenantid,
          job: job.jobid,
          status: 200,
          verdict: applied > 0 ? 'applied' : 'unchanged',
          applied,
          unchanged,
          unknown: unknown.length,
          content: contentOf(decoded.callback),
        })
        return {
          status: 200,
          body: {
            status: 'ok',
            applied,
            unchanged,
            ...(unknown.length > 0 && { unknown: unknown.length, unknown_recipients: unknown.slice(0, 20) }),
          },
        }
      })
    },
  }
}

function dialectOf(plugin: boolean, job: MoodleJob | undefined): Dialect {
  if (plugin) return 'plugin'
  return job === undefined || job.dialect === 'plugin' ? 'spec' : job.dialect
}

function invalid(issues: readonly Issue[]): Refused {
  const [first] = issues
  const reason = first === undefined ? 'the callback is not valid' : `${first.path} ${first.reason}`.trim()
  return { status: 400, verdict: 'invalid', reason, issues }
}

function headerOf({ headers }: IncomingCallback, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' || value === undefined ? value : value.join(', ')
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined
}

/** Job ids are compared as text, whole: cast to int, `3a0e…` would be job 3. */
function jobIdOf(value: unknown): string | undefined {
  const id = fieldOf(value, 'job_id') ?? fieldOf(value, 'job_uuid')
  return typeof id === 'string' || typeof id === 'number' ? String(id) : undefined
}

function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}

function readJson(bytes: Uint8Array): Read {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return { fault: 'the body is no valid UTF-8' }
  }
  if (text.trim() === '') return { fault: 'the body is empty' }
  if (text.startsWith('\ufeff')) return { fault: 'the body begins with a byte order mark: send UTF-8 without it' }
  const fault = scanJson(text)
  if (fault !== undefined) return { fault: `malformed JSON at character ${fault.offset}: ${fault.reason}` }
  const value: unknown = JSON.parse(text)
  // JSON.stringify escapes a surrogate only where it is alone, which is no text that a database can hold.
  const escapes = /\\u[dD][89a-fA-F]/.test(text)
  if (escapes && /(?<!\\)(?:\\\\)*\\ud[89a-f]/.test(JSON.stringify(value))) {
    return { fault: 'a string holds half of a surrogate pair' }
  }
  return { value }
}
