import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import type { Mailchannels } from '../../cloud/providers/mailchannels.ts'
import { rateOf } from '../../cloud/providers/rate-window.ts'
import { issuesOf, refuse, type ProviderError, type ProviderErrorCode } from '../../cloud/providers/refusal.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { EmulatorError } from '../../kernel/errors.ts'
import { checkKey, jsonOf, openScope, post, secondsUntil } from './face.ts'

/** 30 MB with its attachments. */
const bodyLimit = 30 * 1024 * 1024

const statuses: Readonly<Record<ProviderErrorCode | 'internal', number>> = {
  malformed: 400,
  invalid: 400,
  unauthorized: 401,
  'sender-refused': 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'unsupported-media-type': 415,
  'too-large': 413,
  'rate-limited': 429,
  unavailable: 503,
  internal: 500,
}
const isKnown = (code: string): code is ProviderErrorCode => Object.hasOwn(statuses, code)

/** `POST /tx/v1/send`, and the key of the webhooks' signatures. */
export function mailchannelsFace({
  mailchannels,
  clock,
  apiKey,
}: {
  mailchannels: Mailchannels
  clock: Clock
  apiKey?: string | undefined
}): FastifyPluginAsync {
  const answer = (reply: FastifyReply, error: EmulatorError<ProviderErrorCode | 'internal'>) => {
    const rate = rateOf(error.details)
    if (rate !== undefined) reply.header('retry-after', String(secondsUntil(rate.resetsAt, clock.now())))
    const errors = issuesOf(error as ProviderError).map(({ field, message }) =>
      field === null ? message : `${field}: ${message}`,
    )
    return reply.code(statuses[error.code]).send({ errors })
  }
  return async (scope) => {
    openScope(scope, { bodyLimit, answer, isKnown })
    // Needs no key: whoever gets a webhook asks for it.
    scope.get('/tx/v1/webhook/public-key', (request, reply) => {
      const { id } = request.query as { id?: unknown }
      const key = typeof id === 'string' ? mailchannels.publicKey(id) : undefined
      if (key === undefined) throw refuse('not-found', 'There is no key of this id.')
      return reply.send({ id, key })
    })
    post(scope, ['/tx/v1/send'], async (request, reply) => {
      const key = request.headers['x-api-key']
      checkKey(typeof key === 'string' ? key : undefined, apiKey, 'Unauthorized: send the key as X-Api-Key.')
      const { 'dry-run': dryRun = 'false' } = request.query as { 'dry-run'?: unknown }
      if (dryRun !== 'false') throw refuse('invalid', 'dry-run is not emulated: leave it out, and nothing leaves here.')
      // MailChannels ignores every header but the key.
      return reply.code(202).send(await mailchannels.send(jsonOf(request)))
    })
  }
}
