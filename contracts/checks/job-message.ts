import { decodeJobText } from '../dialects/index.ts'
import type { Dialect, Envelope, Issue, Job } from '../job.ts'
import type { Finding } from './verdict.ts'

/** A job message as it came, from a file or over the wire. */
export interface JobMessage {
  readonly body: Uint8Array
  readonly envelope: Envelope
  /** How it came; absent for a file, which says nothing of its transport. */
  readonly via?: 'api' | 'sqs'
  /** Whether `POST /jobs` carried an `Idempotency-Key`. */
  readonly idempotencyKey?: boolean
}

/** One violation or one piece of advice, with the place in the message that it is about. */
export interface JobFinding extends Finding {
  /** Empty for the whole message. */
  readonly path: string
}

export interface JobReport {
  readonly bytes: number
  /** Absent where the message cannot be read as a job. */
  readonly job?: {
    readonly id: string | number
    readonly dialect: Dialect
    readonly tenant: number
    readonly type: string
    readonly recipients: number
  }
  readonly findings: readonly JobFinding[]
}

/** Every case that a finding may be of. */
export const jobCases: readonly string[] = [
  'job/contract',
  ...[
    'address-undeliverable',
    'certificate-without-course',
    'dialect-not-spec',
    'field-of-flow',
    'html-of-first-recipient',
    'html-personalised-for-all',
    'html-repeated',
    'idempotency-key-missing',
    'ignored-field',
    'job-id-not-uuid',
    'message-over-1-mib',
    'message-over-256-kib',
    'password-in-message',
    'recipient-repeated',
    'recipient-without-userid',
    'secret-in-body',
    'tenant-missing',
    'timestamp-missing',
    'timestamp-not-iso',
    'type-custom',
    'type-unknown-to-worker',
  ].map((code) => `advice/${code}`),
]

/** What `ingest` refuses and advises, and what only the transport shows. */
export function checkJobMessage(message: JobMessage): JobReport {
  const { body, envelope } = message
  const decoded = decodeJobText(body, envelope)
  if (!decoded.ok) return { bytes: body.length, findings: decoded.issues.map(violation) }
  const { job } = decoded
  const { jobId: id, dialect, tenant, typeName: type, recipients } = job
  return {
    bytes: body.length,
    job: { id, dialect, tenant, type, recipients: recipients.length },
    findings: [
      {
        id: 'job/contract',
        title: 'the message holds the contract',
        path: '',
        level: 'required',
        verdict: 'pass',
        reason: `read as \`${dialect}\``,
      },
      ...job.advice.map(({ code, path, text, fix }) => advice(code, path, text, fix)),
      ...adviseOnAddresses(job),
      ...adviseOnTransport(message),
    ],
  }
}

const violation = ({ path, reason, fix }: Issue): JobFinding => ({
  id: 'job/contract',
  title: path === '' ? 'the message holds the contract' : `${path} holds the contract`,
  path,
  level: 'required',
  verdict: 'fail',
  reason,
  ...(fix === undefined ? {} : { fix }),
})

const advice = (code: string, path: string, reason: string, fix: string): JobFinding => ({
  id: `advice/${code}`,
  title: code.replaceAll('-', ' '),
  path,
  level: 'advised',
  verdict: 'fail',
  reason,
  fix,
})

function adviseOnAddresses({ recipients, duplicates }: Job): JobFinding[] {
  const found: JobFinding[] = []
  const bad = recipients.findIndex(({ invalid }) => invalid !== undefined)
  const count = recipients.filter(({ invalid }) => invalid !== undefined).length
  if (bad !== -1) {
    found.push(
      advice(
        'address-undeliverable',
        `recipients[${bad}].email`,
        `no mail can go to ${count} of ${recipients.length} addresses: ${recipients[bad]?.invalid}`,
        'leave such people out, or have validate_email() refuse the address where it is entered',
      ),
    )
  }
  if (duplicates > 0) {
    found.push(
      advice(
        'recipient-repeated',
        'recipients',
        `${duplicates} recipients stand in the message twice: the second is left out`,
        'name each recipient once in a job',
      ),
    )
  }
  return found
}

function adviseOnTransport({ via, idempotencyKey }: JobMessage): JobFinding[] {
  if (via !== 'api' || idempotencyKey === true) return []
  return [
    advice(
      'idempotency-key-missing',
      '',
      'POST /jobs came without an Idempotency-Key: whether a repeated request is the same job rests on the job id alone',
      'send the header Idempotency-Key: JOB_ID-BATCH, the same for each repetition',
    ),
  ]
}
