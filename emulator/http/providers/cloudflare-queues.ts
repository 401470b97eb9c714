import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { CloudflareQueueErrorCode, CloudflareQueues } from '../../cloud/providers/cloudflare-queues.ts'
import type { RateWindow } from '../../cloud/providers/rate-window.ts'
import type { ProviderErrorCode } from '../../cloud/providers/refusal.ts'
import type { QueueErrorCode } from '../../cloud/queue/errors.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { EmulatorError } from '../../kernel/errors.ts'
import { bytesOf } from '../body.ts'
import { failure, success, withRate, type CloudflareError } from './cloudflare.ts'
import { bearerOf, checkKey, jsonOf, openScope, post } from './face.ts'

/** A batch of 256 KB, all of it escaped, and more than that for an honest answer. */
const bodyLimit = 4 * 1024 * 1024

/** What the queue itself may say to a message that was pushed. */
type QueueRefusal = Extract<QueueErrorCode, 'invalid-message-contents' | 'invalid-parameter'>
type Code = ProviderErrorCode | CloudflareQueueErrorCode | QueueRefusal

interface Row extends CloudflareError {
  readonly status: number
}

/** Source: https://developers.cloudflare.com/queues/reference/error-codes/ */
const table: Readonly<Record<Code | 'internal', Row>> = {
  malformed: { status: 400, code: 10208, message: 'JSONRequestBodyMalformed' },
  invalid: { status: 400, code: 10207, message: 'JSONRequestBodyInvalid' },
  'body-invalid': { status: 400, code: 10207, message: 'JSONRequestBodyInvalid' },
  'metadata-invalid': { status: 400, code: 10203, message: 'MessageMetadataInvalid' },
  'delay-invalid': { status: 400, code: 10202, message: 'BatchDelayInvalid' },
  'message-size': { status: 400, code: 10204, message: 'MessageSizeOutOfBounds' },
  'batch-size': { status: 400, code: 10205, message: 'BatchSizeOutOfBounds' },
  'batch-count': { status: 400, code: 10206, message: 'BatchCountOutOfBounds' },
  // The queue is SQLite behind SQS: it carries the characters that SQS carries, and no empty text.
  'invalid-message-contents': { status: 400, code: 10207, message: 'JSONRequestBodyInvalid' },
  'invalid-parameter': { status: 400, code: 10204, message: 'MessageSizeOutOfBounds' },
  'queue-not-found': { status: 404, code: 10104, message: 'QueueNotFound' },
  unauthorized: { status: 401, code: 10106, message: 'Unauthorized' },
  'sender-refused': { status: 403, code: 10106, message: 'Unauthorized' },
  'not-found': { status: 404, code: 7003, message: 'No route for the URI' },
  'method-not-allowed': { status: 405, code: 10405, message: 'Method not allowed for this authentication scheme' },
  'unsupported-media-type': { status: 400, code: 10208, message: 'JSONRequestBodyMalformed' },
  'too-large': { status: 413, code: 10205, message: 'BatchSizeOutOfBounds' },
  'rate-limited': { status: 429, code: 971, message: 'Please wait and consider throttling your request speed' },
  unavailable: { status: 503, code: 10001, message: 'InternalServerError' },
  internal: { status: 500, code: 10001, message: 'InternalServerError' },
}
const isKnown = (code: string): code is Code => Object.hasOwn(table, code)

/** Cloudflare Queues over HTTP: push, batch, pull, ack; with and without `/client/v4`. */
export function cloudflareQueuesFace({
  queues,
  rate,
  clock,
  apiKey,
}: {
  queues: CloudflareQueues
  rate: RateWindow
  clock: Clock
  apiKey?: string | undefined
}): FastifyPluginAsync {
  const answer = (reply: FastifyReply, error: EmulatorError<Code | 'internal'>) => {
    withRate(reply, error.details, clock)
    const { status, code, message } = table[error.code]
    return failure(reply, status, { code, message }, [error.message])
  }
  const guarded =
    (run: (queue: string, body: unknown) => Promise<object | void>, emptyBody = false) =>
    async (request: FastifyRequest, reply: FastifyReply) => {
      checkKey(bearerOf(request), apiKey, 'Send the token as "Authorization: Bearer TOKEN".')
      rate.take()
      const { queue } = request.params as { queue: string }
      const body = emptyBody && bytesOf(request).length === 0 ? {} : jsonOf(request)
      return success(reply, (await run(queue, body)) ?? undefined)
    }
  return async (scope) => {
    openScope(scope, { bodyLimit, answer, isKnown })
    const path = '/accounts/:account/queues/:queue/messages'
    const both = (end: string) => [`${path}${end}`, `/client/v4${path}${end}`]
    post(scope, both(''), guarded(queues.push))
    post(scope, both('/batch'), guarded(queues.pushBatch))
    post(scope, both('/pull'), guarded(queues.pull, true))
    post(scope, both('/ack'), guarded(queues.acknowledge))
  }
}
