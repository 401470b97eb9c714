import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import type { CloudflareEmail } from '../../cloud/providers/cloudflare-email.ts'
import { issuesOf, type ProviderError, type ProviderErrorCode } from '../../cloud/providers/refusal.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { EmulatorError } from '../../kernel/errors.ts'
import { failure, success, withRate, type CloudflareError } from './cloudflare.ts'
import { bearerOf, checkKey, jsonOf, openScope, post } from './face.ts'

/** Six times what a message may have: all of it escaped. */
const bodyLimit = 30 * 1024 * 1024

interface Row extends CloudflareError {
  readonly status: number
}

const said = (status: number, code: number, name: string): Row => ({
  status,
  code,
  message: `email.sending.error.${name}`,
})

/** Source: https://developers.cloudflare.com/email-service/api/send-emails/rest-api/ */
const table: Readonly<Record<ProviderErrorCode | 'internal', Row>> = {
  malformed: said(400, 10001, 'invalid_request_schema'),
  invalid: said(400, 10001, 'invalid_request_schema'),
  unauthorized: said(401, 10101, 'authentication.unauthorized'),
  'sender-refused': said(403, 10203, 'email.sending_disabled'),
  'not-found': said(404, 10000, 'not_found'),
  'method-not-allowed': { status: 405, code: 10405, message: 'Method not allowed for this authentication scheme' },
  'unsupported-media-type': said(400, 10001, 'invalid_request_schema'),
  'too-large': said(400, 10200, 'email.too_big'),
  'rate-limited': said(429, 10004, 'throttled'),
  unavailable: said(503, 10002, 'internal_server'),
  internal: said(500, 10002, 'internal_server'),
}
const isKnown = (code: string): code is ProviderErrorCode => Object.hasOwn(table, code)

/** `POST /accounts/{id}/email/sending/send`, with and without `/client/v4`. */
export function cloudflareEmailFace({
  email,
  clock,
  apiKey,
}: {
  email: CloudflareEmail
  clock: Clock
  apiKey?: string | undefined
}): FastifyPluginAsync {
  const answer = (reply: FastifyReply, error: EmulatorError<ProviderErrorCode | 'internal'>) => {
    withRate(reply, error.details, clock)
    const { status, ...row } = table[error.code]
    const explained = issuesOf(error as ProviderError).map(({ field, message }) =>
      field === null ? message : `${field}: ${message}`,
    )
    return failure(reply, status, row, explained)
  }
  return async (scope) => {
    openScope(scope, { bodyLimit, answer, isKnown })
    const path = '/accounts/:account/email/sending/send'
    post(scope, [path, `/client/v4${path}`], async (request, reply) => {
      checkKey(bearerOf(request), apiKey, 'Send the token as "Authorization: Bearer TOKEN".')
      return success(reply, await email.send(jsonOf(request)))
    })
  }
}
