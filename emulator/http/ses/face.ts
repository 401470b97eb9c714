import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Credentials } from '../../../contracts/sigv4.ts'
import { SesError } from '../../cloud/ses/errors.ts'
import type { Ses } from '../../cloud/ses/ses.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import { acceptRawBodies, bytesOf } from '../body.ts'
import { element, escapeXml, textElement } from '../sqs/xml.ts'
import { readForm } from './v1-form.ts'
import { operations } from './v1.ts'
import { routes, type Route } from './v2.ts'
import { verifyRequest } from '../signature/verify.ts'
import { SignatureError, wireErrorV1, wireErrorV2 } from './wire-errors.ts'

export interface SesFaceOptions {
  readonly ses: Ses
  readonly ids: Ids
  /** A defect of ours: the caller gets a 500 that says to look here. */
  readonly onError: (error: unknown) => void
  /** Refuse what none of these has signed; without it signatures are not looked at. */
  readonly signers?: { readonly credentials: readonly Credentials[]; readonly clock: Clock }
}

const megabyte = 1024 * 1024
// 10 MB in base64, of which a form escapes each `+`, `/` and `=`.
const formLimit = 20 * megabyte
// 40 MB in base64.
const jsonLimit = 60 * megabyte

const version = '2010-12-01'
const namespace = `http://ses.amazonaws.com/doc/${version}/`

const asItIs = (text: unknown) => text as string
// With a serializer of ours Fastify does not add a charset to the type, which AWS does not send either.
const send = (reply: FastifyReply, type: string, text: string) => reply.type(type).serializer(asItIs).send(text)

/** What Fastify itself refused, such as a body over the limit. */
function refusalOf(error: unknown): unknown {
  const { statusCode = 500, message } = error as { statusCode?: number; message: string }
  if (error instanceof SesError || error instanceof SignatureError || statusCode >= 500) return error
  return statusCode === 413 ? new SesError('request-too-large', message) : new SesError('malformed-input', message)
}

/** Amazon SES: v1 at `/` (forms and XML), v2 under `/v2/email` (REST and JSON). */
export function sesFace({ ses, ids, onError, signers }: SesFaceOptions): FastifyPluginAsync {
  const v1 = async (app: Parameters<FastifyPluginAsync>[0]) => {
    acceptRawBodies(app, formLimit)

    const refuse = (reply: FastifyReply, thrown: unknown) => {
      const { status, type, message } = wireErrorV1(refusalOf(thrown))
      if (status >= 500) onError(thrown)
      const requestId = ids.next('request')
      const error =
        textElement('Type', status < 500 ? 'Sender' : 'Receiver') +
        textElement('Code', type) +
        textElement('Message', message)
      return send(
        reply.code(status).header('x-amzn-requestid', requestId),
        'text/xml',
        `<ErrorResponse xmlns="${namespace}">${element('Error', error)}${textElement('RequestId', requestId)}</ErrorResponse>`,
      )
    }

    const answer = async (request: FastifyRequest, reply: FastifyReply) => {
      const url = request.originalUrl
      const query = url.includes('?') ? url.slice(url.indexOf('?') + 1) : ''
      const {
        Action: action,
        Version: given = version,
        ...input
      } = readForm([query, bytesOf(request).toString()].filter((text) => text !== '').join('&'))
      if (typeof action !== 'string' || action === '') {
        throw new SesError('validation', 'The request must contain the parameter Action.')
      }
      const operation = given === version && Object.hasOwn(operations, action) ? operations[action] : undefined
      if (operation === undefined) {
        throw new SesError(
          'unknown-operation',
          `Could not find operation ${action.slice(0, 100)} for version ${String(given).slice(0, 20)}`,
        )
      }
      const result = await operation(ses, input)
      const requestId = ids.next('request')
      const metadata = element('ResponseMetadata', textElement('RequestId', requestId))
      const name = escapeXml(action)
      const content = result === undefined ? '' : element(`${name}Result`, result)
      return send(
        reply.header('x-amzn-requestid', requestId),
        'text/xml',
        `<${name}Response xmlns="${namespace}">${content}${metadata}</${name}Response>`,
      )
    }

    app.setErrorHandler((error, _request, reply) => refuse(reply, error))
    app.setNotFoundHandler((request, reply) =>
      refuse(reply, new SesError('unknown-operation', `There is no ${request.method} ${request.originalUrl} here.`)),
    )
    // Never by GET: any page could make a browser send mail.
    app.route({ method: 'POST', url: '/', bodyLimit: formLimit, handler: answer })
  }

  const v2 = async (app: Parameters<FastifyPluginAsync>[0]) => {
    acceptRawBodies(app, jsonLimit)

    const refuse = (reply: FastifyReply, thrown: unknown) => {
      const { status, type, message } = wireErrorV2(refusalOf(thrown))
      if (status >= 500) onError(thrown)
      // Without the header the JavaScript SDK names the error `Unknown`.
      reply.code(status).header('x-amzn-errortype', type).header('x-amzn-requestid', ids.next('request'))
      return send(reply, 'application/json', JSON.stringify({ message }))
    }

    const answer = (route: Route) => async (request: FastifyRequest, reply: FastifyReply) => {
      const { name = '' } = request.params as { name?: string }
      const result = await route.answer({ ses, name, query: request.query, body: readJson(bytesOf(request)) })
      return send(reply.header('x-amzn-requestid', ids.next('request')), 'application/json', JSON.stringify(result))
    }

    app.setErrorHandler((error, _request, reply) => refuse(reply, error))
    app.setNotFoundHandler((request, reply) =>
      refuse(reply, new SesError('unknown-operation', `There is no ${request.method} ${request.originalUrl} here.`)),
    )
    for (const route of routes) {
      app.route({ method: route.method, url: route.path, bodyLimit: jsonLimit, handler: answer(route) })
    }
  }

  const checkSignature = async (request: FastifyRequest) => {
    if (signers === undefined) return
    const { method, originalUrl, headers } = request
    const verdict = verifyRequest(
      { method, originalUrl, headers, body: bytesOf(request) },
      { credentials: signers.credentials, now: signers.clock.now(), service: 'ses' },
    )
    if (!verdict.ok) throw new SignatureError(verdict.code, verdict.message)
  }

  return async (app) => {
    app.addHook('preHandler', checkSignature)
    await app.register(v2, { prefix: '/v2/email' })
    await app.register(v1)
  }
}

function readJson(bytes: Buffer): unknown {
  if (bytes.length === 0) return {}
  let value: unknown
  try {
    value = JSON.parse(bytes.toString())
  } catch {
    throw new SesError('malformed-input', 'The body is no valid JSON.')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SesError('malformed-input', 'The body must be a JSON object.')
  }
  return value
}
