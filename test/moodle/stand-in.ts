import { createHash } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { sign } from '../../contracts/signature.ts'
import { moodleFace } from '../../emulator/http/moodle/face.ts'
import { systemClock, type Clock } from '../../emulator/kernel/clock.ts'
import { boot } from '../../emulator/kernel/installation.ts'
import { createJournal } from '../../emulator/kernel/journal.ts'
import { openStore } from '../../emulator/kernel/store.ts'
import { createMoodle, type MoodleSettings } from '../../emulator/moodle/moodle.ts'
import type { Person } from '../../emulator/moodle/sample-people.ts'
import { callbackPaths, type SubmitInput } from '../../emulator/moodle/submission.ts'

export const secret = 'shared-secret'
export const token = 'company-token'

export interface Submission {
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The job message, out of its SQS envelope where it came in one. */
  readonly job: { readonly [name: string]: unknown; readonly recipients: readonly Record<string, unknown>[] }
  readonly text: string
  readonly attributes?: unknown
}

export interface CloudReply {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** A cloud that writes down what it gets; `reply` decides what it says to the nth message (from 0). */
export async function fakeCloud() {
  const submissions: Submission[] = []
  const app = Fastify({ forceCloseConnections: true, bodyLimit: 64 * 1024 * 1024 })
  const cloud = {
    submissions,
    reply: async (_submission: Submission, _nth: number): Promise<CloudReply | undefined> => undefined,
    url: '',
    close: () => app.close(),
  }
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.post('*', async (request, reply) => {
    const sqs = request.url !== '/jobs'
    const envelope = sqs ? (JSON.parse(String(request.body)) as Record<string, unknown>) : undefined
    const text = String(envelope?.['MessageBody'] ?? request.body)
    const submission: Submission = {
      path: request.url,
      headers: request.headers,
      job: JSON.parse(text) as Submission['job'],
      text,
      ...(envelope?.['MessageAttributes'] !== undefined && { attributes: envelope['MessageAttributes'] }),
    }
    const nth = submissions.push(submission) - 1
    const own = await cloud.reply(submission, nth)
    if (own !== undefined)
      return reply
        .code(own.status)
        .headers(own.headers ?? {})
        .send(own.body ?? {})
    if (!sqs) return reply.code(202).send({ job_id: submission.job['job_id'], status: 'queued' })
    const md5 = createHash('md5').update(text).digest('hex')
    return reply.send({ MessageId: String(nth), MD5OfMessageBody: md5 })
  })
  cloud.url = await listen(app)
  return cloud
}

export interface StandInOptions {
  readonly endpoint?: string
  readonly clock?: Clock
  readonly directory?: string
  readonly settings?: Partial<MoodleSettings>
}

/** The stand-in behind its own port; delays run a thousand times as fast. */
export async function standIn({
  endpoint,
  clock = systemClock({ speed: 1000 }),
  directory,
  settings,
}: StandInOptions = {}) {
  const store = openStore(directory === undefined ? {} : { directory })
  const { ids } = boot({ store, seed: 'test' })
  const journal = createJournal({ store, clock })
  const app = Fastify({ forceCloseConnections: true })
  const here = { url: '' }
  const moodle = createMoodle({
    store,
    clock,
    ids,
    journal,
    settings: {
      endpoint: () => endpoint ?? 'http://127.0.0.1:9',
      queueUrl: () => `${endpoint ?? 'http://127.0.0.1:9'}/000000000000/manireports-jobs`,
      token: () => 'ingest-token',
      callbackBase: () => here.url,
      batchSize: () => 200,
      maximumMessageSize: 1_048_576,
      fallbackBehavior: () => 'queue_local',
      secret: () => secret,
      pluginToken: () => token,
      ...settings,
    },
  })
  await app.register(moodleFace({ moodle }))
  here.url = await listen(app)

  const post = async (path: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) => {
    const response = await fetch(`${here.url}${path}`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const seconds = () => Math.floor(clock.now() / 1000)
  return {
    url: here.url,
    moodle,
    store,
    journal,
    clock,
    post,
    /** A callback of `spec`, stamped now and signed. */
    callback(jobid: string | number, updates: readonly object[], more: object = {}) {
      const body = JSON.stringify({ job_id: jobid, recipient_updates: updates, timestamp: seconds(), ...more })
      return post(callbackPaths.spec, body, { 'x-signature': sign(secret, body) })
    },
    /** A callback of `flow` or `detailed`: signed, without a time. */
    signed(content: object) {
      const body = JSON.stringify(content)
      return post(callbackPaths.spec, body, { 'x-signature': sign(secret, body) })
    },
    pluginCallback: (content: object) => post(callbackPaths.plugin, JSON.stringify({ token, ...content })),
    /** Everything that a callback may change. */
    state(jobid: string) {
      const { status, completed_recipients, failed_recipients, local_queue } = moodle.job(jobid) ?? {}
      const recipients = moodle.recipients(jobid).map((row) => ({ ...row, id: undefined }))
      return { status, completed_recipients, failed_recipients, local_queue, recipients }
    },
    async stop() {
      await moodle.stop()
      await app.close()
      store.close()
    },
  }
}

export type StandIn = Awaited<ReturnType<typeof standIn>>
export type FakeCloud = Awaited<ReturnType<typeof fakeCloud>>

async function listen(app: FastifyInstance): Promise<string> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
}

export function people(count: number, first = 1001): Person[] {
  return Array.from({ length: count }, (_, n) => ({
    userid: first + n,
    email: `user${first + n}@example.com`,
    firstname: 'Ana',
    lastname: `Sá ${n}`,
    data: { username: `user${first + n}`, password: `Temp-secret-${n}` },
  }))
}

export function job(overrides: Partial<SubmitInput> = {}): SubmitInput {
  return {
    tenant: 7,
    type: 'csv_import',
    recipients: people(3),
    certificate: false,
    mode: 'api',
    dialect: 'spec',
    shape: 'batches',
    ...overrides,
  }
}
