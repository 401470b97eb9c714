import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { alterationNames } from '../../../contracts/alterations.ts'
import type { Verdict } from '../../../contracts/invariants/index.ts'
import { dialects } from '../../../contracts/job.ts'
import type { Faults } from '../../kernel/faults/faults.ts'
import type { Journal } from '../../kernel/journal.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import type { JobRow } from '../../worker/ledger/tables.ts'
import type { Views } from '../../worker/ledger/views.ts'
import type { Callbacks } from '../../worker/callbacks/callbacks.ts'
import { sendProblem } from '../problem.ts'
import { eventStream } from './events.ts'
import { faultsFace } from './faults.ts'

/** What the control API shows and does; the composition root binds it to the services. */
export interface ControlDeps {
  readonly journal: Journal
  readonly faults: Faults
  readonly views: Views
  readonly health: () => Record<string, unknown>
  readonly stats: () => Record<string, unknown>
  readonly queues: {
    overview(): readonly { name: string }[]
    peek(name: string, limit: number): readonly unknown[]
    redrive(name: string): { moved: number }
  }
  readonly alarms: { list(): readonly unknown[]; history(limit: number): readonly unknown[] }
  readonly callbacks: Pick<Callbacks, 'list' | 'get' | 'replay' | 'probe' | 'summary'>
  /** Holds the laws against a job, or against everything that has happened since the last reset. */
  readonly check: (job?: { tenant: number; job: string }) => Promise<readonly Verdict[]>
  /** Retries the failed recipients as a new job; throws `nothing-to-retry`. */
  readonly retry: (job: JobRow, recipient?: string) => Promise<{ job_id: string | number; recipients: number }>
  /** Submits as the plugin would, with invented people or a file's job. */
  readonly send: (request: SendRequest) => Promise<unknown>
  readonly reset: (tenant?: number) => void
}

export const sendRequest = z.strictObject({
  type: z.string().min(1).default('csv_import'),
  recipients: z.number().int().min(1).max(1_000_000).default(10),
  bounces: z.number().int().min(0).default(0),
  certificate: z.boolean().default(false),
  mode: z.enum(['api', 'sqs']).optional(),
  dialect: z.enum(dialects).optional(),
  shape: z.enum(['batches', 'one-message', 'one-recipient-jobs']).default('batches'),
  tenant: z.number().int().min(0).default(1),
  event: z.string().optional(),
  seed: z.string().optional(),
})
export type SendRequest = z.output<typeof sendRequest>

const statuses: Record<string, number> = {
  'not-found': 404,
  'queue-not-found': 404,
  ambiguous: 409,
  'nothing-to-retry': 409,
  'callback-not-found': 404,
  'callback-ambiguous': 409,
  'callback-parked': 409,
}

const tenantQuery = z.object({ tenant: z.coerce.number().int().min(0).optional() })
const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  after: z.coerce.number().int().min(0).default(0),
  failed: z.stringbool().default(false),
})
const callbackQuery = z.object({
  tenant: z.coerce.number().int().min(0).optional(),
  job: z.string().optional(),
  state: z.enum(['waiting', 'delivering', 'delivered', 'dead', 'parked']).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  after: z.string().optional(),
})
const logQuery = z.object({
  last: z.coerce.number().int().min(1).max(100_000).default(100),
  job: z.string().optional(),
})
const probeRequest = z.strictObject({
  times: z.int().min(1).max(1000).default(1),
  concurrency: z.int().min(1).max(50).default(1),
  tamper: z.array(z.enum(alterationNames)).max(alterationNames.length).default([]),
  as_sent: z.boolean().default(false),
  to: z.url({ protocol: /^https?$/ }).optional(),
})
const byId = z.object({ id: z.string() })

/** The control API under `/_offload`: what the CLI and the page speak. Errors are problem+json. */
export function controlFace(deps: ControlDeps): FastifyPluginAsync {
  const { views } = deps

  /** The job that a request means; ids are unique inside a tenant only. */
  const jobOf = (request: FastifyRequest): JobRow => {
    const { id } = byId.parse(request.params)
    const { tenant } = tenantQuery.parse(request.query)
    const rows = views.rows(id, tenant)
    const [row, ...others] = rows
    if (row === undefined) {
      throw new EmulatorError(
        'not-found',
        `No job ${id}${tenant === undefined ? '' : ` of tenant ${tenant}`}: see offload jobs.`,
      )
    }
    if (others.length > 0) {
      const tenants = rows.map((each) => each.tenant).join(', ')
      throw new EmulatorError('ambiguous', `Tenants ${tenants} each have a job ${id}: add ?tenant=N (--tenant N).`)
    }
    return row
  }
  const jobView = (row: JobRow) => ({ ...views.viewOf(row), callbacks: deps.callbacks.summary(row.tenant, row.job) })

  return async (scope) => {
    scope.setErrorHandler<Error & { statusCode?: number }>((error, request, reply) => {
      if (error instanceof z.ZodError) {
        const issues = error.issues.map(({ path, message }) => ({ path: path.join('.'), reason: message }))
        return sendProblem(reply, { status: 400, title: 'Bad request', detail: 'See issues.', issues })
      }
      if (error instanceof EmulatorError) {
        const status = statuses[String(error.code)] ?? 400
        return sendProblem(reply, { status, title: error.code, detail: error.message })
      }
      const status = error.statusCode ?? 500
      if (status >= 500) request.log.error(error)
      return sendProblem(reply, {
        status,
        title: status < 500 ? 'Bad request' : 'Internal error',
        detail: error.message,
      })
    })

    scope.get('/health', () => ({ status: 'ok', ...deps.health() }))
    scope.get('/stats', () => deps.stats())
    // Imported when it is asked for: few ask, and all would wait for it at the start.
    scope.get('/openapi.json', async () => (await import('../../../contracts/export/openapi.ts')).openApiDocument())

    scope.get('/jobs', (request) => {
      const { limit } = pageQuery.parse(request.query)
      return { jobs: views.jobs({ limit, tenant: tenantQuery.parse(request.query).tenant }) }
    })
    scope.get('/jobs/:id', (request) => jobView(jobOf(request)))
    scope.get('/jobs/:id/check', async (request) => ({ verdicts: await deps.check(jobOf(request)) }))
    scope.get('/check', async () => ({ verdicts: await deps.check() }))
    scope.get('/jobs/:id/recipients', (request) => views.recipients(jobOf(request).id, pageQuery.parse(request.query)))
    scope.post('/jobs/:id/retry', async (request, reply) => {
      const { recipient } = z.object({ recipient: z.string().optional() }).parse(request.body ?? {})
      return reply.code(202).send(await deps.retry(jobOf(request), recipient))
    })

    scope.get('/queues', () => ({ queues: deps.queues.overview() }))
    scope.get('/queues/:id/messages', (request) => {
      const { id } = byId.parse(request.params)
      return { messages: deps.queues.peek(id, pageQuery.parse(request.query).limit) }
    })
    scope.post('/queues/:id/redrive', (request) => deps.queues.redrive(byId.parse(request.params).id))

    scope.get('/alarms', (request) => ({
      alarms: deps.alarms.list(),
      history: deps.alarms.history(pageQuery.parse(request.query).limit),
    }))

    scope.get('/callbacks', (request) => {
      return { callbacks: deps.callbacks.list(callbackQuery.parse(request.query)) }
    })
    scope.get('/callbacks/:id', (request) => deps.callbacks.get(byId.parse(request.params).id))
    scope.post('/callbacks/:id/replay', (request, reply) =>
      reply.code(202).send(deps.callbacks.replay(byId.parse(request.params).id)),
    )
    scope.post('/callbacks/:id/probe', (request) => {
      const { as_sent: asSent, ...asked } = probeRequest.parse(request.body ?? {})
      return deps.callbacks.probe(byId.parse(request.params).id, { ...asked, asSent })
    })

    await scope.register(faultsFace(deps))

    scope.get('/log', (request) => {
      const { last, job } = logQuery.parse(request.query)
      return { entries: deps.journal.read({ last, ...(job === undefined ? {} : { job }) }) }
    })
    scope.get('/events', (request, reply: FastifyReply) => eventStream(deps.journal, request, reply))

    scope.post('/send', async (request, reply) =>
      reply.code(202).send(await deps.send(sendRequest.parse(request.body ?? {}))),
    )
    scope.post('/reset', (request) => {
      const { tenant } = tenantQuery.parse(request.query)
      deps.reset(tenant)
      return { reset: tenant === undefined ? 'everything' : `tenant ${tenant}` }
    })
    scope.setNotFoundHandler((request, reply) =>
      sendProblem(reply, {
        status: 404,
        title: 'Not found',
        detail: `${request.method} ${request.originalUrl} is not there.`,
      }),
    )
  }
}
