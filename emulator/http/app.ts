import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import type { Clock } from '../kernel/clock.ts'
import { guard, type GuardDeps } from './guard.ts'
import { rewriteUrl } from './router.ts'
import { sendProblem } from './problem.ts'

/** One answered request, for the live log. */
export interface RequestLine {
  /** Epoch milliseconds. */
  readonly at: number
  readonly method: string
  readonly path: string
  readonly status: number
  readonly milliseconds: number
  readonly service: 'sqs' | 's3' | 'ingest' | 'control' | 'moodle' | 'page'
  /** The AWS operation, where one was named. */
  readonly operation?: string
}

export interface AppDeps {
  readonly clock: Clock
  readonly guard: GuardDeps
  readonly faces: {
    readonly sqs: FastifyPluginAsync
    readonly s3: FastifyPluginAsync
    readonly ingest: FastifyPluginAsync
    readonly control: FastifyPluginAsync
    readonly moodle: FastifyPluginAsync
    readonly page: FastifyPluginAsync
    readonly verification: FastifyPluginAsync
  }
  readonly onRequest: (line: RequestLine) => void
  readonly onError: (error: unknown) => void
}

/** The one port: each protocol in a scope of its own, with its own parsers, errors and 404. */
export function createApp({ clock, guard: guardDeps, faces, onRequest, onError }: AppDeps): FastifyInstance {
  const app = Fastify({
    rewriteUrl: (request) => rewriteUrl(request),
    loggerInstance: errorLogger(onError),
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: true,
    keepAliveTimeout: 65_000,
    routerOptions: { maxParamLength: 2048 },
    clientErrorHandler(_error, socket) {
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    },
  })
  const own = guard(guardDeps)

  app.addHook('onResponse', async (request, reply) => {
    const operation = operationOf(request.headers['x-amz-target'], request.body)
    onRequest({
      at: clock.now(),
      method: request.method,
      path: request.originalUrl.replace(/\?.*$/s, ''),
      status: reply.statusCode,
      milliseconds: Math.round(reply.elapsedTime),
      service: serviceOf(request.method, request.url),
      ...(operation === undefined ? {} : { operation }),
    })
  })
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, {
      status: 404,
      title: 'Not found',
      detail: `${request.method} ${request.originalUrl} is not there.`,
    }),
  )

  app.register(faces.sqs, { prefix: '/@sqs' })
  app.register(faces.s3, { prefix: '/@s3' })
  app.register(faces.ingest)
  app.register(faces.moodle)
  app.register(faces.verification)
  app.register(
    async (scope) => {
      scope.addHook('onRequest', own)
      await scope.register(faces.control)
    },
    { prefix: '/_offload' },
  )
  app.register(async (scope) => {
    scope.addHook('onRequest', own)
    await scope.register(faces.page)
  })
  return app
}

function serviceOf(method: string, url: string): RequestLine['service'] {
  if (url.startsWith('/@sqs')) return 'sqs'
  if (url.startsWith('/@s3')) return 's3'
  if (url.startsWith('/_offload/page')) return 'page'
  if (url.startsWith('/_offload')) return 'control'
  if (url.startsWith('/local/')) return 'moodle'
  return url === '/jobs' || url === '/health' || method === 'POST' ? 'ingest' : 'page'
}

function operationOf(target: unknown, body: unknown): string | undefined {
  if (typeof target === 'string') return target.split('.').at(-1)
  if (typeof body === 'object' && body !== null && 'Action' in body && typeof body.Action === 'string')
    return body.Action
  return undefined
}

/** Fastify logs through this; only errors are for a person, and they go where the composition root says. */
function errorLogger(onError: (error: unknown) => void): FastifyBaseLogger {
  const silent = () => undefined
  const logger: FastifyBaseLogger = {
    level: 'error',
    fatal: onError,
    error: onError,
    warn: silent,
    info: silent,
    debug: silent,
    trace: silent,
    silent,
    child: () => logger,
  }
  return logger
}
