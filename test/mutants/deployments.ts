import { sign } from '../../contracts/signature.ts'
import { phpJson } from '../../contracts/php-json.ts'
import type { CallbackRequest } from '../../contracts/callback.ts'
import type { Decoded, Dialect } from '../../contracts/job.ts'
import { ingestToken, right, secret, type Parts } from './deployment.ts'

/** A deployment that does one thing wrong. */
export interface WrongDeployment {
  readonly does: string
  /** The case that is made for it. */
  readonly case: string
  /** What else it gets wrong by the same mistake. */
  readonly also?: readonly string[]
  /** Of the nineteen. */
  readonly mistake?: number
  readonly dialect?: Dialect
  /** By which it takes jobs. */
  readonly way?: 'api' | 'sqs'
  readonly parts: Partial<Parts>
}

type Fields = Record<string, unknown>

/** Reads what is refused once more, mended. */
const mends = (mend: (text: string, fields: Fields | undefined) => string | undefined): Partial<Parts> => ({
  read(body, envelope) {
    const read = right.read(body, envelope)
    if (read.ok) return read
    const text = String(body)
    const mended = mend(text, fieldsOf(text))
    return mended === undefined ? read : right.read(mended, envelope)
  },
})
function fieldsOf(text: string): Fields | undefined {
  try {
    return JSON.parse(text) as Fields
  } catch {
    return undefined
  }
}
const somebody = { userid: 7, email: 'everybody@check.offload.test' }
const emptied = (decoded: Decoded): Decoded =>
  decoded.ok ? { ok: true, job: { ...decoded.job, recipients: [] } } : decoded

const resigned = (request: CallbackRequest, change: (fields: Fields) => Fields): CallbackRequest => {
  const body = JSON.stringify(change(JSON.parse(request.body) as Fields))
  return { headers: { ...request.headers, 'x-signature': sign(secret, body) }, body }
}
const signedAs = (make: (body: string) => string): Partial<Parts> => ({
  request: ({ headers, body }) => ({ headers: { ...headers, 'x-signature': make(body) }, body }),
})

const invalid = ['not-json', 'invalid-utf8', 'no-job-id', 'no-recipients', 'recipients-no-list', 'unknown-type'].map(
  (name) => `submit/${name}`,
)

const submissions: readonly WrongDeployment[] = [
  { does: 'answers with an id of its own', case: 'submit/accepted', parts: { answer: () => ({ job_id: 17 }) } },
  {
    does: 'asks for no token',
    case: 'submit/no-token',
    mistake: 18,
    parts: { token: (given) => (given == null ? undefined : right.token(given)) },
  },
  {
    does: 'takes any token',
    case: 'submit/wrong-token',
    also: ['submit/token-cut'],
    mistake: 18,
    parts: { token: (given) => (given == null ? 401 : undefined) },
  },
  {
    does: 'compares the beginning of the token',
    case: 'submit/token-cut',
    mistake: 18,
    parts: { token: (given) => (given == null ? 401 : ingestToken.startsWith(given) ? undefined : 403) },
  },
  {
    does: 'completes what is cut off',
    case: 'submit/not-json',
    parts: mends((text) => (text.endsWith(',') ? text.replace(/,$/, '}') : undefined)),
  },
  {
    does: 'answers 500 to what is invalid',
    case: 'submit/not-json',
    also: invalid.slice(1),
    parts: { invalid: () => 500 },
  },
  {
    does: 'replaces what is no UTF-8',
    case: 'submit/invalid-utf8',
    mistake: 19,
    parts: { read: (body, envelope) => right.read(String(body), envelope) },
  },
  {
    does: 'gives an id to a job that has none',
    case: 'submit/no-job-id',
    parts: mends((_text, fields) =>
      fields === undefined || fields['job_id'] !== undefined
        ? undefined
        : JSON.stringify({ ...fields, job_id: 'made-up' }),
    ),
  },
  {
    does: 'takes a job for nobody',
    case: 'submit/no-recipients',
    mistake: 19,
    parts: {
      read(body, envelope) {
        const fields = fieldsOf(String(body))
        return JSON.stringify(fields?.['recipients']) === '[]'
          ? emptied(right.read(JSON.stringify({ ...fields, recipients: [somebody] }), envelope))
          : right.read(body, envelope)
      },
    },
  },
  {
    does: 'takes a text for a list',
    case: 'submit/recipients-no-list',
    parts: mends((_text, fields) =>
      typeof fields?.['recipients'] === 'string' ? JSON.stringify({ ...fields, recipients: [somebody] }) : undefined,
    ),
  },
  ...(['api', 'sqs'] as const).map((way): WrongDeployment => ({
    does: `sends a type that it does not know as a notification${way === 'sqs' ? ' (by the queue)' : ''}`,
    case: 'submit/unknown-type',
    mistake: 13,
    way,
    parts: mends((_text, fields) =>
      fields?.['type'] === 'send_surprise' ? JSON.stringify({ ...fields, type: 'send_reminder' }) : undefined,
    ),
  })),
  { does: 'fails at a large body', case: 'submit/too-large', parts: { limit: { ...right.limit, status: 502 } } },
]

const identities: readonly WrongDeployment[] = [
  {
    does: 'queues each submission anew',
    case: 'identity/same-again',
    mistake: 16,
    parts: { admit: (known, job, via) => (via === 'http' ? job.recipients : right.admit(known, job, via)) },
  },
  { does: 'drops other content silently', case: 'identity/other-content', parts: { conflict: () => false } },
  {
    does: 'works on other content under the same id (by the queue)',
    case: 'identity/other-content',
    way: 'sqs',
    parts: {
      conflict: () => false,
      admit: (known, job, via) =>
        known !== undefined && known.job.typeName !== job.typeName ? job.recipients : right.admit(known, job, via),
    },
  },
  {
    does: 'works on a recipient as often as it is listed',
    case: 'identity/duplicate-recipients',
    mistake: 1,
    parts: {
      read(body, envelope) {
        const read = right.read(body, envelope)
        return read.ok && read.job.duplicates > 0
          ? { ok: true, job: { ...read.job, recipients: [...read.job.recipients, ...read.job.recipients] } }
          : read
      },
    },
  },
  {
    does: 'knows recipients by their address',
    case: 'identity/same-address',
    mistake: 11,
    parts: {
      key: ({ email }) => email,
      admit: (known, { recipients }) =>
        recipients.filter(
          ({ email }, nth) =>
            known?.people.has(email) !== true && recipients.findIndex((other) => other.email === email) === nth,
        ),
    },
  },
  {
    does: 'tells the counts of a message as those of the job',
    case: 'identity/batches-in-any-order',
    mistake: 6,
    dialect: 'flow',
    parts: { counted: (_known, message) => message },
  },
  {
    does: 'takes the further messages of a job for the first one again',
    case: 'identity/batches-in-any-order',
    mistake: 6,
    parts: { admit: (known, { recipients }) => (known === undefined ? recipients : []) },
  },
]

const outcomes: readonly WrongDeployment[] = [
  {
    does: 'hears of no bounce',
    case: 'outcome/hard-bounce',
    also: ['outcome/suppressed'],
    mistake: 2,
    parts: { outcome: (address) => (address.includes('@') ? 'sent' : 'failed') },
  },
  {
    does: 'does not hear what the suppression list keeps back',
    case: 'outcome/suppressed',
    mistake: 2,
    parts: { outcome: (address) => (address.startsWith('suppressionlist') ? 'sent' : right.outcome(address)) },
  },
  {
    does: 'calls every job with a failure partly failed',
    case: 'outcome/all-failed',
    mistake: 12,
    dialect: 'flow',
    parts: {
      status: (sent, failed, total) =>
        sent + failed < total ? 'processing' : failed === 0 ? 'completed' : 'partial_failure',
    },
  },
  {
    does: 'mails again who complains',
    case: 'outcome/complaint',
    parts: { mails: ({ email }) => (email.startsWith('complaint') ? 2 : 1) },
  },
  {
    does: 'gives a job up for one bad address',
    case: 'outcome/undeliverable-address',
    mistake: 2,
    parts: { works: ({ recipients }) => recipients.every(({ email }) => email.includes('@')) },
  },
  {
    does: 'sends the text for the first recipient to all',
    case: 'outcome/own-content',
    mistake: 14,
    parts: { content: (recipient, all) => right.content(all[0] ?? recipient, all) },
  },
]

const certificates: readonly WrongDeployment[] = [
  {
    does: 'stores a page instead of a PDF',
    case: 'certificate/pdf',
    parts: { document: ({ firstname }) => Buffer.from(`<html>${firstname}</html>`) },
  },
  {
    does: 'tells links that do not open',
    case: 'certificate/pdf',
    parts: { opens: () => false },
  },
  {
    does: 'writes another name on certificates',
    case: 'certificate/right-name',
    parts: { document: ({ key }) => Buffer.from(`%PDF-1.7\nJane Doe, ${key}`) },
  },
  {
    does: 'stores the certificates of a job under one key',
    case: 'certificate/right-name',
    parts: { objectKey: ({ jobId }) => `/certificates/${jobId}.pdf` },
  },
  {
    does: 'keeps certificates in a public bucket',
    case: 'certificate/link-expires',
    parts: { opens: (url, make) => url.search === '' || right.opens(url, make) },
  },
  { does: 'makes links for a month', case: 'certificate/link-expires', parts: { expires: 2_592_000 } },
  {
    does: 'does not sign the end of a link',
    case: 'certificate/link-cannot-be-altered',
    parts: {
      opens: ({ pathname, searchParams }, make) => searchParams.get('X-Amz-Signature') === make(pathname, '3600'),
    },
  },
  {
    does: 'does not sign the path of a link',
    case: 'certificate/link-cannot-be-altered',
    parts: { opens: ({ searchParams }) => /^[0-9a-f]{64}$/.test(searchParams.get('X-Amz-Signature') ?? '') },
  },
]

const callbacks: readonly WrongDeployment[] = [
  {
    does: 'calls another path of the host that the job names',
    case: 'callback/contract',
    parts: { path: () => '/local/manireports/callback.php' },
  },
  {
    does: 'sends callbacks as a form',
    case: 'callback/contract',
    parts: {
      request: ({ headers, body }) => ({
        headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
        body,
      }),
    },
  },
  {
    does: 'signs with another secret',
    case: 'callback/signature',
    mistake: 18,
    parts: signedAs((body) => sign('another', body)),
  },
  {
    does: 'signs what it then encodes anew',
    case: 'callback/signature',
    parts: signedAs((body) => sign(secret, phpJson(JSON.parse(body)))),
  },
  {
    does: 'writes sha256= before the signature',
    case: 'callback/signature',
    parts: signedAs((body) => `sha256=${sign(secret, body)}`),
  },
  {
    does: 'sends the token of another company',
    case: 'callback/signature',
    mistake: 18,
    dialect: 'plugin',
    parts: {
      request: ({ headers, body }) => ({
        headers,
        body: JSON.stringify({ ...(JSON.parse(body) as Fields), token: 'other' }),
      }),
    },
  },
  {
    does: 'stamps in milliseconds',
    case: 'callback/timestamp',
    parts: { request: (request, { now }) => resigned(request, (fields) => ({ ...fields, timestamp: now })) },
  },
  { does: 'has a clock an hour behind', case: 'callback/timestamp', parts: { stamp: (now) => now - 3_600_000 } },
  {
    does: 'tells of somebody else too',
    case: 'callback/own-recipients',
    parts: {
      told: (updates) => [
        ...updates,
        { key: '9', userid: 9, email: 'nobody@check.offload.test', status: 'sent', attempts: 1 },
      ],
    },
  },
  {
    does: 'only logs that a callback failed',
    case: 'retry/500',
    also: ['retry/hang', 'retry/after', 'retry/redirect'],
    mistake: 3,
    parts: { retry: () => undefined },
  },
  {
    does: 'takes a 500 for the last word',
    case: 'retry/500',
    mistake: 3,
    parts: {
      retry: (answer, tries) => (answer !== 'hang' && answer.status === 500 ? undefined : right.retry(answer, tries)),
    },
  },
  { does: 'calls without a timeout', case: 'retry/hang', mistake: 3, parts: { timeout: undefined } },
  {
    does: 'does not read Retry-After',
    case: 'retry/after',
    parts: { retry: (_answer, tries) => right.retry('hang', tries) },
  },
  {
    does: 'repeats the first attempt byte for byte',
    case: 'retry/stamped-anew',
    mistake: 7,
    parts: { stamp: (_now, first) => first },
  },
  { does: 'mails again when a callback fails', case: 'retry/mails-once', mistake: 1, parts: { worksAgain: true } },
  {
    does: 'follows a redirect with GET',
    case: 'retry/redirect',
    mistake: 4,
    parts: { follows: ({ status }) => status === 303 },
  },
  {
    does: 'calls back before it answers',
    case: 'order/after-answer',
    mistake: 5,
    parts: { answersAfter: 2000 },
  },
  ...(['spec', 'flow'] as const).map((dialect): WrongDeployment => ({
    does: 'sends what was so before after what is so now',
    case: 'order/never-backwards',
    mistake: 7,
    dialect,
    parts: { repeatsOld: true },
  })),
]

const queues: readonly WrongDeployment[] = [
  {
    does: 'mails again when a message comes again',
    case: 'queue/redelivery',
    also: ['queue/redelivered-later'],
    mistake: 1,
    parts: { admit: (known, job, via) => (via === 'queue' ? job.recipients : right.admit(known, job, via)) },
  },
  {
    does: 'writes down whom it has mailed when the job is done',
    case: 'queue/redelivery',
    mistake: 1,
    parts: {
      admit: (known, job, via) =>
        via === 'queue'
          ? job.recipients.filter(({ key }) => (known?.people.get(key)?.status ?? 'open') === 'open')
          : right.admit(known, job, via),
    },
  },
  {
    does: 'forgets a job that is done',
    case: 'queue/redelivered-later',
    also: ['identity/same-again', 'identity/other-content'],
    mistake: 1,
    parts: { forgets: true },
  },
  {
    does: 'gives a batch up for one message that it cannot read',
    case: 'queue/poison-blocks-nobody',
    mistake: 2,
    parts: { poison: 'block' },
  },
  {
    does: 'swallows what it cannot read',
    case: 'queue/poison-dead-letter',
    mistake: 2,
    parts: { poison: 'swallow' },
  },
  {
    does: 'takes longer for a batch than its message is invisible',
    case: 'throughput/small-job',
    mistake: 17,
    parts: { visibility: 4 },
  },
]

export const wrongDeployments: readonly WrongDeployment[] = [
  ...submissions,
  ...identities,
  ...outcomes,
  ...certificates,
  ...callbacks,
  ...queues,
]
