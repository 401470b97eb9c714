import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Credentials } from '../../../contracts/sigv4.ts'
import { authenticationOf } from '../../cloud/objects/authorization.ts'
import { largestObject } from '../../cloud/objects/contents.ts'
import { ObjectsError } from '../../cloud/objects/errors.ts'
import type { Objects, WireRequest } from '../../cloud/objects/objects.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import { chunkSignatures, type SeedSignature } from '../signature/chunks.ts'
import { verifyRequest } from '../signature/verify.ts'
import { errorBody, S3Error, wireError } from './errors.ts'
import { targetOf, type Headers } from './request.ts'
import { operationOf } from './routes.ts'

export interface S3FaceOptions {
  readonly objects: Objects
  readonly ids: Ids
  /** Further hosts, with their ports, under which clients know us: presigned URLs are right for any of them. */
  readonly aliases: readonly string[]
  /** Refuse headers that none of these has signed; without it what an Authorization header says is not looked at. */
  readonly signers?: { readonly credentials: readonly Credentials[]; readonly clock: Clock }
}

// An aws-chunked body is larger than its object: about 90 bytes for each of its chunks of 8 KB or more.
const bodyLimit = largestObject + 2 * 1024 * 1024

/** S3's REST protocol: presigned by version 4 or 2, or with any credentials. */
export function s3Face({ objects, ids, aliases, signers }: S3FaceOptions): FastifyPluginAsync {
  return async (app) => {
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (_request, body, done) => done(null, body))

    const identities = new WeakMap<FastifyRequest, { requestId: string; hostId: string }>()
    const seeds = new WeakMap<FastifyRequest, SeedSignature>()
    const wires = new WeakMap<FastifyRequest, ReturnType<typeof wireRequestOf>>()
    const types = new WeakMap<FastifyRequest, string | number>()
    const identityOf = (request: FastifyRequest) => {
      let identity = identities.get(request)
      if (identity === undefined) {
        const requestId = ids.next('s3-request').replaceAll('-', '').slice(0, 16).toUpperCase()
        identity = { requestId, hostId: Buffer.from(ids.stable(64, 's3-host'), 'hex').toString('base64') }
        identities.set(request, identity)
      }
      return identity
    }

    // Before the body is read: who may not write is told so at once.
    app.addHook('onRequest', async (request, reply) => {
      const { requestId, hostId } = identityOf(request)
      reply.headers({ 'x-amz-request-id': requestId, 'x-amz-id-2': hostId, server: 'AmazonS3' })
      const wire = wireRequestOf(request)
      wires.set(request, wire)
      authorize(request, wire)
      // An object's type is whatever its owner says; Fastify refuses what is no media type, here and in an answer.
      delete request.raw.headers['content-type']
    })
    app.addHook('onSend', async (request, reply) => {
      const type = types.get(request)
      if (type !== undefined) reply.header('content-type', type)
    })

    app.setErrorHandler((error, request, reply) => {
      const identity = identityOf(request)
      const refusal = wireError(asRefusal(error, request), identity)
      reply.type('application/xml')
      if (refusal !== undefined) return reply.code(refusal.status).send(refusal.body)
      request.log.error(error)
      const message = 'We encountered an internal error. Please try again.'
      return reply.code(500).send(errorBody('InternalError', message, [], identity))
    })

    app.setNotFoundHandler((request) => {
      throw new S3Error('method-not-allowed', `${request.method} is no method of S3`, { method: request.method })
    })

    app.route({
      method: ['GET', 'HEAD', 'PUT', 'DELETE', 'POST'],
      url: '/*',
      exposeHeadRoute: false,
      async handler(request, reply) {
        const { method, path, query, headers } = wires.get(request) ?? wireRequestOf(request)
        const target = targetOf(path, headers['host'] ?? '', objects.buckets)
        const asked = { ...target, method, headers, query: new URLSearchParams(query) }
        const body = Buffer.isBuffer(request.body) ? request.body : new Uint8Array()
        const seed = seeds.get(request)
        const chunks = seed === undefined ? undefined : chunkSignatures(seed)
        const answer = await operationOf(asked)(objects, { ...asked, body, chunks })
        const type = answer.headers?.['content-type']
        if (type) types.set(request, type)
        return send(reply, answer)
      },
    })

    function authorize(request: FastifyRequest, wire: ReturnType<typeof wireRequestOf>): void {
      const authentication = authenticationOf(wire)
      if (authentication === 'none') {
        throw new S3Error('no-credentials', 'the request carries no signature, neither in its query nor in a header')
      }
      if (authentication === 'header') {
        if (signers !== undefined) seeds.set(request, checkHeader(request, signers))
        return
      }
      const { bucket, bucketOfHost } = targetOf(wire.path, wire.headers['host'] ?? '', objects.buckets)
      objects.authorize(wire, authentication, { bucket, bucketOfHost, aliases })
    }
  }
}

function send(
  reply: FastifyReply,
  { status = 200, headers = {}, body }: Awaited<ReturnType<ReturnType<typeof operationOf>>>,
) {
  reply.code(status).headers(headers)
  if (typeof body === 'string') reply.type('application/xml')
  return reply.send(body)
}

/** How S3 names what the verifier of all services finds. */
const refusals = {
  'access-denied': 'no-credentials',
  'signature-incomplete': 'authorization-header',
  'signature-expired': 'time-skewed',
} as const

function checkHeader(
  request: FastifyRequest,
  { credentials, clock }: NonNullable<S3FaceOptions['signers']>,
): SeedSignature {
  const { method, originalUrl, headers } = request
  const now = clock.now()
  const signed = { method, originalUrl, headers, body: new Uint8Array() }
  const verdict = verifyRequest(signed, { credentials, now, service: 's3' })
  if (verdict.ok) return verdict.seed
  const { code, message } = verdict
  const details = { ...verdict.details, date: headers['x-amz-date'] ?? headers.date, now }
  if (code === 'unknown-access-key' || code === 'signature-mismatch') throw new ObjectsError(code, message, details)
  throw new S3Error(refusals[code], message, details)
}

/** Fastify's own refusals in our words. */
function asRefusal(error: unknown, { headers }: FastifyRequest): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new ObjectsError('too-large', 'the body is too large', {
      size: headers['content-length'],
      limit: largestObject,
    })
  }
  if (error.code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH') {
    return new S3Error('incomplete-body', 'the body is too short')
  }
  const isClients = 'statusCode' in error && typeof error.statusCode === 'number' && error.statusCode < 500
  return isClients ? new S3Error('invalid-request', error.message) : error
}

/** The request as it was signed, whatever the router in front made of its address. */
function wireRequestOf(request: FastifyRequest): WireRequest & { readonly headers: Headers } {
  const { method, originalUrl } = request
  const mark = originalUrl.indexOf('?')
  return {
    method,
    path: mark < 0 ? originalUrl : originalUrl.slice(0, mark),
    query: mark < 0 ? '' : originalUrl.slice(mark + 1),
    headers: Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]),
    ),
  }
}
