import { alterCallback, type AlterationName } from '../../alterations.ts'
import type { CallbackContent, CallbackRequest, RecipientUpdate } from '../../callback.ts'
import { encodeCallback } from '../../dialects/index.ts'
import { sign } from '../../signature.ts'
import type { CaseContext, Person, WireRequest } from './case.ts'

type Fields = Record<string, unknown>

/** Epoch seconds of the receiver's clock. */
export const secondsOf = ({ now }: CaseContext): number => Math.floor(now / 1000)

export function outcome(
  context: CaseContext,
  { key, userid, email }: Person,
  status: 'sent' | 'failed',
  error = 'offload check: mailbox unavailable',
): RecipientUpdate {
  const person = { key, email, attempts: 1, ...(userid === undefined ? {} : { userid }) }
  return status === 'sent'
    ? { ...person, status, timeSent: secondsOf(context), messageId: `<${key}@check.offload.test>` }
    : { ...person, status, error }
}

/** Everybody sent, and the job completed, unless told otherwise. */
export function contentOf(context: CaseContext, updates?: readonly RecipientUpdate[]): CallbackContent {
  const { dialect, job } = context
  const told = updates ?? job.people.map((person) => outcome(context, person, 'sent'))
  const failed = told.filter(({ status }) => status === 'failed').length
  const sent = told.length - failed
  const status =
    told.length < job.people.length
      ? 'processing'
      : sent === 0
        ? 'failed'
        : failed === 0
          ? 'completed'
          : 'partial_failure'
  return { dialect, jobId: job.id, tenant: job.tenant, status, sent, failed, updates: told }
}

/** The callback as our worker writes it. */
export function callback(context: CaseContext, content = contentOf(context)): WireRequest {
  return wire(encodeCallback(content, { secret: context.secret, token: context.token, now: context.now }))
}

/** These bytes, rightly signed where the dialect signs. */
export function signed(context: CaseContext, body: string | Uint8Array): WireRequest {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const type = ['content-type', 'application/json'] as const
  if (context.dialect === 'plugin') return { method: 'POST', headers: [type], body: bytes }
  return { method: 'POST', headers: [type, ['x-signature', sign(context.secret, bytes)]], body: bytes }
}

export const bodyText = (request: WireRequest): string => Buffer.from(request.body).toString()

/** The callback with its fields changed, and rightly signed. */
export function withFields(
  context: CaseContext,
  change: (fields: Fields) => Fields,
  content = contentOf(context),
): WireRequest {
  const fields = JSON.parse(bodyText(callback(context, content))) as Fields
  return signed(context, JSON.stringify(change(fields)))
}

/** The callback with each recipient's row changed; `flow` has no rows and is sent as it is. */
export function withRows(
  context: CaseContext,
  change: (rows: readonly Fields[]) => readonly Fields[],
  content = contentOf(context),
): WireRequest {
  const name = { spec: 'recipient_updates', detailed: 'recipients', plugin: 'recipients', flow: undefined }[
    context.dialect
  ]
  if (name === undefined) return callback(context, content)
  const changed = (holder: Fields) => ({ ...holder, [name]: change(holder[name] as Fields[]) })
  return withFields(
    context,
    (fields) =>
      context.dialect === 'detailed' ? { ...fields, result: changed(fields['result'] as Fields) } : changed(fields),
    content,
  )
}

/** The cumulative dialects' counts changed; `undefined` leaves one out. */
export function withCounts(context: CaseContext, counts: { sent?: number; failed?: number }): WireRequest {
  const [sent, failed] =
    context.dialect === 'detailed' ? ['processed_records', 'failed_records'] : ['emails_sent', 'emails_failed']
  const changed = ({ [sent]: _sent, [failed]: _failed, ...others }: Fields): Fields => ({
    ...others,
    ...(counts.sent === undefined ? {} : { [sent]: counts.sent }),
    ...(counts.failed === undefined ? {} : { [failed]: counts.failed }),
  })
  return withFields(context, (fields) =>
    context.dialect === 'detailed' ? { ...fields, result: changed(fields['result'] as Fields) } : changed(fields),
  )
}

/** The callback made wrong in a way that has a name elsewhere too (`offload callbacks replay --tamper`). */
export function altered(context: CaseContext, name: AlterationName): WireRequest {
  const { secret, token, now } = context
  const request = encodeCallback(contentOf(context), { secret, token, now })
  return wire(alterCallback(name, request, { secret, now }))
}

export function withHeaders(
  request: WireRequest,
  change: (headers: WireRequest['headers']) => WireRequest['headers'],
): WireRequest {
  return { ...request, headers: change(request.headers) }
}

export function withSignature(context: CaseContext, make: (body: Uint8Array) => string): WireRequest {
  const request = callback(context)
  return withHeaders(request, (headers) => [
    ...headers.filter(([name]) => name !== 'x-signature'),
    ['x-signature', make(request.body)],
  ])
}

function wire({ headers, body }: CallbackRequest): WireRequest {
  return { method: 'POST', headers: Object.entries(headers), body: Buffer.from(body) }
}
