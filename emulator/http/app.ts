import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import type { Clock } from '../kernel/clock.ts'
import { guard, refuseForeign, type GuardDeps } from './guard.ts'
import { injectedProtocol } from './inject.ts'
import type { ProviderFaceName } from './providers/routes.ts'
import { originForm, rewriteUrl } from './router.ts'
import { sendProblem } from './problem.ts'

/** What the router rewrites to by name. */
export type ServiceName = 'sqs' | 's3' | 'ses' | ProviderFaceName

/** One answered request, for the live log. */
export interface RequestLine {
  /** Epoch milliseconds. */
  readonly at: number
  readonly method: string
  readonly path: string
  readonly status: number
  readonly milliseconds: number
  readonly service: ServiceName | 'ingest' | 'control' | 'moodle' | 'page'
  /** The AWS operation, where one was named. */
  readonly operation?: string
}

export interface AppDeps {
  readonly clock: Clock
  readonly guard: GuardDeps
  readonly faces: {
    /** By the name under which the router rewrites to them: `/@sqs/…`. */
    readonly services: Readonly<Record<ServiceName, FastifyPluginAsync>>
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
    rewriteUrl(request) {
      // What is signed, shown and logged is the path, however the client wrote the target.
      Object.assign(request, { originalUrl: originForm(request.url ?? '/') })
      return rewriteUrl(request)
    },
    loggerInstance: errorLogger(onError),
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: true,
    keepAliveTimeout: 65_000,
    routerOptions: { maxParamLength: 2048 },
    clientErrorHandler(error, socket) {
      if (error.code === 'ECONNRESET' || !socket.writable) return
      const detail = `This is no HTTP request that can be read: ${error.message} (${error.code}).`
      const body = JSON.stringify({ type: 'about:blank', status: 400, title: 'Bad request', detail })
      socket.end(
        `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/problem+json\r\n` +
          `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      )
    },
  })
  const own = guard(guardDeps)

  app.addHook('onRequest', refuseForeign)
  app.addHook('onRequest', injectedProtocol)
  app.addHook('onResponse', async (request, reply) => {
    const operation = operationOf(request.headers['x-amz-target'], request.body)
    onRequest({
      at: clock.now(),
      method: request.method,
      path: request.originalUrl.replace(/\?.*$/s, ''),
      status: reply.statusCode,
      milliseconds: Math.round(reply.elapsedTime),
      service: serviceOf(request.method, request.url.replace(/\?.*$/s, '')),
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

  for (const [name, face] of Object.entries(faces.services)) app.register(face, { prefix: `/@${name}` })
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

function serviceOf(method: string, path: string): RequestLine['service'] {
  const service = /^\/@([a-z0-9-]+)/.exec(path)?.[1]
  if (service !== undefined) return service as ServiceName
  if (path.startsWith('/_offload/page')) return 'page'
  if (path.startsWith('/_offload')) return 'control'
  if (path.startsWith('/local/')) return 'moodle'
  return path === '/jobs' || path === '/health' || method === 'POST' ? 'ingest' : 'page'
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
  const report = (error: unknown) => {
    if (!isHangUp(error)) onError(error)
  }
  const logger: FastifyBaseLogger = {
    level: 'error',
    fatal: report,
    error: report,
    warn: silent,
    info: silent,
    debug: silent,
    trace: silent,
    silent,
    child: () => logger,
  }
  return logger
}

/** What Node throws into a request whose client went away in the middle of its body: no defect of ours. */
function isHangUp(error: unknown): boolean {
  return error instanceof Error && error.message === 'aborted' && 'code' in error && error.code === 'ECONNRESET'
}
