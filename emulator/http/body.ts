import type { FastifyInstance, FastifyRequest } from 'fastify'

/** What is read and thrown away after the limit, so that the client gets its answer instead of a reset connection. */
const drained = 64 * 1024 * 1024

class BodyTooLarge extends Error {
  readonly statusCode = 413
  readonly limit: number
  constructor(limit: number) {
    super(`The body is larger than ${limit} bytes.`)
    this.limit = limit
  }
}

/** Gives this scope's handlers every body as bytes, whatever its content type, up to `limit`; more is a 413. */
export function acceptRawBodies(scope: FastifyInstance, limit: number): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request: FastifyRequest, payload, done) => {
    const chunks: Buffer[] = []
    let size = 0
    payload.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= limit) chunks.push(chunk)
      else chunks.length = 0
      if (size > drained) payload.destroy()
    })
    payload.on('end', () => done(size > limit ? new BodyTooLarge(limit) : null, Buffer.concat(chunks)))
    // The client hung up: there is nobody to answer, and nothing to report.
    payload.on('error', () => undefined)
    payload.on('close', () => {
      if (size > drained) done(new BodyTooLarge(limit))
    })
  })
}

/** The bytes of a request's body; empty where it has none. */
export function bytesOf(request: FastifyRequest): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
}
