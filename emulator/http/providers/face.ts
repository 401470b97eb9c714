import { isUtf8 } from 'node:buffer'
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { refuse, type ProviderErrorCode } from '../../cloud/providers/refusal.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import { acceptRawBodies, bytesOf } from '../body.ts'

export interface ProviderScope<Code extends string> {
  readonly bodyLimit: number
  /** Writes a refusal in the provider's form; `internal` is a defect of ours. */
  readonly answer: (reply: FastifyReply, error: EmulatorError<Code | 'internal'>) => FastifyReply
  readonly isKnown: (code: string) => code is Code
}

/** What the scopes of all providers have in common: bodies as bytes, and every error in the provider's own form. */
export function openScope<Code extends string>(
  scope: FastifyInstance,
  { bodyLimit, answer, isKnown }: ProviderScope<Code>,
): void {
  acceptRawBodies(scope, bodyLimit)
  // Fastify refuses what is no media type; the faces read the header themselves, as their providers do.
  scope.addHook('onRequest', async (request) => {
    request.headers['content-type'] = 'application/octet-stream'
  })
  const common = (code: ProviderErrorCode, message: string) => new EmulatorError(code as Code, message)
  scope.setErrorHandler<Error & { statusCode?: number }>((error, request, reply) => {
    if (error instanceof EmulatorError && isKnown(error.code)) return answer(reply, error as EmulatorError<Code>)
    if (error.statusCode === 413) return answer(reply, common('too-large', error.message))
    if (error.statusCode !== undefined && error.statusCode < 500) {
      return answer(reply, common('malformed', error.message))
    }
    request.log.error(error)
    return answer(reply, new EmulatorError('internal', 'A defect of Offload; its log has the trace.'))
  })
  scope.setNotFoundHandler((request, reply) =>
    answer(reply, common('not-found', `${request.method} ${request.originalUrl.replace(/\?.*$/s, '')} is not there.`)),
  )
}

/** A call that takes POST alone. */
export function post(
  scope: FastifyInstance,
  urls: readonly string[],
  handler: (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>,
): void {
  for (const url of urls) {
    scope.post(url, handler)
    scope.route({
      method: ['GET', 'PUT', 'PATCH', 'DELETE'],
      url,
      handler: (request) => {
        throw refuse('method-not-allowed', `${request.method} is not allowed here: send a POST.`)
      },
    })
  }
}

/** The media type and its parameters as the client wrote them. */
export function contentTypeOf(request: FastifyRequest): string {
  const headers = request.raw.rawHeaders
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'content-type')
  return at < 0 ? '' : (headers[at + 1] ?? '')
}

const deepest = 200

/** The body's JSON; refused as `malformed` where it is none, or nested so deep that reading it would take the stack. */
export function jsonOf(request: FastifyRequest): unknown {
  const bytes = bytesOf(request)
  if (!isUtf8(bytes)) throw refuse('malformed', 'The body is no UTF-8.')
  const text = bytes.toString()
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw refuse('malformed', text === '' ? 'The body is empty.' : 'The body is no valid JSON.')
  }
  if (depthOf(text) > deepest) throw refuse('malformed', `The body is nested deeper than ${deepest} levels.`)
  return parsed
}

const [quote, backslash] = [34, 92]
const opening = new Set([91, 123])
const closing = new Set([93, 125])

/** How deep valid JSON is nested. By character: an expression for a string of megabytes would take the stack. */
function depthOf(json: string): number {
  let depth = 0
  let most = 0
  let quoted = false
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at)
    if (code === backslash) at++
    else if (code === quote) quoted = !quoted
    else if (quoted) continue
    else if (opening.has(code)) most = Math.max(most, ++depth)
    else if (closing.has(code)) depth--
  }
  return most
}

/** Refuses a caller without a key, and one with another key than `expected` where one is wanted. */
export function checkKey(given: string | undefined, expected: string | undefined, reason: string): void {
  if (given === undefined || given === '') throw refuse('unauthorized', reason, { missing: true })
  if (expected === undefined) return
  const digest = (text: string) => createHash('sha256').update(text).digest()
  if (!timingSafeEqual(digest(given), digest(expected))) throw refuse('unauthorized', reason)
}

export const bearerOf = (request: FastifyRequest): string | undefined =>
  /^Bearer +(\S+)\s*$/i.exec(request.headers.authorization ?? '')?.[1]

/** Whole seconds until a time, at least one. */
export const secondsUntil = (at: number, now: number): number => Math.max(1, Math.ceil((at - now) / 1000))
