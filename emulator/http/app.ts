import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import type { Clock } from '../kernel/clock.ts'
import { mounted, type DirectFace } from './exchange.ts'
import { createFastPath } from './fast-path.ts'
import { foreignSender, guard, refuseForeign, type GuardDeps } from './guard.ts'
import { injectedProtocol } from './inject.ts'
import { createPortServer } from './port-server.ts'
import type { ProviderFaceName } from './providers/routes.ts'
import { originForm, rewriteUrl } from './router.ts'
import { sendProblem } from './problem.ts'
import { faultHook, type MeetFault } from './faults/exchange.ts'

/** What the router rewrites to by name. */
export type ServiceName = 'sqs' | 's3' | 'ses' | ProviderFaceName

/** What the app is made of; without a port it is built in parts, each when it is first asked for (`parts.ts`). */
export type Part = ServiceName | 'control' | 'site'

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
    readonly services: Readonly<Record<Exclude<ServiceName, 'sqs'>, FastifyPluginAsync>>
    /** Its JSON protocol is answered before Node's server and Fastify, where the request is plain. */
    readonly sqs: DirectFace
    readonly ingest: FastifyPluginAsync
    readonly control: FastifyPluginAsync
    readonly moodle: FastifyPluginAsync
    readonly page: FastifyPluginAsync
    readonly verification: FastifyPluginAsync
  }
  /** Asked before each operation of a face. */
  readonly meetFault: MeetFault
  /** Whether there is any rule of faults. */
  readonly faultsAreSet: () => boolean
  readonly onRequest: (line: RequestLine) => void
  readonly onError: (error: unknown) => void
}

/** The one port, or one part of it: each protocol in a scope of its own, with its own parsers, errors and 404. */
export function createApp(deps: AppDeps, part?: Part): FastifyInstance {
  const { clock, guard: guardDeps, faces, meetFault, faultsAreSet, onRequest, onError } = deps
  const has = (name: string) => part === undefined || part === name
  const fastPath = createFastPath({
    face: faces.sqs,
    clock,
    // What a browser was made to send goes on to the hook that refuses it.
    takes({ target, headers }) {
      if (headers['x-amz-target'] === undefined || faultsAreSet()) return false
      const url = rewriteUrl({ method: 'POST', url: target, headers })
      return url.startsWith('/@sqs/') && foreignSender({ method: 'POST', url, headers }) === undefined
    },
    onAnswered({ exchange: { method, url, headers }, status, began }) {
      const operation = operationOf(headers['x-amz-target'], undefined)
      try {
        onRequest({
          at: clock.now(),
          method,
          path: pathOf(url),
          status,
          milliseconds: Math.round(clock.monotonic() - began),
          service: 'sqs',
          ...(operation === undefined ? {} : { operation }),
        })
      } catch (error) {
        // The request is answered: a listener's defect is not the caller's.
        onError(error)
      }
    },
  })

  const app = Fastify({
    serverFactory: (handler) => createPortServer(fastPath, handler),
    rewriteUrl(request) {
      // What is signed, shown and logged is the path, however the client wrote the target.
      Object.assign(request, { originalUrl: originForm(request.url ?? '/') })
      return rewriteUrl(request)
    },
    loggerInstance: errorLogger(onError),
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: true,
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

  app.addHook('preClose', async () => fastPath.close())
  app.addHook('onRequest', refuseForeign)
  app.addHook('onRequest', injectedProtocol)
  app.addHook('preHandler', faultHook(meetFault))
  app.addHook('onResponse', async (request, reply) => {
    const operation = operationOf(request.headers['x-amz-target'], request.body)
    onRequest({
      at: clock.now(),
      method: request.method,
      path: pathOf(request.originalUrl),
      status: reply.statusCode,
      milliseconds: Math.round(reply.elapsedTime),
      service: serviceOf(request.method, pathOf(request.url)),
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

  if (has('sqs')) app.register(mounted(faces.sqs, meetFault), { prefix: '/@sqs' })
  for (const [name, face] of Object.entries(faces.services)) {
    if (has(name)) app.register(face, { prefix: `/@${name}` })
  }
  if (has('control')) {
    app.register(
      async (scope) => {
        scope.addHook('onRequest', own)
        await scope.register(faces.control)
      },
      { prefix: '/_offload' },
    )
  }
  if (has('site')) {
    app.register(faces.ingest)
    app.register(faces.moodle)
    app.register(faces.verification)
    app.register(async (scope) => {
      scope.addHook('onRequest', own)
      await scope.register(faces.page)
    })
  }
  return app
}

function pathOf(url: string): string {
  const mark = url.indexOf('?')
  return mark < 0 ? url : url.slice(0, mark)
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
