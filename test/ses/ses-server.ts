import { SESClient } from '@aws-sdk/client-ses'
import { SESv2Client } from '@aws-sdk/client-sesv2'
import Fastify from 'fastify'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { createMailProvider, type MailProvider } from '../../emulator/cloud/mail/provider.ts'
import type { Delivery, Envelope, MailTransport } from '../../emulator/cloud/mail/transport.ts'
import { createWebhooks } from '../../emulator/cloud/mail/webhooks.ts'
import { createSes, type Ses, type SesSettings } from '../../emulator/cloud/ses/ses.ts'
import { sesFace } from '../../emulator/http/ses/face.ts'
import { virtualClock, type VirtualClock } from '../../emulator/kernel/clock.ts'
import { boot } from '../../emulator/kernel/installation.ts'
import { createJournal, type Journal } from '../../emulator/kernel/journal.ts'
import { openStore, type Store } from '../../emulator/kernel/store.ts'

export interface SesServer {
  readonly url: string
  readonly v1: SESClient
  readonly v2: SESv2Client
  readonly clock: VirtualClock
  readonly store: Store
  readonly journal: Journal
  readonly mail: MailProvider
  readonly ses: Ses
  /** What went out over SMTP. */
  readonly delivered: { envelope: Envelope; raw: string }[]
  /** Notifications that were published to a queue. */
  readonly published: { queue: string; body: Notification }[]
  /** Queues that SES made sure of. */
  readonly queues: ReadonlySet<string>
  readonly posted: { url: string; headers: Readonly<Record<string, string>>; body: string }[]
  /** What a mail server says from now on. */
  answer(say: (envelope: Envelope) => Delivery): void
  /** What publishing to the queue throws from now on. */
  refusePublishing(error: Error | undefined): void
  /** What the HTTP address of notifications answers from now on. */
  answerPosts(status: () => number): void
  close(): Promise<void>
}

export interface Notification {
  readonly notificationType: 'Bounce' | 'Complaint' | 'Delivery'
  readonly mail: { readonly messageId: string; readonly destination: readonly string[] }
  readonly [part: string]: unknown
}

export const accepting = (): Delivery => ({ outcome: 'accepted', response: '250 2.0.0 Ok: queued as 1' })

interface Options {
  readonly settings?: Partial<SesSettings>
  readonly directory?: string
  readonly clock?: VirtualClock
  readonly workerRate?: number
  readonly transport?: MailTransport
  /** Errors that belong to the test. */
  readonly failing?: RegExp
}

export async function sesServer({ settings = {}, directory, clock = virtualClock(), ...given }: Options = {}) {
  const store = openStore(directory === undefined ? {} : { directory })
  const { ids } = boot({ store, seed: 'ses' })
  const journal = createJournal({ store, clock })
  const errors: unknown[] = []
  const onError = (error: unknown) => {
    if (given.failing?.test(String(error)) !== true) errors.push(error)
  }
  const delivered: SesServer['delivered'] = []
  const published: SesServer['published'] = []
  const posted: SesServer['posted'] = []
  const queues = new Set<string>()
  let say: (envelope: Envelope) => Delivery = accepting
  let status = () => 200
  let unpublished: Error | undefined
  const transport: MailTransport = given.transport ?? {
    async deliver(envelope, raw) {
      const answer = say(envelope)
      if (answer.outcome === 'accepted') delivered.push({ envelope, raw: raw.toString() })
      return answer
    },
    close: () => undefined,
  }
  const mail = createMailProvider({
    transport,
    store,
    clock,
    ids,
    journal,
    from: 'ManiReports <noreply@manireports.test>',
    find: () => Promise.resolve('unknown'),
    workerRate: given.workerRate,
    onError,
  })
  const webhooks = createWebhooks({
    store,
    clock,
    journal,
    onError,
    async post(url, headers, body) {
      posted.push({ url, headers, body })
      return { status: status() }
    },
  })
  const ses = createSes({
    store,
    clock,
    ids,
    journal,
    mail,
    webhooks,
    publish(queue, body) {
      if (unpublished !== undefined) throw unpublished
      // SNS's word that it knows the topic is no JSON where delivery is raw.
      if (body.startsWith('{')) published.push({ queue, body: JSON.parse(body) as Notification })
    },
    ensureQueue: (name) => void queues.add(name),
    account: '000000000000',
    region: 'us-east-1',
    sender: 'noreply@manireports.test',
    settings: {
      rate: 14,
      dailyQuota: 50_000,
      sandbox: false,
      notifications: {},
      configurationSets: [],
      topics: {},
      ...settings,
    },
    onError,
  })
  mail.start()
  webhooks.start()
  const app = Fastify({
    // As the router in front does it.
    rewriteUrl: (request) => `/@ses${request.url ?? '/'}`,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 2048 },
  })
  await app.register(sesFace({ ses, ids, onError }), { prefix: '/@ses' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const client = {
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'offload', secretAccessKey: 'offload' },
    maxAttempts: 1,
  }
  const v1 = new SESClient(client)
  const v2 = new SESv2Client(client)
  let closed = false
  const server: SesServer = {
    url,
    v1,
    v2,
    clock,
    store,
    journal,
    mail,
    ses,
    delivered,
    published,
    posted,
    queues,
    answer: (next) => void (say = next),
    refusePublishing: (error) => void (unpublished = error),
    answerPosts: (next) => void (status = next),
    async close() {
      if (closed) return
      closed = true
      v1.destroy()
      v2.destroy()
      await app.close()
      await mail.stop()
      await webhooks.stop()
      store.close()
      if (errors.length > 0) throw errors[0]
    },
  }
  onTestFinished(() => server.close())
  return server
}

/** How a call failed, as the client's own error tells it. */
export async function failure(call: Promise<unknown>) {
  const error = await call.then(
    () => {
      throw new Error('the call did not fail')
    },
    (thrown: unknown) =>
      thrown as { name: string; message: string; $fault?: string; $metadata?: { httpStatusCode?: number } },
  )
  return { status: error.$metadata?.httpStatusCode, name: error.name, message: error.message }
}
