import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { ObjectHead, Objects } from '../../cloud/objects/objects.ts'
import { decodePath, isPresigned } from '../../cloud/objects/sigv4.ts'
import type { Ids } from '../../kernel/ids.ts'
import { errorBody, S3Error, wireError } from './errors.ts'
import { decodePayload } from './payload.ts'
import { parseRange } from './range.ts'

export interface S3FaceOptions {
  readonly objects: Objects
  readonly ids: Ids
  /** Further hosts, with their ports, under which clients know us: presigned URLs are right for any of them. */
  readonly aliases: readonly string[]
}

// Larger objects are uploaded in parts; the state file holds certificates.
const bodyLimit = 64 * 1024 * 1024

interface Target {
  readonly bucket: string
  readonly key: string
  readonly query: URLSearchParams
}

/** Headers that are kept with an object and come back with it. */
const kept = ['cache-control', 'content-disposition', 'content-encoding', 'content-language', 'expires']

/** Query parameters that replace a header of the answer. */
const overrides = [
  'content-type',
  'content-disposition',
  'content-encoding',
  'content-language',
  'cache-control',
  'expires',
]

/** Query parameters that name another operation than the plain one on the object or the bucket. */
const operations = [
  'acl',
  'attributes',
  'delete',
  'legal-hold',
  'partNumber',
  'restore',
  'retention',
  'tagging',
  'torrent',
  'uploadId',
  'uploads',
  'versionId',
]

/** S3's REST protocol, path style: objects of the one bucket, presigned or with any credentials. */
export function s3Face({ objects, ids, aliases }: S3FaceOptions): FastifyPluginAsync {
  return async (app) => {
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (_request, body, done) => done(null, body))

    const identities = new WeakMap<FastifyRequest, { requestId: string; hostId: string }>()
    const identityOf = (request: FastifyRequest) => {
      let identity = identities.get(request)
      if (identity === undefined) {
        const requestId = ids.next('s3-request').replaceAll('-', '').slice(0, 16).toUpperCase()
        identity = { requestId, hostId: Buffer.from(ids.stable(64, 's3-host'), 'hex').toString('base64') }
        identities.set(request, identity)
      }
      return identity
    }

    app.addHook('onRequest', async (request, reply) => {
      const { requestId, hostId } = identityOf(request)
      reply.headers({ 'x-amz-request-id': requestId, 'x-amz-id-2': hostId, server: 'AmazonS3' })
      authorize(request)
    })

    app.setErrorHandler((error, request, reply) => {
      const identity = identityOf(request)
      const refusal = wireError(asRefusal(error), identity)
      reply.type('application/xml')
      if (refusal !== undefined) return reply.code(refusal.status).send(refusal.body)
      request.log.error(error)
      const message = 'We encountered an internal error. Please try again.'
      return reply.code(500).send(errorBody('InternalError', message, [], identity))
    })

    app.route({
      method: ['GET', 'HEAD', 'PUT', 'DELETE', 'POST'],
      url: '/*',
      exposeHeadRoute: false,
      handler: (request, reply) => {
        const target = targetOf(request)
        const operation = operations.find((name) => target.query.has(name))
        if (operation !== undefined) throw notImplemented(`?${operation}`)
        return target.key === '' ? onBucket(target, request, reply) : onObject(target, request, reply)
      },
    })

    function authorize(request: FastifyRequest): void {
      const { path, query } = split(request.originalUrl)
      if (isPresigned(query)) {
        objects.authorize({ method: request.method, path, query, headers: headersOf(request) }, aliases)
      } else if (request.headers.authorization === undefined) {
        throw new S3Error('no-credentials', 'the request carries no signature, neither in its query nor in a header')
      }
    }

    function targetOf(request: FastifyRequest): Target {
      const { path, query } = split(request.url.slice(app.prefix.length))
      const decoded = decodePath(path).replace(/^\//, '')
      const slash = decoded.indexOf('/')
      const bucket = slash < 0 ? decoded : decoded.slice(0, slash)
      return { bucket, key: slash < 0 ? '' : decoded.slice(slash + 1), query: new URLSearchParams(query) }
    }

    function onBucket({ bucket }: Target, { method }: FastifyRequest, reply: FastifyReply) {
      if (bucket === '') throw notImplemented('ListBuckets')
      objects.requireBucket(bucket)
      if (method === 'HEAD') return reply.send()
      // In us-east-1 creating a bucket that one has is no error.
      if (method === 'PUT') return reply.header('location', `/${bucket}`).send()
      throw notImplemented(`${method} on a bucket`)
    }

    async function onObject(target: Target, request: FastifyRequest, reply: FastifyReply) {
      switch (request.method) {
        case 'GET':
        case 'HEAD':
          return sendObject(target, request, reply)
        case 'PUT':
          return putObject(target, request, reply)
        case 'DELETE':
          await objects.remove(target.bucket, target.key)
          return reply.code(204).send()
        default:
          throw new S3Error('method-not-allowed', `${request.method} is not for objects`, { method: request.method })
      }
    }

    function sendObject({ bucket, key, query }: Target, request: FastifyRequest, reply: FastifyReply) {
      const object =
        request.method === 'HEAD' ? { ...objects.head(bucket, key), bytes: undefined } : objects.read(bucket, key)
      const range = parseRange(request.headers.range, object.size)
      const { start, end } = range ?? { start: 0, end: object.size - 1 }
      reply.headers({ ...answerHeaders(object), ...overridesOf(query) })
      // A page that somebody stored must not act as one of the emulator's own.
      if (!/^(application\/pdf|image\/(png|jpeg))\b/.test(String(reply.getHeader('content-type')))) {
        reply.header('content-security-policy', 'sandbox')
      }
      reply.header('content-length', end - start + 1)
      if (range !== undefined) reply.code(206).header('content-range', `bytes ${start}-${end}/${object.size}`)
      return object.bytes === undefined ? reply.send() : reply.send(Buffer.from(object.bytes).subarray(start, end + 1))
    }

    async function putObject({ bucket, key }: Target, request: FastifyRequest, reply: FastifyReply) {
      const headers = headersOf(request)
      if (headers['x-amz-copy-source'] !== undefined) throw notImplemented('CopyObject')
      objects.requireBucket(bucket)
      const bytes = decodePayload(Buffer.isBuffer(request.body) ? request.body : new Uint8Array(), headers)
      const { etag } = await objects.upload(bucket, {
        key,
        contentType: headers['content-type'] ?? 'binary/octet-stream',
        bytes,
        headers: keptHeaders(headers),
      })
      return reply.header('etag', `"${etag}"`).send()
    }
  }
}

function notImplemented(what: string): S3Error {
  return new S3Error(
    'not-implemented',
    `A header or query you provided implies functionality that is not implemented: ${what}.`,
  )
}

/** Fastify's own refusals in our words. */
function asRefusal(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new S3Error('too-large', 'the body is too large', { limit: bodyLimit })
  if (code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH') return new S3Error('incomplete-body', 'the body is too short')
  return error
}

function split(url: string): { path: string; query: string } {
  const mark = url.indexOf('?')
  return mark < 0 ? { path: url, query: '' } : { path: url.slice(0, mark), query: url.slice(mark + 1) }
}

function headersOf(request: FastifyRequest): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]),
  )
}

function answerHeaders(object: ObjectHead): Record<string, string> {
  return {
    ...object.headers,
    'accept-ranges': 'bytes',
    'content-type': object.contentType,
    etag: `"${object.etag}"`,
    'last-modified': new Date(object.created).toUTCString(),
    'x-content-type-options': 'nosniff',
  }
}

function overridesOf(query: URLSearchParams): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of overrides) {
    const value = query.get(`response-${name}`)
    if (value === null) continue
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      const message = 'Header value cannot be represented using ISO-8859-1.'
      throw new S3Error('invalid-argument', message, { name: `response-${name}`, value })
    }
    headers[name] = value
  }
  return headers
}

function keptHeaders(headers: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || !(kept.includes(name) || name.startsWith('x-amz-meta-'))) continue
    // How the SDK wrapped the body on its way is not how the object is encoded.
    const stored = name === 'content-encoding' ? value.replace(/\s*aws-chunked\s*,?/i, '').trim() : value
    if (stored !== '') found[name] = stored
  }
  return found
}
