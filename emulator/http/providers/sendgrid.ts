import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { rateOf, type RateState } from '../../cloud/providers/rate-window.ts'
import { issuesOf, refuse, type ProviderError, type ProviderErrorCode } from '../../cloud/providers/refusal.ts'
import type { Sendgrid } from '../../cloud/providers/sendgrid.ts'
import type { EmulatorError } from '../../kernel/errors.ts'
import { bearerOf, checkKey, contentTypeOf, jsonOf, openScope, post } from './face.ts'
import { sendgridTemplateRoutes } from './sendgrid-templates.ts'

/** 30 MB with its attachments. */
const bodyLimit = 30 * 1024 * 1024

const isObjectError = (code: string): code is ProviderErrorCode => Object.hasOwn(table, code)

/** What each refusal is on the wire; without a text of its own it is said in the issues. */
const table: Readonly<Record<ProviderErrorCode | 'internal', { status: number; message?: string; field?: string }>> = {
  malformed: { status: 400, message: 'Bad Request' },
  invalid: { status: 400 },
  unauthorized: { status: 401 },
  'sender-refused': {
    status: 403,
    message:
      'The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved. Visit https://sendgrid.com/docs/for-developers/sending-email/sender-identity/ to see the Sender Identity requirements',
    field: 'from',
  },
  'not-found': { status: 404, message: 'Not Found' },
  'method-not-allowed': { status: 405, message: 'Method Not Allowed' },
  'unsupported-media-type': { status: 415, message: 'Content-Type should be application/json.' },
  'too-large': { status: 413, message: 'Payload too large: a message may have 30 MB with its attachments.' },
  'rate-limited': { status: 429, message: 'too many requests' },
  unavailable: { status: 503, message: 'Service Unavailable' },
  internal: { status: 500, message: 'Internal Server Error' },
}

const errors = 'http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html'

/** Where SendGrid's page tells about a field: `#message.personalizations.to` for `personalizations.0.to.0.email`. */
function helpOf(field: string | null): string | null {
  if (field === null) return null
  const names = field.split('.').filter((part) => !/^\d+$/.test(part))
  const named = names.at(-1) === 'email' ? names.slice(0, -1) : names
  return `${errors}#message.${named.join('.')}`
}

function answer(reply: FastifyReply, error: EmulatorError<ProviderErrorCode | 'internal'>): FastifyReply {
  const { status, message, field = null } = table[error.code]
  const issues = message === undefined ? issuesOf(error as ProviderError) : [{ field, message }]
  withRate(reply, rateOf(error.details))
  return reply.code(status).send({
    errors: issues.map((issue) => ({ message: issue.message, field: issue.field, help: helpOf(issue.field) })),
  })
}

/** Seconds since the epoch in `-Reset`. */
function withRate(reply: FastifyReply, rate: RateState | undefined): FastifyReply {
  if (rate === undefined) return reply
  return reply.headers({
    'x-ratelimit-limit': String(rate.limit),
    'x-ratelimit-remaining': String(rate.remaining),
    'x-ratelimit-reset': String(Math.ceil(rate.resetsAt / 1000)),
  })
}

/** `POST /v3/mail/send`, and the dynamic templates. */
export function sendgridFace({
  sendgrid,
  apiKey,
}: {
  sendgrid: Sendgrid
  apiKey?: string | undefined
}): FastifyPluginAsync {
  return async (scope) => {
    openScope(scope, { bodyLimit, answer, isKnown: isObjectError })
    const authorize = (request: FastifyRequest) => {
      const key = bearerOf(request)
      const reason =
        key === undefined
          ? 'Permission denied, wrong credentials'
          : 'The provided authorization grant is invalid, expired, or revoked'
      checkKey(key, apiKey, reason)
    }
    sendgridTemplateRoutes(scope, sendgrid.templates, authorize)
    post(scope, ['/v3/mail/send'], async (request, reply) => {
      authorize(request)
      if (!/^application\/json\s*(;|$)/i.test(contentTypeOf(request))) {
        throw refuse('unsupported-media-type', 'Content-Type should be application/json.')
      }
      const { messageId, sandbox, rate } = await sendgrid.send(jsonOf(request))
      withRate(reply, rate)
      return sandbox ? reply.code(200).send('') : reply.code(202).header('x-message-id', messageId).send('')
    })
  }
}
