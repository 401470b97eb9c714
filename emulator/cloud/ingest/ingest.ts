import { createHash } from 'node:crypto'
import {
  decodeJobText,
  ingestAttributes,
  RecipientTooLargeError,
  splitJob,
  type MessageAttributes,
} from '../../../contracts/dialects/index.ts'
import type { JournalEvent } from '../../../contracts/events.ts'
import type { Envelope, Issue, Job, JsonObject } from '../../../contracts/job.ts'
import type { Clock } from '../../kernel/clock.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'

/** What ingest needs of the queue and of the ledger; both take part in the caller's transaction. */
export interface IngestPorts {
  readonly enqueue: (message: { body: string; attributes: MessageAttributes }) => { messageId: string }
  /** `enqueueAll` is called where something is new, or was lost from the queue; it returns the ids of the messages that carry the job. */
  readonly admit: (job: Job, enqueueAll: () => string[]) => { added: number }
}

export interface IngestDeps extends IngestPorts {
  readonly store: Store
  readonly clock: Clock
  readonly ids: Ids
  readonly journal: Journal
  /** Holds the job's callbacks back until the returned function is called: no callback before the submit's answer. */
  readonly hold: (tenant: number, job: string) => () => void
  /** Bytes that one message of the queue may have. */
  readonly maximumMessageSize: number
}

export interface Submission {
  readonly body: Uint8Array
  readonly envelope: Envelope
  /** `Idempotency-Key`: the same key and body get the same answer, another body is refused. */
  readonly idempotencyKey?: string | undefined
}

export interface Accepted {
  readonly job_id: string | number
  readonly status: 'queued'
  /** Recipients in this submission. */
  readonly recipients: number
  /** Messages that they were queued in. */
  readonly batches: number
}

/** `repeated`: nothing was new, and this is the first answer again. */
export interface Answer {
  readonly accepted: Accepted
  readonly repeated: boolean
  /** To be called when the answer has been written out. */
  readonly answered: () => void
}

export type IngestErrorCode = 'job-invalid' | 'job-conflict' | 'idempotency-conflict'

/** Room in a message for its attributes, which count against the queue's limit. */
const attributeBytes = 512

/** Takes a job from HTTP into the ledger and the queue, in one transaction that is on disk before the answer. */
export function createIngest({ store, clock, ids, journal, enqueue, admit, hold, maximumMessageSize }: IngestDeps) {
  store.define(`
    CREATE TABLE IF NOT EXISTS submissions (
      identity TEXT PRIMARY KEY,
      tenant INTEGER NOT NULL,
      body_hash TEXT NOT NULL,
      answer TEXT NOT NULL,
      created_at INTEGER NOT NULL
    ) WITHOUT ROWID
  `)

  interface Row {
    body_hash: string
    answer: string
  }
  const known = (identity: string) => store.get<Row>('SELECT * FROM submissions WHERE identity = ?', identity)
  const remember = (identity: string, tenant: number, bodyHash: string, answer: Accepted) =>
    store.run(
      'INSERT OR IGNORE INTO submissions VALUES (?, ?, ?, ?, ?)',
      identity,
      tenant,
      bodyHash,
      JSON.stringify(answer),
      clock.now(),
    )

  const invalid = (issues: readonly Issue[]) =>
    new EmulatorError<IngestErrorCode>('job-invalid', 'The job message does not hold the contract.', { issues })

  const read = ({ body, envelope }: Submission): Job => {
    const decoded = decodeJobText(body, envelope)
    if (decoded.ok) return decoded.job
    throw invalid(decoded.issues)
  }

  /** The body as it came, or, over a message's limit, in parts of the same dialect. */
  const messagesOf = (body: Uint8Array): string[] => {
    const maxBytes = maximumMessageSize - attributeBytes
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body)
    if (body.byteLength <= maxBytes) return [text]
    try {
      return splitJob(JSON.parse(text) as JsonObject, { maxBytes, maxRecipients: Infinity })
    } catch (error) {
      if (error instanceof RecipientTooLargeError) throw invalid([error.issue])
      throw error
    }
  }

  async function submit(submission: Submission): Promise<Answer> {
    const job = read(submission)
    const bodyHash = createHash('sha256').update(submission.body).digest('hex')
    const keyIdentity =
      submission.idempotencyKey === undefined ? undefined : `key ${job.tenant} ${submission.idempotencyKey}`
    const identities = [`body ${job.tenant} ${bodyHash}`, `job ${job.tenant} ${String(job.jobId)}`]

    const told = (answer: Extract<JournalEvent, { type: 'job.submitted' }>['answer']) =>
      journal.record({
        type: 'job.submitted',
        tenant: job.tenant,
        job: String(job.jobId),
        recipients: job.recipients.length,
        body: ids.stable(16, 'body', bodyHash),
        ...(submission.idempotencyKey === undefined ? {} : { key: ids.stable(16, 'key', submission.idempotencyKey) }),
        answer,
      })

    const answered = hold(job.tenant, String(job.jobId))
    const result = store.write(() => {
      const byKey = keyIdentity === undefined ? undefined : known(keyIdentity)
      if (byKey !== undefined && byKey.body_hash !== bodyHash) {
        throw new EmulatorError<IngestErrorCode>(
          'idempotency-conflict',
          `The Idempotency-Key "${submission.idempotencyKey}" was used with another body. Use a new key for a new submission.`,
        )
      }
      let batches = 1
      const { added } = admit(job, () => {
        const attributes = ingestAttributes(job)
        const ids = messagesOf(submission.body).map((body) => enqueue({ body, attributes }).messageId)
        batches = ids.length
        return ids
      })
      const earlier = [byKey, ...identities.map(known)].find((row) => row !== undefined)
      if (added === 0 && earlier !== undefined) {
        told('repeated')
        // The key stands for this answer from now on, whoever was the first to get it.
        if (keyIdentity !== undefined)
          remember(keyIdentity, job.tenant, bodyHash, JSON.parse(earlier.answer) as Accepted)
        return { accepted: JSON.parse(earlier.answer) as Accepted, repeated: true, answered }
      }
      const accepted: Accepted = { job_id: job.jobId, status: 'queued', recipients: job.recipients.length, batches }
      for (const identity of keyIdentity === undefined ? identities : [keyIdentity, ...identities]) {
        remember(identity, job.tenant, bodyHash, accepted)
      }
      told(added === 0 ? 'repeated' : 'accepted')
      return { accepted, repeated: added === 0, answered }
    })
    try {
      return await result
    } catch (error) {
      answered()
      const code = error instanceof EmulatorError ? error.code : undefined
      if (code === 'job-conflict' || code === 'idempotency-conflict') told(code)
      throw error
    }
  }

  return {
    submit,
    /** Writes down why a submission was refused, for the log. */
    refused(status: number, reason: string): void {
      journal.record({ type: 'job.refused', via: 'api', status, reason })
    },
    reset(tenant?: number): void {
      if (tenant === undefined) store.run('DELETE FROM submissions')
      else store.run('DELETE FROM submissions WHERE tenant = ?', tenant)
    },
  }
}

export type Ingest = ReturnType<typeof createIngest>
