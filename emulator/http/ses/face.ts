import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Credentials } from '../../../contracts/sigv4.ts'
import { SesError } from '../../cloud/ses/errors.ts'
import type { Ses } from '../../cloud/ses/ses.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import { acceptRawBodies, bytesOf } from '../body.ts'
import { element, escapeXml, textElement } from '../sqs/xml.ts'
import type { Route } from './route.ts'
import { readForm } from './v1-form.ts'
import { operations } from './v1.ts'
import { routes } from './v2.ts'
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

/** A form as it came, wherever it was read. */
export interface FormRequest {
  readonly method: string
  /** The request target: path and query. */
  readonly originalUrl: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: Buffer
}

export interface FormAnswer {
  readonly status: number
  readonly headers: Readonly<Record<'x-amzn-requestid', string>>
  /** XML, of the type `text/xml`. */
  readonly text: string
}

const isForm = /(^|&)Version=2010-12-01(&|$)/

/**
 * SES v1 for a form that came to another face: what nobody has signed says only in its body whose it is (`Version`).
 * Undefined where it is not SES's; never rejects.
 */
export function sesForms(options: SesFaceOptions): (asked: FormRequest) => Promise<FormAnswer> | undefined {
  const { answer, refuse } = formProtocol(options)
  return (asked) => {
    const { method, body } = asked
    if (method !== 'POST' || !body.includes(`Version=${version}`) || !isForm.test(body.toString('latin1')))
      return undefined
    return Promise.resolve()
      .then(() => {
        checkSignature(asked, options.signers)
        return answer(asked)
      })
      .catch(refuse)
  }
}

/** SES v1: `answer` throws what `refuse` writes. */
function formProtocol({ ses, ids, onError }: Pick<SesFaceOptions, 'ses' | 'ids' | 'onError'>) {
  const written = (status: number, write: (requestId: string) => string): FormAnswer => {
    const requestId = ids.next('request')
    return { status, headers: { 'x-amzn-requestid': requestId }, text: write(requestId) }
  }

  const refuse = (thrown: unknown): FormAnswer => {
    const { status, type, message } = wireErrorV1(refusalOf(thrown))
    if (status >= 500 && !(thrown instanceof SesError)) onError(thrown)
    const error =
      textElement('Type', status < 500 ? 'Sender' : 'Receiver') +
      textElement('Code', type) +
      textElement('Message', message)
    return written(
      status,
      (requestId) =>
        `<ErrorResponse xmlns="${namespace}">${element('Error', error)}${textElement('RequestId', requestId)}</ErrorResponse>`,
    )
  }

  const answer = async ({ originalUrl, body }: FormRequest): Promise<FormAnswer> => {
    const query = originalUrl.includes('?') ? originalUrl.slice(originalUrl.indexOf('?') + 1) : ''
    const {
      Action: action,
      Version: given = version,
      ...input
    } = readForm([query, body.toString()].filter((text) => text !== '').join('&'))
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
    const name = escapeXml(action)
    const content = result === undefined ? '' : element(`${name}Result`, result)
    return written(200, (requestId) => {
      const metadata = element('ResponseMetadata', textElement('RequestId', requestId))
      return `<${name}Response xmlns="${namespace}">${content}${metadata}</${name}Response>`
    })
  }

  return { answer, refuse }
}

/** Amazon SES: v1 at `/` (forms and XML), v2 under `/v2/email` (REST and JSON). */
export function sesFace({ ses, ids, onError, signers }: SesFaceOptions): FastifyPluginAsync {
  const v1 = async (app: Parameters<FastifyPluginAsync>[0]) => {
    acceptRawBodies(app, formLimit)
    const { answer, refuse } = formProtocol({ ses, ids, onError })
    const write = (reply: FastifyReply, { status, headers, text }: FormAnswer) =>
      send(reply.code(status).headers(headers), 'text/xml', text)
    app.setErrorHandler((error, _request, reply) => write(reply, refuse(error)))
    app.setNotFoundHandler(({ method, originalUrl }, reply) =>
      write(reply, refuse(new SesError('unknown-operation', `There is no ${method} ${originalUrl} here.`))),
    )
    app.route({
      // Never by GET: any page could make a browser send mail.
      method: 'POST',
      url: '/',
      bodyLimit: formLimit,
      handler: async (request, reply) => write(reply, await answer(askedOf(request))),
    })
  }

  const v2 = async (app: Parameters<FastifyPluginAsync>[0]) => {
    acceptRawBodies(app, jsonLimit)

    const refuse = (reply: FastifyReply, thrown: unknown) => {
      const { status, type, message } = wireErrorV2(refusalOf(thrown))
      if (status >= 500 && !(thrown instanceof SesError)) onError(thrown)
      // Without the header the JavaScript SDK names the error `Unknown`.
      reply.code(status).header('x-amzn-errortype', type).header('x-amzn-requestid', ids.next('request'))
      return send(reply, 'application/json', JSON.stringify({ message }))
    }

    const answer = (route: Route) => async (request: FastifyRequest, reply: FastifyReply) => {
      const { name = '', second = '' } = request.params as { name?: string; second?: string }
      const result = await route.answer({ ses, name, second, query: request.query, body: readJson(bytesOf(request)) })
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

  return async (app) => {
    app.addHook('preHandler', async (request) => checkSignature(askedOf(request), signers))
    await app.register(v2, { prefix: '/v2/email' })
    await app.register(v1)
  }
}

const askedOf = (request: FastifyRequest): FormRequest => ({
  method: request.method,
  originalUrl: request.originalUrl,
  headers: request.headers,
  body: bytesOf(request),
})

function checkSignature(asked: FormRequest, signers: SesFaceOptions['signers']): void {
  if (signers === undefined) return
  const { credentials, clock } = signers
  const verdict = verifyRequest(asked, { credentials, now: clock.now(), service: 'ses' })
  if (!verdict.ok) throw new SignatureError(verdict.code, verdict.message)
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
