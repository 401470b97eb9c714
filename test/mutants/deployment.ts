import { createHash } from 'node:crypto'
import type { CallbackContent, CallbackRequest, RecipientUpdate } from '../../contracts/callback.ts'
import type { DeadLetter, ScriptedAnswer, SeenCertificate, SeenMail } from '../../contracts/checks/deployment/index.ts'
import { decodeJobText, encodeCallback, envelopeOf } from '../../contracts/dialects/index.ts'
import type { Decoded, Dialect, Envelope, Job, Recipient } from '../../contracts/job.ts'
import { createCertificates } from '../../emulator/check/certificates.ts'
import type { CloudTarget } from '../../emulator/check/cloud.ts'
import { createCallbackLog } from '../../emulator/deployment/callback-log.ts'
import type { MailWitness } from '../../emulator/deployment/mails.ts'
import { createSafety } from '../../emulator/deployment/safety.ts'
import type { Submission, Submitter } from '../../emulator/deployment/submitter.ts'
import { sleep, type VirtualClock } from '../../emulator/kernel/clock.ts'

export const ingestToken = 'ingest-token'
export const secret = 'shared-secret'
const companyToken = 'company-token'

const receiverUrl = 'http://127.0.0.1:8099'
const mebibyte = 1024 * 1024

export interface Person {
  readonly recipient: Recipient
  status: 'open' | 'sent' | 'failed'
  error?: string
  link?: string
}
export interface KnownJob {
  readonly job: Job
  readonly people: Map<string, Person>
}
interface QueueMessage {
  readonly body: string | Uint8Array
  readonly envelope: Envelope
  /** It came through the ingest, which has admitted it. */
  readonly admitted: boolean
}
interface StoredObject {
  readonly bytes: Buffer
}

/** What a deployment does, part by part; a mutant does one of them wrong. */
export interface Parts {
  /** The answer to a token that is not right; undefined lets it in. */
  token(given: string | null | undefined): number | undefined
  limit: { readonly bytes: number; readonly status: number }
  read(body: string | Uint8Array, envelope: Envelope): Decoded
  /** The status of a refusal; a mutant's may be a 2xx. */
  invalid(): number
  /** What the answer says of a job. */
  answer(job: Job): Record<string, unknown>
  /** Whether a job that is known comes with other content. */
  conflict(known: KnownJob, job: Job): boolean
  /** What is to be worked on of a message, given who is in the job already. */
  admit(known: KnownJob | undefined, job: Job, via: 'http' | 'queue'): readonly Recipient[]
  /** By which a recipient is known. */
  key(recipient: Recipient): string
  /** Whether a job is worked on at all. */
  works(job: Job): boolean
  /** Mails to so many addresses for one recipient. */
  mails(recipient: Recipient, redelivered: boolean): number
  content(recipient: Recipient, all: readonly Recipient[]): string
  /** The outcome, when the provider's reports are in. */
  outcome(address: string): 'sent' | 'failed'
  status(sent: number, failed: number, total: number): CallbackContent['status']
  /** Of a cumulative callback. */
  counted(known: KnownJob, message: readonly Person[]): readonly Person[]
  told(updates: readonly RecipientUpdate[]): readonly RecipientUpdate[]
  request(request: CallbackRequest, attempt: { readonly now: number; readonly first: number }): CallbackRequest
  /** Where a callback goes, of the address that the job names. */
  path(named: string): string
  /** The time that an attempt is stamped with. */
  stamp(now: number, first: number): number
  /** Milliseconds until an answer is given up; undefined for never. */
  timeout: number | undefined
  follows(answer: Exclude<ScriptedAnswer, 'hang'>): boolean
  /** Milliseconds until the next attempt; undefined where there is none. */
  retry(answer: ScriptedAnswer, tries: number): number | undefined
  /** Mails again with the next attempt of a callback. */
  worksAgain: boolean
  /** Milliseconds of work before the submission is answered. */
  answersAfter: number
  /** Whether callbacks that are old news come after the last one. */
  repeatsOld: boolean
  poison: 'dead-letter' | 'swallow' | 'block'
  /** Whether a job that was done is forgotten. */
  forgets: boolean
  document(recipient: Recipient): Buffer
  objectKey(job: Job, recipient: Recipient): string
  /** Seconds for which a link is good. */
  expires: number
  opens(url: URL, sign: (path: string, expires: string) => string): boolean
  /** Recipients that one invocation has time for before its message comes again. */
  visibility: number
}

const schedule = [5000, 30_000, 120_000]

const retryAfter = (answer: ScriptedAnswer) =>
  answer === 'hang' ? 0 : 1000 * Number(answer.headers?.['retry-after'] ?? 0)

export const right: Parts = {
  token: (given) => (given == null ? 401 : given === ingestToken ? undefined : 403),
  limit: { bytes: 10 * mebibyte, status: 413 },
  read: (body, envelope) => decodeJobText(body, envelope),
  invalid: () => 400,
  answer: ({ jobId }) => ({ job_id: jobId, status: 'queued' }),
  conflict: ({ job, people }, next) =>
    job.contentHash !== next.contentHash ||
    next.recipients.some(
      ({ key, contentHash }) => (people.get(key)?.recipient.contentHash ?? contentHash) !== contentHash,
    ),
  admit: (known, job) => job.recipients.filter(({ key }) => known?.people.has(key) !== true),
  key: ({ key }) => key,
  works: () => true,
  mails: () => 1,
  content: ({ firstname, data }) => `Dear ${firstname}, ${JSON.stringify(data)}`,
  outcome: (address) => (/^(bounce|suppressionlist)\+/.test(address) || !address.includes('@') ? 'failed' : 'sent'),
  status: (sent, failed, total) =>
    sent + failed < total ? 'processing' : failed === 0 ? 'completed' : sent === 0 ? 'failed' : 'partial_failure',
  counted: ({ people }) => [...people.values()],
  told: (updates) => updates,
  request: (request) => request,
  path: (named) => named,
  stamp: (now) => now,
  timeout: 10_000,
  follows: () => false,
  retry: (answer, tries) => {
    const scheduled = schedule[tries - 1]
    return scheduled === undefined ? undefined : Math.max(scheduled, retryAfter(answer))
  },
  worksAgain: false,
  answersAfter: 0,
  repeatsOld: false,
  poison: 'dead-letter',
  forgets: false,
  document: ({ firstname, lastname }) => Buffer.from(`%PDF-1.7\n${firstname} ${lastname}`),
  objectKey: ({ jobId }, { key }) => `/certificates/${jobId}/${key}.pdf`,
  expires: 3600,
  opens: ({ pathname, searchParams }, sign) =>
    searchParams.get('X-Amz-Signature') === sign(pathname, searchParams.get('X-Amz-Expires') ?? ''),
  visibility: Infinity,
}

/** A right deployment in memory, but for the parts that are given; and all that a run needs to judge it. */
export function createDeployment(
  dialect: Dialect,
  clock: VirtualClock,
  given: Partial<Parts> = {},
  { seed = 'mutants', way = 'api' }: { seed?: string; way?: 'api' | 'sqs' } = {},
): CloudTarget {
  const parts: Parts = { ...right, ...given }
  const names = createSafety({ targets: [receiverUrl], ownsTarget: false, seed })
  const log = createCallbackLog({ clock, dialect, secret, token: companyToken })
  const jobs = new Map<string, KnownJob>()
  const mailed: SeenMail[] = []
  const objects = new Map<string, StoredObject>()
  const deadLetters: string[] = []
  /** Labels of those who are behind what cannot be read. */
  const blocked = new Set<string>()

  const sign = (path: string, expires: string) => createHash('sha256').update(`key ${path} ${expires}`).digest('hex')

  const admit = (job: Job, via: 'http' | 'queue'): readonly Person[] => {
    const id = String(job.jobId)
    const known = jobs.get(id)
    const wanted = parts.admit(known, job, via)
    const { people } = known ?? { people: new Map<string, Person>() }
    if (known === undefined) jobs.set(id, { job, people })
    return wanted.map((recipient) => {
      const person: Person = { recipient, status: 'open' }
      people.set(parts.key(recipient), person)
      return person
    })
  }

  const pending = new Map<QueueMessage, readonly Person[]>()

  const mail = (job: Job, people: readonly Person[], redelivered = false) => {
    for (const person of people) {
      const { recipient } = person
      const address = recipient.email
      if (job.action !== 'certificate' && address.includes('@') && !/^(bounce|suppressionlist)\+/.test(address)) {
        for (let n = 0; n < parts.mails(recipient, redelivered); n++) {
          const content = parts.content(recipient, job.recipients)
          mailed.push({ address, messageId: `${mailed.length}`, subject: job.typeName, content })
        }
      }
      if (job.action !== 'email') {
        const path = parts.objectKey(job, recipient)
        objects.set(path, { bytes: parts.document(recipient) })
        const url = new URL(`https://objects.test${path}`)
        const expires = String(parts.expires)
        url.searchParams.set('X-Amz-Expires', expires)
        url.searchParams.set('X-Amz-Signature', sign(path, expires))
        person.link = url.href
      }
    }
  }

  const work = async (message: QueueMessage) => {
    await sleep(clock, 100)
    const label = /oc-[0-9a-f]{8}-[0-9a-f]{8}-/.exec(String(message.body))?.[0] ?? ''
    if (blocked.has(label)) return
    const decoded = parts.read(message.body, message.envelope)
    if (!decoded.ok) {
      if (parts.poison !== 'swallow') deadLetters.push(String(message.body))
      if (parts.poison === 'block') blocked.add(label)
      return
    }
    const { job } = decoded
    const known = jobs.get(String(job.jobId))
    if (!message.admitted && known !== undefined && parts.conflict(known, job)) {
      deadLetters.push(String(message.body))
      return
    }
    const people = pending.get(message) ?? admit(job, 'queue')
    if (!parts.works(job) || people.length === 0) return
    mail(job, people)
    // What takes longer than the message is invisible is worked on by another, too.
    if (people.length > parts.visibility) mail(job, people, true)
    // The provider's reports come later.
    await sleep(clock, 500)
    for (const person of people) {
      person.status = parts.outcome(person.recipient.email)
      if (person.status === 'failed') person.error = 'Permanent/General: 550 5.1.1 user unknown'
    }
    if (parts.forgets) jobs.delete(String(job.jobId))
    await tell(known ?? { job, people: new Map(people.map((person) => [parts.key(person.recipient), person])) }, people)
  }

  const tell = async (known: KnownJob, people: readonly Person[]) => {
    const { job } = known
    const whom = dialect === 'spec' ? people : parts.counted(known, people).filter(({ status }) => status !== 'open')
    const updates = whom.map(({ recipient, status, error, link }): RecipientUpdate => {
      const { key, userid, email } = recipient
      return {
        key,
        email,
        status: status === 'failed' ? 'failed' : 'sent',
        attempts: 1,
        ...(userid === undefined ? {} : { userid }),
        ...(error === undefined ? {} : { error }),
        ...(link === undefined ? {} : { certificateUrl: link }),
        ...(status === 'sent' ? { timeSent: Math.floor(clock.now() / 1000) } : {}),
      }
    })
    const failed = updates.filter(({ status }) => status === 'failed').length
    const sent = updates.length - failed
    const total = parts.counted(known, people).length
    const content: CallbackContent = {
      dialect,
      jobId: job.jobId,
      tenant: job.tenant,
      status: parts.status(sent, failed, total),
      sent,
      failed,
      updates: parts.told(updates),
    }
    await callBack(known, content, people)
    if (parts.repeatsOld) {
      const early = updates.map((update) => ({ ...update, status: 'sent' as const }))
      await callBack(known, { ...content, status: 'processing', sent: 0, failed: 0, updates: early }, people)
    }
  }

  const callBack = async ({ job }: KnownJob, content: CallbackContent, people: readonly Person[]) => {
    const first = clock.now()
    for (let tries = 1; ; tries++) {
      const now = clock.now()
      const encoded = encodeCallback(content, { secret, token: companyToken, now: parts.stamp(now, first) })
      const { headers, body } = parts.request(encoded, { now, first })
      const incoming = {
        method: 'POST',
        path: parts.path(new URL(job.callbackUrl ?? receiverUrl).pathname),
        headers,
        body: Buffer.from(body),
      }
      const { answer, hungUp } = log.receive(incoming)
      if (answer === 'hang') {
        if (parts.timeout === undefined) return
        await sleep(clock, parts.timeout)
        hungUp()
      } else if (answer.status < 300) {
        return
      } else if (parts.follows(answer)) {
        const path = new URL(answer.headers?.['location'] ?? receiverUrl).pathname
        log.receive({ method: 'GET', path, headers: {}, body: Buffer.alloc(0) })
        return
      }
      const delay = parts.retry(answer, tries)
      if (delay === undefined) return
      await sleep(clock, delay)
      if (parts.worksAgain) mail(job, people, true)
    }
  }

  const bytesOf = ({ body }: Pick<Submission, 'body'>) =>
    typeof body === 'string' ? Buffer.byteLength(body) : body.length
  const answerOf = (status: number, answer: unknown = {}) => ({
    accepted: status < 300,
    status,
    answer: JSON.stringify(answer),
    headers: {},
    unreachable: false,
    ms: 0,
  })

  const api: Submitter = {
    kind: 'api',
    url: 'http://127.0.0.1:4566/jobs',
    close: () => {},
    async submit(message) {
      const refused = parts.token(message.token === undefined ? ingestToken : message.token)
      if (refused !== undefined) return answerOf(refused)
      if (bytesOf(message) > parts.limit.bytes) return answerOf(parts.limit.status)
      const envelope = message.tenant === undefined ? {} : { tenant: message.tenant }
      const decoded = parts.read(message.body, envelope)
      if (!decoded.ok) return answerOf(parts.invalid())
      const { job } = decoded
      const known = jobs.get(String(job.jobId))
      if (known !== undefined && parts.conflict(known, job)) return answerOf(409)
      const queued: QueueMessage = { body: message.body, envelope, admitted: true }
      const people = admit(job, 'http')
      pending.set(queued, people)
      void work(queued)
      await sleep(clock, parts.answersAfter)
      return answerOf(people.length === 0 ? 200 : 202, parts.answer(job))
    },
  }
  const queue: Submitter = {
    kind: 'sqs',
    url: 'http://127.0.0.1:4566/000000000000/manireports-jobs',
    close: () => {},
    async submit({ body, attributes = {} }) {
      void work({ body, envelope: envelopeOf(attributes), admitted: false })
      return { ...answerOf(200), answer: 'message-id' }
    },
  }

  const mails: MailWitness = {
    sees: 'content',
    find: async (about) => ({
      observed: true,
      mails: mailed.filter(({ address }) => 'label' in about && address.includes(about.label)),
    }),
    count: async () => undefined,
    close: () => {},
  }

  const open = async (url: string) => {
    const asked = new URL(url)
    const object = objects.get(asked.pathname)
    return parts.opens(asked, sign) && object !== undefined
      ? { status: 200, bytes: object.bytes }
      : { status: 403, bytes: Buffer.alloc(0) }
  }
  const read = async (bytes: Uint8Array): Promise<SeenCertificate['pdf']> => {
    const text = Buffer.from(bytes).toString()
    const hash = createHash('sha256').update(bytes).digest('hex')
    return text.startsWith('%PDF-') ? { valid: true, pages: 1, hash, text } : { valid: false, reason: 'it is no PDF' }
  }

  return {
    dialect,
    tenant: 1,
    token: ingestToken,
    submitter: way === 'api' ? api : queue,
    queue,
    receiver: {
      ...log,
      url: receiverUrl,
      listensOn: '127.0.0.1:8099',
      callbackUrl: `${receiverUrl}/local/manireports/ui/ajax/cloud_callback.php`,
    },
    mails,
    names,
    seed,
    certificates: createCertificates({ clock, open, read }),
    deadLetter: async (text): Promise<DeadLetter> => {
      await sleep(clock, 1000)
      const there = deadLetters.some((body) => body.includes(text))
      return there ? { state: 'there' } : { state: 'gone', reason: 'it was deleted' }
    },
    clock,
    patience: { outcome: 60_000, firstRetry: 5000, hang: 30_000, settle: 2000 },
    speed: 1,
    throughput: 5,
    concurrency: 64,
  }
}
