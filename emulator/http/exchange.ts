import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { FastifyPluginAsync } from 'fastify'
import { readBody } from './body.ts'
import type { MeetFault } from './faults/exchange.ts'

/** One request at a face that answers without Fastify; its body has been read. */
export interface Exchange {
  readonly method: string
  /** The target as the client wrote it. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly protocol: 'http' | 'https'
  /** Undefined where it is larger than the face takes. */
  readonly body: Buffer | undefined
  /** What was asked for, as far as the face has read it. */
  operation?: string | undefined
  /** Asked before the operation; undefined where no fault can hit. */
  readonly meetFault?: () => Promise<boolean> | undefined
  /** `headers` as Node takes them raw: names and values by turns. */
  answer(status: number, headers: readonly string[], text: string): void
  /** Aborted when the caller leaves before it is answered. */
  signal(): AbortSignal
}

/**
 * A face whose requests are so many and so small that Fastify's life cycle would cost as much as the answer. It answers
 * whatever it is given.
 */
export interface DirectFace {
  /** Bytes. */
  readonly bodyLimit: number
  meet(exchange: Exchange): void
}

/** The same face as a plugin, for requests that the fast path leaves to Node and Fastify. */
export function mounted(face: DirectFace, meetFault?: MeetFault): FastifyPluginAsync {
  return async (app) => {
    app.addHook('onRequest', (request, reply) => {
      reply.hijack()
      const { raw, method, url, originalUrl, headers, protocol } = request
      readBody(raw, face.bodyLimit, (tooLarge, body) =>
        face.meet({
          method,
          url: originalUrl,
          headers,
          protocol,
          body: tooLarge === null ? body : undefined,
          meetFault: () => meetFault?.({ method, url, originalUrl, headers, body }, reply.raw),
          answer: (status, given, text) => answer(reply.raw, status, given, text),
          signal: () => signalOf(reply.raw),
        }),
      )
    })
    const unreached = () => undefined
    app.setNotFoundHandler(unreached)
    app.all('/', unreached)
    app.all('/*', unreached)
  }
}

function answer(response: ServerResponse, status: number, headers: readonly string[], text: string): void {
  if (response.destroyed) return
  response.writeHead(status, [...headers, 'Content-Length', String(Buffer.byteLength(text))])
  response.end(text)
}

function signalOf(response: ServerResponse): AbortSignal {
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableEnded) gone.abort()
  })
  if (response.destroyed) gone.abort()
  return gone.signal
}
