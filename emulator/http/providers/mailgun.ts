import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { rateOf } from '../../cloud/providers/rate-window.ts'
import type { ProviderErrorCode } from '../../cloud/providers/refusal.ts'
import type { Mailgun } from '../../cloud/providers/mailgun.ts'
import type { EmulatorError } from '../../kernel/errors.ts'
import type { Clock } from '../../kernel/clock.ts'
import { bytesOf } from '../body.ts'
import { checkKey, contentTypeOf, openScope, post, secondsUntil } from './face.ts'
import { readForm } from './form.ts'
import { mailgunTemplateRoutes } from './mailgun-templates.ts'

/** 25 MB with its attachments. */
const bodyLimit = 25 * 1024 * 1024

/** What each refusal is on the wire; without a text of its own the service's is sent. */
const table: Readonly<Record<ProviderErrorCode | 'internal', { status: number; message?: string }>> = {
  malformed: { status: 400 },
  invalid: { status: 400 },
  unauthorized: { status: 401, message: 'Invalid private key' },
  'sender-refused': { status: 403 },
  'not-found': { status: 404 },
  'method-not-allowed': { status: 405, message: 'Method Not Allowed' },
  'unsupported-media-type': { status: 400 },
  'too-large': { status: 413, message: 'Request Entity Too Large: a message may have 25 MB with its attachments' },
  'rate-limited': { status: 429, message: 'Too Many Requests' },
  unavailable: { status: 503, message: 'Service Unavailable' },
  internal: { status: 500, message: 'Internal Server Error' },
}
const isKnown = (code: string): code is ProviderErrorCode => Object.hasOwn(table, code)

/** The password of `Authorization: Basic`; the user is `api`. */
function keyOf({ headers: { authorization = '' } }: FastifyRequest): string | undefined {
  const [, credentials = ''] = /^Basic +([A-Za-z0-9+/_=-]+)\s*$/i.exec(authorization) ?? []
  const [, key] = /^api:(.*)$/s.exec(Buffer.from(credentials, 'base64').toString()) ?? []
  return key
}

/** `POST /v3/{domain}/messages`, form or multipart, and the domain's templates. */
export function mailgunFace({
  mailgun,
  clock,
  apiKey,
}: {
  mailgun: Mailgun
  clock: Clock
  apiKey?: string | undefined
}): FastifyPluginAsync {
  const answer = (reply: FastifyReply, error: EmulatorError<ProviderErrorCode | 'internal'>) => {
    const { status, message = error.message } = table[error.code]
    const rate = rateOf(error.details)
    if (rate !== undefined) {
      reply.headers({
        'x-ratelimit-limit': String(rate.limit),
        'x-ratelimit-remaining': String(rate.remaining),
        'x-ratelimit-reset': String(rate.resetsAt),
        'retry-after': String(secondsUntil(rate.resetsAt, clock.now())),
      })
    }
    return reply.code(status).send({ message })
  }
  return async (scope) => {
    openScope(scope, { bodyLimit, answer, isKnown })
    const authorize = (request: FastifyRequest) =>
      checkKey(keyOf(request), apiKey, 'Send the key as "Authorization: Basic", user "api", password the key.')
    mailgunTemplateRoutes(scope, mailgun, authorize)
    post(scope, ['/v3/:domain/messages'], async (request, reply) => {
      authorize(request)
      const { domain } = request.params as { domain: string }
      const form = await readForm(bytesOf(request), contentTypeOf(request))
      const { id } = await mailgun.send(domain, form)
      return reply.send({ id, message: 'Queued. Thank you.' })
    })
  }
}
