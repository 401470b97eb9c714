import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** What is read and thrown away after the limit, so that the client gets its answer instead of a reset connection. */
const drained = 64 * 1024 * 1024

const nothing = Buffer.alloc(0)

export class BodyTooLarge extends Error {
  readonly statusCode = 413
  readonly limit: number
  constructor(limit: number) {
    super(`The body is larger than ${limit} bytes.`)
    this.limit = limit
  }
}

/**
 * Reads a body of up to `limit` bytes. `done` is called once, with `BodyTooLarge` where it has more; never where the
 * client hung up: there is nobody to answer, and nothing to report.
 */
export function readBody(
  stream: IncomingMessage,
  limit: number,
  done: (error: BodyTooLarge | null, body: Buffer) => void,
): void {
  const chunks: Buffer[] = []
  let size = 0
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= limit) chunks.push(chunk)
    else chunks.length = 0
    if (size <= drained) return
    stream.destroy()
    done(new BodyTooLarge(limit), nothing)
  })
  stream.on('end', () => {
    if (size > limit) done(new BodyTooLarge(limit), nothing)
    else done(null, chunks.length === 1 ? (chunks[0] ?? nothing) : Buffer.concat(chunks))
  })
  stream.on('error', () => undefined)
}

/** Gives this scope's handlers every body as bytes, whatever its content type, up to `limit`; more is a 413. */
export function acceptRawBodies(scope: FastifyInstance, limit: number): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request: FastifyRequest, payload, done) => readBody(payload, limit, done))
}

/** The bytes of a request's body; empty where it has none. */
export function bytesOf(request: FastifyRequest): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
}
