import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Store } from '../../kernel/store.ts'
import type { MailProvider } from '../mail/provider.ts'
import type { Webhooks } from '../mail/webhooks.ts'
import { createCloudflareEmail, type CloudflareEmail } from './cloudflare-email.ts'
import { createCloudflareQueues, type CloudflareQueues, type QueueService } from './cloudflare-queues.ts'
import { createEventBatches } from './event-batches.ts'
import { createMailchannels, type Mailchannels } from './mailchannels.ts'
import { createMailchannelsEvents, createMailchannelsSigner, type MailchannelsEvents } from './mailchannels-events.ts'
import { createMailgun, type Mailgun } from './mailgun.ts'
import { createMailgunEvents, signedMailgunBody, type MailgunEvents } from './mailgun-events.ts'
import { createMailgunTemplates } from './mailgun-templates.ts'
import { createSubmission } from './model.ts'
import { createRateWindow, type RateLimit, type RateWindow } from './rate-window.ts'
import { createSenders } from './senders.ts'
import { createSendgrid, type Sendgrid } from './sendgrid.ts'
import { createSendgridEvents, createSendgridSigner, type SendgridEvents } from './sendgrid-events.ts'
import { createSendgridTemplates } from './sendgrid-templates.ts'

/** The providers beside SES, each as its own service over the one model of `mail/`. */
export interface Providers {
  readonly sendgrid: Sendgrid
  readonly mailgun: Mailgun
  readonly mailchannels: Mailchannels
  readonly cloudflareEmail: CloudflareEmail
  readonly cloudflareQueues: CloudflareQueues
  /** Cloudflare's API has one limit for all its calls. */
  readonly cloudflareRate: RateWindow
  /** With which SendGrid's event webhook is verified: base64 of DER, as SendGrid shows it. */
  readonly sendgridPublicKey: string
  /** What is told about mails that were taken elsewhere: the emulator's own worker's. */
  readonly events: {
    readonly sendgrid: SendgridEvents
    readonly mailgun: MailgunEvents
    readonly mailchannels: MailchannelsEvents
  }
  /** Whether anybody is told. */
  readonly tellsEvents: boolean
  start(): void
  stop(): Promise<void>
  reset(): void
}

export interface ProvidersOptions {
  readonly store: Store
  readonly clock: Clock
  readonly ids: Ids
  readonly mail: Pick<MailProvider, 'accept' | 'listen'>
  readonly webhooks: Pick<Webhooks, 'add' | 'sign'>
  readonly queues: QueueService
  readonly settings: {
    /** Where SendGrid's, Mailgun's and MailChannels' events are posted; nobody is told where there is none. */
    readonly webhookUrl: string | undefined
    readonly mailgunSigningKey: string
    /** Domains that may send; any where none are named. */
    readonly sendingDomains: readonly string[]
    /** Requests a second, for each provider; their own documented limits without it. */
    readonly requestsPerSecond: number | undefined
  }
  readonly onError: (error: unknown) => void
}

/** What the providers document; of the others nobody says what their limit is. */
const documented: Readonly<Record<'sendgrid' | 'cloudflare', RateLimit>> = {
  sendgrid: { requests: 10_000, windowMs: 1000 },
  cloudflare: { requests: 1200, windowMs: 300_000 },
}

/** A batch leaves a second after its first event; SendGrid posts up to 768 KB. */
const sendgridBatch = { gatherMs: 1000, most: 1000 }
/** MailChannels posts up to 1,000 events. */
const mailchannelsBatch = { gatherMs: 1000, most: 1000 }

export function createProviders({
  store,
  clock,
  ids,
  mail,
  webhooks,
  queues,
  settings,
  onError,
}: ProvidersOptions): Providers {
  const { webhookUrl: url, requestsPerSecond, mailgunSigningKey } = settings
  const own = requestsPerSecond === undefined ? undefined : { requests: requestsPerSecond, windowMs: 1000 }
  const rate = (limit?: RateLimit) => createRateWindow({ clock, limit: own ?? limit })
  const senders = createSenders(settings.sendingDomains)
  const submission = (provider: 'sendgrid' | 'mailgun' | 'mailchannels' | 'cloudflare') =>
    createSubmission({ provider, mail, clock })

  const signer = createSendgridSigner({ clock, ids })
  webhooks.sign('sendgrid', signer.sign)
  const contentType = 'application/json'
  const sendgridBatches =
    url === undefined
      ? undefined
      : createEventBatches({
          store,
          clock,
          provider: 'sendgrid',
          ...sendgridBatch,
          post: (events) => webhooks.add({ provider: 'sendgrid', url, body: JSON.stringify(events), contentType }),
          onError,
        })
  const mailgunBatches =
    url === undefined
      ? undefined
      : createEventBatches({
          store,
          clock,
          provider: 'mailgun',
          gatherMs: 0,
          most: 100,
          post: (events) => {
            for (const event of events) {
              const body = signedMailgunBody(event, { signingKey: mailgunSigningKey, clock, ids })
              webhooks.add({ provider: 'mailgun', url, body, contentType })
            }
          },
          onError,
        })
  const mailchannelsSigner = createMailchannelsSigner({ clock, ids })
  webhooks.sign('mailchannels', mailchannelsSigner.sign)
  const mailchannelsBatches =
    url === undefined
      ? undefined
      : createEventBatches({
          store,
          clock,
          provider: 'mailchannels',
          ...mailchannelsBatch,
          post: (events) => webhooks.add({ provider: 'mailchannels', url, body: JSON.stringify(events), contentType }),
          onError,
        })
  const mailchannelsEvents = createMailchannelsEvents({ batches: mailchannelsBatches, clock })
  const sendgridEvents = createSendgridEvents({ batches: sendgridBatches, clock, ids })
  const mailgunEvents = createMailgunEvents({ batches: mailgunBatches, clock, ids })
  const wants = () => url !== undefined
  mail.listen('sendgrid', { wants, receive: sendgridEvents.reported })
  mail.listen('mailchannels', { wants, receive: mailchannelsEvents.reported })
  mail.listen('mailgun', { wants, receive: mailgunEvents.reported })

  const sendgridTemplates = createSendgridTemplates({ store, clock, ids })
  const mailgunTemplates = createMailgunTemplates({ store, clock, ids })
  const cloudflareRate = rate(documented.cloudflare)
  const batches = [sendgridBatches, mailgunBatches, mailchannelsBatches].filter((one) => one !== undefined)
  return {
    sendgrid: createSendgrid({
      store,
      clock,
      ids,
      rate: rate(documented.sendgrid),
      submission: submission('sendgrid'),
      events: sendgridEvents,
      senders,
      templates: sendgridTemplates,
    }),
    mailgun: createMailgun({
      store,
      clock,
      ids,
      rate: rate(),
      submission: submission('mailgun'),
      events: mailgunEvents,
      senders,
      templates: mailgunTemplates,
    }),
    mailchannels: createMailchannels({
      store,
      ids,
      rate: rate(),
      submission: submission('mailchannels'),
      events: mailchannelsEvents,
      senders,
      signer: mailchannelsSigner,
    }),
    cloudflareEmail: createCloudflareEmail({
      ids,
      rate: cloudflareRate,
      submission: submission('cloudflare'),
      senders,
    }),
    cloudflareQueues: createCloudflareQueues({ store, clock, queues }),
    cloudflareRate,
    sendgridPublicKey: signer.publicKey,
    events: { sendgrid: sendgridEvents, mailgun: mailgunEvents, mailchannels: mailchannelsEvents },
    tellsEvents: url !== undefined,
    start: () => batches.forEach((one) => one.start()),
    stop: async () => void (await Promise.all(batches.map((one) => one.stop()))),
    reset: () => [...batches, sendgridTemplates, mailgunTemplates].forEach((one) => one.reset()),
  }
}
