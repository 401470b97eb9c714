import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Alarms } from '../../alarms/alarms.ts'
import { alarmsPage } from '../../dashboard/alarms.ts'
import { callbackPage, queuesPage, settingsPage, type QueueRow, type StuckMessage } from '../../dashboard/details.ts'
import { html, type Html } from '../../dashboard/html.ts'
import { callbacksPage, jobPage, jobPath, jobsTable } from '../../dashboard/jobs.ts'
import { page } from '../../dashboard/layout.ts'
import { verificationPage } from '../../dashboard/verification.ts'
import type { SettingsToCopy } from '../../moodle/settings-to-copy.ts'
import { EmulatorError, messageOf } from '../../kernel/errors.ts'
import type { Callbacks } from '../../worker/callbacks/callbacks.ts'
import { normalCode, type Verify } from '../../worker/certificate/verification.ts'
import type { JobRow } from '../../worker/ledger/tables.ts'
import type { Views } from '../../worker/ledger/views.ts'
import { acceptRawBodies } from '../body.ts'

export interface PageDeps {
  readonly views: Views
  readonly callbacks: Pick<Callbacks, 'list' | 'get' | 'replay'>
  readonly queues: {
    overview(): readonly QueueRow[]
    peek(name: string, limit: number): readonly StuckMessage[]
  }
  readonly alarms: Pick<Alarms, 'list' | 'history'>
  readonly retry: (job: JobRow) => Promise<{ job_id: string | number }>
  readonly settings: () => SettingsToCopy
  readonly inbox: () => string
}

const contentSecurity = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"

/** The pages: plain HTML made here, no script, and forms that post back. */
export function pageFace(deps: PageDeps): FastifyPluginAsync {
  const { views, callbacks } = deps

  const send = (reply: FastifyReply, title: string, body: Html, refresh = 0) =>
    reply
      .type('text/html; charset=utf-8')
      .header('cache-control', 'no-store')
      .header('content-security-policy', contentSecurity)
      .header('referrer-policy', 'same-origin')
      .send(page({ title, inbox: deps.inbox(), refresh, alarms: raised() }, body))

  const raised = () => deps.alarms.list().filter(({ state }) => state === 'ALARM').length

  const rowOf = (request: FastifyRequest): JobRow => {
    const { tenant, job } = request.params as { tenant: string; job: string }
    const [row] = views.rows(job, Number(tenant))
    if (row === undefined) throw new EmulatorError('not-found', `There is no job ${job} of tenant ${tenant}.`)
    return row
  }

  return async (scope) => {
    acceptRawBodies(scope, 64 * 1024)
    scope.setErrorHandler<Error & { statusCode?: number }>((error, _request, reply) => {
      const known = error instanceof EmulatorError
      const notFound = known && (error.code === 'not-found' || error.code === 'callback-not-found')
      const body = html`<h1>${notFound ? 'Not found' : 'That did not work'}</h1>
        <p>${messageOf(error)}</p>`
      return send(reply.code(notFound ? 404 : known ? 400 : (error.statusCode ?? 500)), 'Error', body)
    })

    scope.get('/', (_request, reply) => {
      const jobs = views.jobs({ limit: 50 })
      const busy = jobs.some((job) => !job.settled)
      const { sent, failed } = views.totals()
      return send(
        reply,
        'Jobs',
        html`<h1>Jobs</h1>
          <p class="dim">
            ${sent} mails sent, ${failed} failed. ${busy ? 'Asks again every 2 seconds while a job goes on.' : ''}
          </p>
          ${jobsTable(jobs)}`,
        busy ? 2 : 0,
      )
    })
    scope.get('/_offload/page/jobs/:tenant/:job', (request, reply) => {
      const row = rowOf(request)
      const job = views.viewOf(row)
      const after = Number((request.query as { after?: string }).after ?? 0)
      const recipients = views.recipients(row.id, { limit: 100, after: Number.isSafeInteger(after) ? after : 0 })
      const list = callbacks.list({ tenant: row.tenant, job: row.job, limit: 50 })
      return send(
        reply,
        `Job ${row.job}`,
        jobPage({ job, recipients, callbacks: list, inbox: deps.inbox() }),
        job.settled ? 0 : 2,
      )
    })
    scope.post('/_offload/page/jobs/:tenant/:job/retry', async (request, reply) => {
      const row = rowOf(request)
      const { job_id } = await deps.retry(row)
      return reply.redirect(jobPath({ tenant_id: row.tenant, job_id }), 303)
    })
    scope.get('/_offload/page/callbacks', (_request, reply) =>
      send(reply, 'Callbacks', callbacksPage(callbacks.list({ limit: 100 }))),
    )
    scope.get('/_offload/page/callbacks/:id', (request, reply) => {
      const { id } = request.params as { id: string }
      return send(reply, 'Callback', callbackPage(callbacks.get(id)))
    })
    scope.post('/_offload/page/callbacks/:id/replay', (request, reply) => {
      const { id } = request.params as { id: string }
      callbacks.replay(id)
      return reply.redirect(`/_offload/page/callbacks/${id}`, 303)
    })
    scope.get('/_offload/page/queues', (_request, reply) => {
      const queues = deps.queues.overview()
      const rows = queues.map((queue) => ({
        ...queue,
        stuck: queue.name.endsWith('-dlq') ? deps.queues.peek(queue.name, 50) : [],
      }))
      return send(reply, 'Queues', queuesPage(rows))
    })
    scope.get('/_offload/page/alarms', (_request, reply) =>
      send(reply, 'Alarms', alarmsPage(deps.alarms.list(), deps.alarms.history(100))),
    )
    scope.get('/_offload/page/settings', (_request, reply) =>
      send(reply, 'Moodle settings', settingsPage(deps.settings())),
    )
  }
}

/**
 * What the QR code of a certificate opens; reachable by anyone who can reach the port. Who asks for `application/json`
 * gets `{valid, code, name, course, date, issuer, sha256}`. 404 for a code that is not ours.
 */
export function verificationFace({ verify }: { readonly verify: Verify }): FastifyPluginAsync {
  return async (scope) => {
    scope.get('/verify/:code', async (request, reply) => {
      const code = normalCode((request.params as { code: string }).code).slice(0, 64)
      const certificate = await verify(code)
      reply
        .code(certificate === undefined ? 404 : 200)
        .header('cache-control', 'no-store')
        .header('vary', 'accept')
      if (request.headers.accept?.includes('application/json') === true) {
        return reply.send({ valid: certificate !== undefined, code, ...certificate })
      }
      return reply
        .type('text/html; charset=utf-8')
        .header('content-security-policy', contentSecurity)
        .header('referrer-policy', 'no-referrer')
        .send(page({ title: 'Certificate' }, verificationPage(code, certificate)))
    })
  }
}
