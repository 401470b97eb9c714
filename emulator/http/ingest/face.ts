import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Issue } from '../../../contracts/job.ts'
import type { Ingest, IngestErrorCode } from '../../cloud/ingest/ingest.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import { acceptRawBodies, bytesOf } from '../body.ts'
import { sendProblem, type Problem } from '../problem.ts'

export interface IngestFaceDeps {
  readonly ingest: Ingest
  readonly token: string
  /** What `GET /health` adds: the version, the worker, the queue's depth. */
  readonly health: () => Record<string, unknown>
}

/** API Gateway's own limit for a payload. */
const bodyLimit = 10 * 1024 * 1024

const problems: Record<IngestErrorCode, Pick<Problem, 'status' | 'title'>> = {
  'job-invalid': { status: 400, title: 'The job does not hold the contract' },
  'job-conflict': { status: 409, title: 'The job is known with other content' },
  'idempotency-conflict': { status: 422, title: 'The idempotency key was used with another body' },
}

/** `POST /jobs`, and `POST /` as a Worker URL gets it, with the plugin's token; `GET /health` for "Test connection". */
export function ingestFace({ ingest, token, health }: IngestFaceDeps): FastifyPluginAsync {
  const refuse = (reply: FastifyReply, problem: Problem) => {
    const issues = (problem.issues ?? [])
      .slice(0, 5)
      .map(({ path, reason }) => (path === '' ? reason : `${path}: ${reason}`))
    ingest.refused(problem.status, [problem.detail, ...issues].join(' '))
    return sendProblem(reply, problem)
  }

  const authorise = (request: FastifyRequest): Problem | undefined => {
    const given = tokenOf(request)
    if (given === undefined) {
      return {
        status: 401,
        title: 'No token',
        detail:
          'Send the token as "Authorization: Bearer TOKEN" or "x-api-key: TOKEN" (the plugin\'s cloud_auth_token).',
      }
    }
    if (!equal(given, token)) {
      return {
        status: 403,
        title: 'Wrong token',
        detail:
          'The token is not the one that this emulator expects: see what `offload up` printed, or OFFLOAD_INGEST_TOKEN.',
      }
    }
    return undefined
  }

  const submit = async (request: FastifyRequest, reply: FastifyReply) => {
    const refused = authorise(request)
    if (refused !== undefined) return refuse(reply, refused)
    const tenant = header(request, 'x-tenant-id')
    if (tenant !== undefined && !/^\d{1,15}$/.test(tenant)) {
      const detail = `x-tenant-id must be a company's number, not "${tenant.slice(0, 40)}".`
      return refuse(reply, { status: 400, title: 'Bad header', detail })
    }
    const idempotencyKey = header(request, 'idempotency-key')
    if (idempotencyKey !== undefined && idempotencyKey.length > 255) {
      return refuse(reply, {
        status: 400,
        title: 'Bad header',
        detail: 'Idempotency-Key is longer than 255 characters.',
      })
    }
    const { accepted, repeated, answered } = await ingest.submit({
      body: bytesOf(request),
      envelope: tenant === undefined ? {} : { tenant: Number(tenant) },
      idempotencyKey,
    })
    reply.raw.once('close', answered)
    return reply.code(repeated ? 200 : 202).send(accepted)
  }

  return async (scope) => {
    acceptRawBodies(scope, bodyLimit)
    scope.setErrorHandler<Error & { statusCode?: number }>((error, request, reply) => {
      if (error instanceof EmulatorError && error.code in problems) {
        const issues = error.details['issues'] as Issue[] | undefined
        const { status, title } = problems[error.code as IngestErrorCode]
        return refuse(reply, { status, title, detail: error.message, ...(issues === undefined ? {} : { issues }) })
      }
      if (error.statusCode === 413) {
        const detail = `${error.message} Send the recipients in several batches of the same job id (job_batch_size, 200).`
        return refuse(reply, { status: 413, title: 'Body too large', detail })
      }
      if (error.statusCode !== undefined && error.statusCode < 500) {
        return refuse(reply, { status: error.statusCode, title: 'Bad request', detail: error.message })
      }
      request.log.error(error)
      return sendProblem(reply, {
        status: 500,
        title: 'Internal error',
        detail: 'A defect of Offload; its log has the trace.',
      })
    })
    scope.post('/jobs', submit)
    scope.post('/', submit)
    scope.get('/health', (request, reply) => {
      // "Test connection" sends its token: tell at once that a job would be refused.
      const refused = tokenOf(request) === undefined ? undefined : authorise(request)
      return refused === undefined ? reply.send({ status: 'ok', ...health() }) : sendProblem(reply, refused)
    })
    const notAllowed = (request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(reply.header('allow', 'POST'), {
        status: 405,
        title: 'Method not allowed',
        detail: `${request.method} /jobs is not there: jobs are submitted by POST, and listed at /_offload/jobs.`,
      })
    scope.route({ method: ['GET', 'PUT', 'DELETE', 'PATCH'], url: '/jobs', handler: notAllowed })
  }
}

function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

function tokenOf(request: FastifyRequest): string | undefined {
  const bearer = /^Bearer +(\S+)\s*$/i.exec(request.headers.authorization ?? '')?.[1]
  return bearer ?? header(request, 'x-api-key')
}

function equal(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
