import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyPluginAsync } from 'fastify'

/** One request at a face that answers without Fastify. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The target as the client wrote it. */
  readonly url: string
  readonly protocol: 'http' | 'https'
  /** What was asked for, as far as the face has read it. */
  operation?: string | undefined
  /** Called once it is answered. */
  readonly answered?: (exchange: Exchange) => void
}

/**
 * A face whose requests are so many and so small that Fastify's life cycle would cost as much as the answer. It reads the
 * body and answers whatever it is given.
 */
export type DirectFace = (exchange: Exchange) => void

/** The same face as a plugin, for requests that come by Fastify's router all the same (`inject`). */
export function mounted(face: DirectFace): FastifyPluginAsync {
  return async (app) => {
    app.addHook('onRequest', (request, reply) => {
      reply.hijack()
      face({ request: request.raw, response: reply.raw, url: request.originalUrl, protocol: request.protocol })
    })
    const unreached = () => undefined
    app.setNotFoundHandler(unreached)
    app.all('/', unreached)
    app.all('/*', unreached)
  }
}
