import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Issue } from '../../../contracts/job.ts'
import type { Ingest, IngestErrorCode } from '../../cloud/ingest/ingest.ts'
import type { QueueErrorCode } from '../../cloud/queue/errors.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import { acceptRawBodies, bytesOf } from '../body.ts'
import { ProblemError } from '../faults/problem-error.ts'
import { sendProblem, type Problem } from '../problem.ts'

export interface IngestFaceDeps {
  readonly ingest: Ingest
  readonly token: string
  /** What `GET /health` adds to `"status": "ok"`: the version, and which worker runs. */
  readonly health: () => Record<string, unknown>
}

/** API Gateway's own limit for a payload. */
const bodyLimit = 10 * 1024 * 1024

/** What a queue may say to a job's message. */
type SendRefusal = Extract<QueueErrorCode, 'queue-not-found' | 'invalid-message-contents' | 'invalid-parameter'>

interface Row {
  readonly status: number
  readonly title: string
  /** Where the service's own message does not say what the submitter can do. */
  readonly more?: (error: EmulatorError, body: Buffer) => Pick<Problem, 'detail' | 'issues'>
}

const problems: Record<IngestErrorCode | SendRefusal, Row> = {
  'job-invalid': { status: 400, title: 'The job does not hold the contract', more: contractIssues },
  'job-conflict': { status: 409, title: 'The job is known with other content' },
  'idempotency-conflict': { status: 422, title: 'The idempotency key was used with another body' },
  'invalid-message-contents': {
    status: 400,
    title: 'The queue cannot carry these characters',
    more: refusedCharacters,
  },
  // Of a message's parameters only its size is the submitter's.
  'invalid-parameter': {
    status: 413,
    title: 'The job is too large for its queue',
    more: ({ message }) => ({
      detail: `${message} The queue's MaximumMessageSize was lowered: raise it (SetQueueAttributes), or send fewer recipients in a batch (job_batch_size).`,
    }),
  },
  'queue-not-found': {
    status: 503,
    title: 'The queue is gone',
    more: ({ message }) => ({
      detail: `${message} Create it again (CreateQueue), or restart the emulator, which does so.`,
    }),
  },
}

const isKnown = (code: string): code is keyof typeof problems => Object.hasOwn(problems, code)

function contractIssues({ message, details }: EmulatorError): Pick<Problem, 'detail' | 'issues'> {
  const issues = (details['issues'] ?? []) as readonly Issue[]
  const [first] = issues
  if (first === undefined) return { detail: message }
  const count = issues.length === 1 ? 'One issue' : `${issues.length} issues, the first`
  return { detail: `${count}: ${inWords(first)}${first.fix === undefined ? '' : ` (${first.fix})`}`, issues }
}

function refusedCharacters({ message }: EmulatorError, body: Buffer): Pick<Problem, 'detail' | 'issues'> {
  const issues: Issue[] = []
  for (const { 0: character, index } of body.toString().matchAll(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g)) {
    const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
    const fix = 'leave it out, or write it as a JSON escape (\\uXXXX)'
    if (issues.push({ path: '', reason: `U+${code} at character ${index + 1}`, fix }) === 20) break
  }
  return { detail: [message, ...issues.slice(0, 1).map(({ reason }) => `First: ${reason}.`)].join(' '), issues }
}

const inWords = ({ path, reason }: Issue) => (path === '' ? reason : `${path}: ${reason}`)

/** `POST /jobs`, and `POST /` as a Worker URL gets it, with the plugin's token; `GET /health` for "Test connection". */
export function ingestFace({ ingest, token, health }: IngestFaceDeps): FastifyPluginAsync {
  const refuse = (reply: FastifyReply, problem: Problem) => {
    const others = (problem.issues ?? []).slice(1, 5).map(inWords)
    ingest.refused(problem.status, [problem.detail, ...others].join('; '))
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
    // Who hung up meanwhile gets no answer, and 'close' does not come twice.
    if (reply.raw.closed || reply.raw.destroyed) answered()
    else reply.raw.once('close', answered)
    return reply.code(repeated ? 200 : 202).send(accepted)
  }

  return async (scope) => {
    acceptRawBodies(scope, bodyLimit)
    // Fastify refuses what is no media type, or an empty one; a job is JSON whatever its header says.
    scope.addHook('onRequest', async (request) => {
      request.headers['content-type'] = 'application/octet-stream'
    })
    scope.setErrorHandler<Error & { statusCode?: number }>((error, request, reply) => {
      if (error instanceof ProblemError) return refuse(reply.headers(error.headers), error.problem)
      if (error instanceof EmulatorError) {
        const { status, title, more }: Row = isKnown(error.code)
          ? problems[error.code]
          : { status: 503, title: 'The queue refuses the job' }
        return refuse(reply, { status, title, ...(more?.(error, bytesOf(request)) ?? { detail: error.message }) })
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
