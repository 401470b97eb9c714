import fastify, { type FastifyInstance } from 'fastify'
import type { AddressInfo } from 'node:net'
import PostalMime, { type Email } from 'postal-mime'
import { createMailProvider, type MailProvider } from '../../emulator/cloud/mail/provider.ts'
import type { Delivery, Envelope, MailTransport } from '../../emulator/cloud/mail/transport.ts'
import { createWebhooks } from '../../emulator/cloud/mail/webhooks.ts'
import { createProviders, type Providers, type ProvidersOptions } from '../../emulator/cloud/providers/providers.ts'
import { createQueues, type Queues } from '../../emulator/cloud/queue/queues.ts'
import { providerFaces } from '../../emulator/http/providers/faces.ts'
import { providerOf } from '../../emulator/http/providers/routes.ts'
import { virtualClock, type VirtualClock } from '../../emulator/kernel/clock.ts'
import { boot } from '../../emulator/kernel/installation.ts'
import { createJournal, type Journal } from '../../emulator/kernel/journal.ts'
import { openStore, type Store } from '../../emulator/kernel/store.ts'

export interface Post {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface SentMail {
  readonly envelope: Envelope
  readonly raw: string
  readonly mail: Email
}

export interface ProviderServer {
  readonly url: string
  readonly clock: VirtualClock
  readonly store: Store
  readonly journal: Journal
  readonly queues: Queues
  readonly mail: MailProvider
  readonly providers: Providers
  /** What was posted to the webhook. */
  readonly posts: readonly Post[]
  /** How many mails went out over SMTP. */
  count(): number
  /** What went out over SMTP, in order, but for the first `after`. */
  sent(after?: number): Promise<SentMail[]>
  /** What the mail server says from now on. */
  answerMail(answer: (envelope: Envelope) => Delivery): void
  request(path: string, init?: RequestInit): Promise<Answer>
  close(): Promise<void>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Undefined where the answer is no JSON. */
  readonly body: unknown
}

export const webhookUrl = 'http://127.0.0.1:9999/events'

export async function providerServer({
  settings = {},
  apiKey,
}: { settings?: Partial<ProvidersOptions['settings']>; apiKey?: string } = {}): Promise<ProviderServer> {
  const clock = virtualClock()
  const store = openStore({})
  const { ids } = boot({ store, seed: 'providers' })
  const journal = createJournal({ store, clock })
  const delivered: { envelope: Envelope; raw: Buffer }[] = []
  let answer = (_envelope: Envelope): Delivery => ({ outcome: 'accepted', response: '250 2.0.0 Ok: queued' })
  const transport: MailTransport = {
    deliver: async (envelope, raw) => {
      const said = answer(envelope)
      if (said.outcome === 'accepted') delivered.push({ envelope, raw })
      return said
    },
    close: () => undefined,
  }
  const onError = (error: unknown) => {
    throw error
  }
  const mail = createMailProvider({
    transport,
    store,
    clock,
    ids,
    journal,
    from: 'Tests <noreply@manireports.test>',
    find: async () => 'unknown',
    onError,
  })
  const posts: Post[] = []
  const webhooks = createWebhooks({
    store,
    clock,
    journal,
    onError,
    post: async (url, headers, body) => {
      posts.push({ url, headers, body })
      return { status: 200 }
    },
  })
  const queues = createQueues({
    store,
    clock,
    ids,
    journal,
    account: '000000000000',
    region: 'us-east-1',
    maximumMessageSize: 1_048_576,
  })
  queues.ensureQueue('manireports-jobs', {})
  const providers = createProviders({
    store,
    clock,
    ids,
    mail,
    webhooks,
    queues,
    settings: {
      webhookUrl,
      mailgunSigningKey: 'signing-key',
      sendingDomains: [],
      requestsPerSecond: undefined,
      ...settings,
    },
    onError,
  })
  mail.start()
  webhooks.start()
  providers.start()

  const app: FastifyInstance = fastify({
    forceCloseConnections: true,
    // As the router in front does it.
    rewriteUrl(request) {
      const url = request.url ?? '/'
      const provider = providerOf(url.replace(/\?.*$/s, ''))
      return provider === undefined ? url : `/@${provider}${url}`
    },
  })
  for (const [name, face] of Object.entries(providerFaces({ providers, clock, apiKey }))) {
    await app.register(face, { prefix: `/@${name}` })
  }
  await app.listen({ port: 0, host: '127.0.0.1' })
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`

  return {
    url,
    clock,
    store,
    journal,
    queues,
    mail,
    providers,
    posts,
    count: () => delivered.length,
    sent: (after = 0) =>
      Promise.all(
        delivered.slice(after).map(async ({ envelope, raw }) => ({
          envelope,
          raw: raw.toString(),
          mail: await PostalMime.parse(raw),
        })),
      ),
    answerMail(said) {
      answer = said
    },
    async request(path, init) {
      const response = await fetch(`${url}${path}`, { method: 'POST', ...init })
      const text = await response.text()
      let body: unknown
      try {
        body = JSON.parse(text)
      } catch {
        body = undefined
      }
      return { status: response.status, headers: response.headers, text, body }
    },
    async close() {
      await app.close()
      await providers.stop()
      await webhooks.stop()
      await mail.stop()
      queues.close()
      store.close()
    },
  }
}

/** A POST of JSON with a Bearer token, as SendGrid and Cloudflare take it. */
export const json = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  headers: { authorization: 'Bearer SG.key', 'content-type': 'application/json', ...headers },
  body: typeof body === 'string' ? body : JSON.stringify(body),
})
