import { CutOff } from './cloud/inbox/faulty-accept.ts'
import type { Inbox } from './cloud/inbox/inbox.ts'
import { deliveryOfReply } from './cloud/mail/fate.ts'
import { checkMailpit, createMailpitLookup } from './cloud/mail/mailpit.ts'
import { createMailProvider, parseSender, type AcceptedMessage } from './cloud/mail/provider.ts'
import { innerSmtpAddress, parseSmtpAddress, type SmtpAddress } from './cloud/mail/smtp-host.ts'
import { createSmtpTransport, type Delivery, type MailTransport } from './cloud/mail/transport.ts'
import { createWebhooks } from './cloud/mail/webhooks.ts'
import { limitWorker } from './cloud/mail/worker-limits.ts'
import { createProviders } from './cloud/providers/providers.ts'
import { createWorkerMail } from './cloud/providers/worker-mail.ts'
import type { Queues } from './cloud/queue/queues.ts'
import { createSes } from './cloud/ses/ses.ts'
import type { Config } from './config.ts'
import { portTaken } from './http/listen.ts'
import type { Clock } from './kernel/clock.ts'
import { EmulatorError, messageOf } from './kernel/errors.ts'
import type { Faults } from './kernel/faults/faults.ts'
import type { Ids } from './kernel/ids.ts'
import type { Journal } from './kernel/journal.ts'
import type { Store } from './kernel/store.ts'
import { createHostRules } from './worker/callbacks/host-rules.ts'
import { createHttpTransport } from './worker/callbacks/http-transport.ts'

export interface MailServicesDeps {
  readonly config: Config
  readonly store: Store
  readonly clock: Clock
  readonly ids: Ids
  readonly journal: Journal
  readonly faults: Faults
  readonly queues: Queues
  readonly inbox: Inbox
  /** Whether ports may be opened; without, mail goes to the inbox in this process. */
  readonly listens: boolean
  readonly account: string
  readonly region: string
  /** Told of each mail that a caller outside hands over. */
  readonly onAccepted?: ((mail: AcceptedMessage) => void) | undefined
  readonly onError: (error: unknown) => void
}

/** Everything that takes mail and delivers it: the transport, the provider model, SES and the other providers. */
export async function createMailServices(deps: MailServicesDeps) {
  const { config, store, clock, ids, journal, queues, inbox, account, region, onError } = deps
  const address = await openSmtp(deps)
  const transport = address === undefined ? intoInbox(inbox) : createSmtpTransport({ address })
  const model = createMailProvider({
    transport,
    store,
    clock,
    ids,
    journal,
    onError,
    from: config.mail_from,
    workerRate: config.ses_sandbox ? Math.min(1, config.worker_mail_rate ?? 1) : config.worker_mail_rate,
    faults: deps.faults,
    onAccepted: deps.onAccepted,
    find:
      config.mailpit === undefined
        ? (messageId) => Promise.resolve(inbox.find(messageId))
        : createMailpitLookup({ url: config.mailpit }),
  })

  const rules = createHostRules({ connectTo: config.callback_connect_to, allowHosts: config.allow_callback_host })
  const http = createHttpTransport({ clock, timeoutMs: config.callback_timeout, rules })
  const webhooks = createWebhooks({
    store,
    clock,
    journal,
    onError,
    async post(url, headers, body) {
      const verdict = rules.judge(new URL(url))
      if (verdict.state === 'refused') throw new EmulatorError('host-not-allowed', verdict.reason)
      return await http({ url, headers, body })
    },
  })
  if (config.ses_notifications.queue !== undefined) queues.ensureQueue(config.ses_notifications.queue, {})
  const ses = createSes({
    store,
    clock,
    ids,
    journal,
    mail: model,
    webhooks,
    publish: (queue, body) => void queues.enqueue(queue, { body, attributes: {} }),
    ensureQueue: (name) => queues.ensureQueue(name),
    account,
    region,
    sender: parseSender(config.mail_from).address,
    settings: {
      rate: config.ses_rate,
      dailyQuota: config.ses_daily_quota,
      sandbox: config.ses_sandbox,
      notifications: config.ses_notifications,
      configurationSets: config.ses_configuration_sets,
      topics: config.sns_topics,
    },
    onError,
  })
  const providers = createProviders({
    store,
    clock,
    ids,
    mail: model,
    webhooks,
    queues,
    onError,
    settings: {
      webhookUrl: config.provider_webhook_url,
      mailgunSigningKey: config.mailgun_signing_key,
      sendingDomains: config.sending_domains,
      requestsPerSecond: config.provider_requests_per_second,
    },
  })

  const quota = config.worker_daily_quota ?? Infinity
  const worker = limitWorker(
    model,
    {
      dailyQuota: config.ses_sandbox ? Math.min(200, quota) : quota,
      refuses: (address) => config.ses_sandbox && !ses.identities.covers(address),
    },
    { store, clock, region, onError },
  )

  return {
    /** host:port, as it is shown; empty where there is none. */
    smtp: address === undefined ? '' : (config.smtp ?? `${address.host}:${address.port}`),
    /** What the emulator's own worker sends through. */
    worker:
      config.email_provider === 'ses'
        ? worker
        : createWorkerMail({
            provider: config.email_provider,
            providers,
            mail: model,
            from: config.mail_from,
            store,
            clock,
          }),
    ses,
    providers,
    start() {
      model.start()
      webhooks.start()
      providers.start()
    },
    /** Before the worker stops: it must not wait for its rate, nor for tomorrow. */
    endWaits() {
      worker.endWaits()
      model.endWaits()
    },
    async stop() {
      await providers.stop()
      await webhooks.stop()
      await model.stop()
      transport.close()
      http.close?.()
    },
    /** Everything that a tenant cannot be told from: only a reset of all forgets it. */
    reset(tenant?: number) {
      if (tenant !== undefined) return
      model.reset()
      worker.reset()
      ses.reset()
      providers.reset()
      webhooks.reset()
    },
  }
}

export type MailServices = Awaited<ReturnType<typeof createMailServices>>

/** Delivery inside this process, for an emulator without ports. */
function intoInbox(inbox: Inbox): MailTransport {
  return {
    async deliver({ from, to }, raw) {
      try {
        const id = await inbox.receive({ from, to: [...to], username: '', raw })
        return { outcome: 'accepted', response: `250 2.0.0 Ok: queued as ${id}` }
      } catch (error) {
        return undelivered(error)
      }
    },
    close() {},
  }
}

/** What SMTP would have made of the inbox's refusal. */
function undelivered(error: unknown): Delivery {
  if (error instanceof CutOff) return { outcome: 'deferred', error: error.message, ambiguous: true }
  const code = error instanceof Error && 'responseCode' in error ? Number(error.responseCode) : undefined
  if (code === undefined) throw error
  return deliveryOfReply(`${code} ${messageOf(error)}`)
}

/** Where mail goes: Mailpit where one is named, else the embedded inbox, whose port is opened here. */
async function openSmtp({ config, inbox, listens }: MailServicesDeps): Promise<SmtpAddress | undefined> {
  if (config.mailpit === undefined && config.smtp === undefined) {
    if (!listens) return undefined
    const [host = '127.0.0.1'] = config.host
    return await inbox.listen({ host, port: config.smtp_port }).catch((error: unknown) => {
      throw portTaken(error, config.smtp_port, 'smtp-port')
    })
  }
  if (config.mailpit === undefined || config.smtp === undefined) {
    throw new EmulatorError(
      'bad-configuration',
      'Mailpit needs both addresses: --mailpit http://HOST:8025 --smtp HOST:1025.',
    )
  }
  const state = await checkMailpit({ url: config.mailpit })
  if (!state.reachable) {
    throw new EmulatorError('mailpit-unreachable', `Mailpit does not answer at ${config.mailpit}: ${state.error}`)
  }
  return await innerSmtpAddress(parseSmtpAddress(config.smtp))
}
