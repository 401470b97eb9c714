import { createHash } from 'node:crypto'
import type { MessageAttributes } from '../../contracts/dialects/index.ts'
import { messageOf } from '../kernel/errors.ts'
import { sleep, type Clock } from '../kernel/clock.ts'
import { signAws } from './aws-signature.ts'
import type { SubmitMode } from './tables.ts'

/** One message to the cloud, as the dialect's encoder wrote it. */
export interface CloudMessage {
  readonly tenant: number
  readonly body: string
  /** SQS message attributes by name (`plugin`: CompanyId, JobType). */
  readonly attributes: MessageAttributes
}

/** What became of a message: `unreachable` may come later or by another way, `refused` never will. */
export type CloudAnswer =
  | { readonly outcome: 'accepted' }
  | { readonly outcome: 'refused'; readonly reason: string }
  | { readonly outcome: 'unreachable'; readonly reason: string }

export interface CloudSettings {
  /** Base URL of the cloud, such as `http://127.0.0.1:4566`. */
  endpoint(): string
  /** The SQS queue's full URL. */
  queueUrl(): string
  /** The Bearer token for `POST /jobs`. */
  token(tenant: number): string
  /** Bytes that one SQS message may have, attributes included. */
  readonly maximumMessageSize: number
}

export interface CloudConnector {
  /** Aborted, it answers `unreachable`; the message may have arrived all the same. */
  send(mode: SubmitMode, message: CloudMessage, signal: AbortSignal): Promise<CloudAnswer>
}

/** Sends a request and resolves with the answer, whatever it is; rejects where none came. */
export type Ask = (request: Request) => Promise<Response>

type Attempt = CloudAnswer & { readonly retryAfterMs?: number }

/** Waits before the second, third and fourth try; the cloud knows a repeated message by its job id and content. */
const waits = [250, 1000, 3000]
const longestRetryAfter = 30_000
const timeoutMs = 30_000

/** How AWS counts a message: the body, and each attribute's name, type and value, in bytes of UTF-8. */
function messageSize({ body, attributes }: CloudMessage): number {
  return Object.entries(attributes).reduce(
    (sum, [name, { dataType, value }]) =>
      sum + Buffer.byteLength(name) + Buffer.byteLength(dataType) + Buffer.byteLength(value),
    Buffer.byteLength(body),
  )
}

/** The plugin's way to its cloud: over HTTP, with a few tries while it is busy or away. */
export function createCloudConnector({
  clock,
  settings,
  ask = fetch,
}: {
  clock: Clock
  settings: CloudSettings
  /** How a request goes out; over HTTP by default. */
  ask?: Ask | undefined
}): CloudConnector {
  const post = async (url: URL, headers: Record<string, string>, body: string, signal: AbortSignal) => {
    const gaveUp = new AbortController()
    const timer = clock.at(clock.now() + timeoutMs, () =>
      gaveUp.abort(new Error(`no answer within ${timeoutMs / 1000} s`)),
    )
    try {
      const aborted = AbortSignal.any([gaveUp.signal, signal])
      const response = await ask(
        new Request(url, { method: 'POST', headers, body, redirect: 'manual', signal: aborted }),
      )
      return { response, text: await response.text() }
    } finally {
      timer.cancel()
    }
  }

  const viaApi = async ({ tenant, body }: CloudMessage, signal: AbortSignal): Promise<Attempt> => {
    const url = new URL('jobs', withSlash(settings.endpoint()))
    const headers = {
      'content-type': 'application/json',
      authorization: `Bearer ${settings.token(tenant)}`,
      'x-tenant-id': String(tenant),
    }
    const { response, text } = await post(url, headers, body, signal)
    return judge(response, `POST ${url.pathname}`, text)
  }

  const viaSqs = async (message: CloudMessage, signal: AbortSignal): Promise<Attempt> => {
    const size = messageSize(message)
    if (size > settings.maximumMessageSize) {
      return {
        outcome: 'refused',
        reason:
          `the message has ${size} bytes and the queue takes ${settings.maximumMessageSize}: ` +
          'send it through POST /jobs, or in batches',
      }
    }
    const url = new URL(settings.queueUrl())
    const attributes = Object.entries(message.attributes)
    const body = JSON.stringify({
      QueueUrl: url.href,
      MessageBody: message.body,
      ...(attributes.length > 0 && {
        MessageAttributes: Object.fromEntries(
          attributes.map(([name, { dataType, value }]) => [name, { DataType: dataType, StringValue: value }]),
        ),
      }),
    })
    const headers = signAws({
      url,
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.SendMessage' },
      body,
      now: clock.now(),
      region: 'us-east-1',
      service: 'sqs',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    })
    const { response, text } = await post(url, headers, body, signal)
    if (response.ok) {
      const md5 = createHash('md5').update(message.body).digest('hex')
      const answered = fieldOf(text, 'MD5OfMessageBody')
      if (answered !== md5) {
        return {
          outcome: 'unreachable',
          reason: `SendMessage: the queue answered MD5 ${answered}, the body's is ${md5}`,
        }
      }
    }
    return judge(response, 'SendMessage', text)
  }

  return {
    async send(mode, message, signal) {
      for (let tries = 0; ; tries++) {
        let attempt: Attempt
        try {
          attempt = await (mode === 'sqs' ? viaSqs(message, signal) : viaApi(message, signal))
        } catch (error) {
          attempt = {
            outcome: 'unreachable',
            reason: reasonOf(error, mode === 'sqs' ? settings.queueUrl() : settings.endpoint()),
          }
        }
        const wait = waits[tries]
        if (attempt.outcome === 'accepted') return { outcome: 'accepted' }
        if (attempt.outcome === 'refused' || wait === undefined || signal.aborted)
          return { outcome: attempt.outcome, reason: attempt.reason }
        await sleep(clock, Math.max(wait, attempt.retryAfterMs ?? 0), signal)
      }
    },
  }
}

const withSlash = (base: string) => (base.endsWith('/') ? base : `${base}/`)

function judge(response: Response, what: string, text: string): Attempt {
  if (response.ok) return { outcome: 'accepted' }
  const reason = `${what}: ${response.status} ${wordsOf(text)}`.trim()
  const type = fieldOf(text, '__type') ?? ''
  const busy = response.status === 429 || response.status >= 500 || /Throttl/.test(type)
  if (!busy) return { outcome: 'refused', reason }
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return {
    outcome: 'unreachable',
    reason,
    ...(seconds >= 0 && { retryAfterMs: Math.min(seconds * 1000, longestRetryAfter) }),
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function fieldOf(text: string, name: string): string | undefined {
  const value = parsed(text)[name]
  return typeof value === 'string' ? value : undefined
}

/** The answer's own reason: problem+json (`title`, `detail`, `issues[]`), AWS JSON (`__type`, `message`), else its text. */
function wordsOf(text: string): string {
  const body = parsed(text)
  const words = ['__type', 'title', 'detail', 'message', 'error'].flatMap((name) => {
    const value = body[name]
    return typeof value === 'string' && value !== '' ? [value] : []
  })
  const issues = Array.isArray(body.issues) ? (body.issues as unknown[]) : []
  for (const issue of issues.slice(0, 3)) {
    const { path, reason } = (issue ?? {}) as Record<string, unknown>
    if (typeof reason === 'string') words.push(typeof path === 'string' && path !== '' ? `${path}: ${reason}` : reason)
  }
  return (words.length > 0 ? words.join('; ') : text.trim()).slice(0, 1000)
}

function reasonOf(error: unknown, address: string): string {
  const cause = error instanceof Error ? error.cause : undefined
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const host = URL.canParse(address) ? new URL(address).host : address
  if (code === 'ECONNREFUSED') return `nothing listens at ${host} (connection refused)`
  return `${host} cannot be reached: ${code === '' ? messageOf(error) : code}`
}
