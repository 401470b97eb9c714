import type { OperationName } from '../../../contracts/faults/operations.ts'
import type { Effect } from '../../../contracts/faults/rule.ts'
import { ObjectsError } from '../../cloud/objects/errors.ts'
import { refuse } from '../../cloud/providers/refusal.ts'
import { queueNotFound } from '../../cloud/queue/errors.ts'
import { rateExceeded, SesError, sendingPaused } from '../../cloud/ses/errors.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import { S3Error } from '../s3/errors.ts'
import { SignatureError } from '../ses/wire-errors.ts'
import { ProblemError } from './problem-error.ts'

/** Codes that only faults have; each protocol's table has them beside its own. */
export type FaultErrorCode = 'throttled' | 'unavailable' | 'internal-failure'

const injected = (code: FaultErrorCode, message: string) => new EmulatorError<FaultErrorCode>(code, message)

const internal = 'We encountered an internal error. Please try again.'
const unavailable = 'The request has failed due to a temporary failure of the server.'

const sqs: Readonly<Record<string, () => Error>> = {
  AccessDenied: () => new EmulatorError('access-denied', 'Access to the resource is denied.'),
  InternalFailure: () => injected('internal-failure', internal),
  OverLimit: () => new EmulatorError('over-limit', 'The maximum number of in flight messages is reached.'),
  QueueDoesNotExist: () => queueNotFound('(a fault)', []),
  ServiceUnavailable: () => injected('unavailable', unavailable),
}

const s3: Readonly<Record<string, () => Error>> = {
  AccessDenied: () => new S3Error('no-credentials', 'Access Denied'),
  InternalError: () => new S3Error('internal', internal),
  NoSuchBucket: () => new ObjectsError('no-such-bucket', 'no such bucket', { bucket: '' }),
  NoSuchKey: () => new ObjectsError('no-such-key', 'no such key', { key: '' }),
  ServiceUnavailable: () => new S3Error('service-unavailable', 'Service is unable to handle request.'),
  SlowDown: () => new S3Error('slow-down', 'Please reduce your request rate.'),
}

const ses: Readonly<Record<string, () => Error>> = {
  AccountSendingPaused: sendingPaused,
  InternalFailure: () => new SesError('internal-failure', internal),
  MessageRejected: () => new SesError('message-rejected', 'Email rejected by a fault rule.'),
  ServiceUnavailable: () => new SesError('unavailable', unavailable),
  Throttling: rateExceeded,
}

const providers: Readonly<Record<string, () => Error>> = {
  400: () => refuse('malformed', 'Bad Request'),
  401: () => refuse('unauthorized', 'Unauthorized'),
  403: () => refuse('sender-refused', 'Forbidden'),
  413: () => refuse('too-large', 'Payload too large'),
  500: () => new EmulatorError('internal', 'Internal Server Error'),
  503: () => new EmulatorError('unavailable', 'Service Unavailable'),
}

/** API Gateway's words. */
const gateway: Readonly<Record<string, string>> = {
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  413: 'Request Too Long',
  429: 'Too Many Requests',
  500: 'Internal server error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Endpoint request timed out',
}

const byService: Readonly<Record<string, Readonly<Record<string, () => Error>>>> = { sqs, s3, ses }

function problem(status: number, rule: string, headers: Readonly<Record<string, string>> = {}): Error {
  const detail = `The fault rule "${rule}" refused it (offload faults).`
  return new ProblemError({ status, title: gateway[status] ?? 'Refused', detail }, headers)
}

/** What `error` and `throttle` throw at an operation; the protocol's own table makes the answer of it. */
export function refusalOf(
  operation: OperationName,
  effect: Extract<Effect, { kind: 'error' | 'throttle' }>,
  rule: string,
  now: number,
): Error {
  const [service = ''] = operation.split('.')
  if (service === 'ingest' || service === 'moodle') {
    if (effect.kind === 'throttle') {
      return problem(429, rule, { 'retry-after': String(Math.max(1, Math.ceil(effect.retryAfterMs / 1000))) })
    }
    const status = Number(effect.code)
    // A site that sends its visitors to the login page, as Moodle does.
    const location: Record<string, string> = status >= 300 && status < 400 ? { location: '/login/index.php' } : {}
    return problem(status, rule, location)
  }
  if (effect.kind === 'throttle') return throttleOf(service, effect.retryAfterMs, now)
  const refusal = (byService[service] ?? providers)[effect.code]
  return refusal?.() ?? injected('internal-failure', internal)
}

function throttleOf(service: string, retryAfterMs: number, now: number): Error {
  switch (service) {
    case 'sqs':
      return injected('throttled', 'The request was denied due to request throttling.')
    case 's3':
      return new S3Error('slow-down', 'Please reduce your request rate.')
    case 'ses':
      return rateExceeded()
    default: {
      const rate = { limit: 600, windowMs: 60_000, remaining: 0, resetsAt: now + retryAfterMs }
      return refuse('rate-limited', 'too many requests', { rate })
    }
  }
}

/** What a service whose clock is wrong says to a request that it finds too old or too new. */
export function skewRefusal(operation: OperationName, signedAt: string, now: number): Error {
  const message = `Signature expired or not yet current: ${signedAt} is more than 15 min from ${stamp(now)}.`
  const [service] = operation.split('.')
  if (service === 's3') return new S3Error('time-skewed', message, { date: signedAt, now })
  if (service === 'ses') return new SignatureError('signature-expired', message)
  return new EmulatorError('signature-expired', message)
}

/** `20260314T150926Z`. */
const stamp = (at: number) => new Date(at).toISOString().replace(/[-:]|\.\d+/g, '')
