import type { Clock } from '../../kernel/clock.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import type { Store } from '../../kernel/store.ts'
import type { MailFeedback, MailPort, OutgoingMail } from '../../worker/ports.ts'
import type { Bounce } from '../mail/bounce.ts'
import { parseSender } from '../mail/provider.ts'
import type { MailReport } from '../mail/reports.ts'
import type { Consequence } from '../mail/simulator.ts'
import type { Form } from './mailgun-request.ts'
import type { Providers } from './providers.ts'

export type WorkerProvider = 'sendgrid' | 'mailgun' | 'mailchannels' | 'cloudflare'

export interface WorkerMailOptions {
  readonly provider: WorkerProvider
  readonly providers: Providers
  /** Delivers what the provider takes. */
  readonly mail: MailPort
  /** `Name <address>`: who the worker's mails are from. */
  readonly from: string
  readonly store: Store
  readonly clock: Clock
}

/**
 * The emulator's own worker as a customer of `provider`: each mail is written as a request to its API and read by the
 * same code as a request from outside, so that it meets the same limits and errors; then it goes the worker's own way,
 * with its own Message-ID. Nothing of it is counted against the limit of requests.
 */
export function createWorkerMail({ provider, providers, mail, from, store, clock }: WorkerMailOptions): MailPort {
  const sender = parseSender(from)
  const domain = sender.address.slice(sender.address.lastIndexOf('@') + 1)
  const { sendgrid, mailgun, mailchannels, cloudflareEmail, events } = providers
  const checks: Readonly<Record<WorkerProvider, (outgoing: OutgoingMail) => unknown>> = {
    sendgrid: (outgoing) => sendgrid.check(sendgridBody(outgoing, sender)),
    mailgun: (outgoing) => mailgun.check(domain, mailgunForm(outgoing, from)),
    mailchannels: (outgoing) => mailchannels.check(sendgridBody(outgoing, sender)),
    cloudflare: (outgoing) => cloudflareEmail.check(cloudflareBody(outgoing, sender)),
  }
  const label = { sendgrid: 'SendGrid', mailgun: 'Mailgun', mailchannels: 'MailChannels', cloudflare: 'Cloudflare' }

  const tell = async (outgoing: OutgoingMail, feedback: MailFeedback | undefined) => {
    if (provider === 'cloudflare') return
    const { address } = outgoing.to
    const { messageId } = outgoing
    const now = clock.now()
    const suppressed = feedback?.detail.includes('/OnAccountSuppressionList') === true
    const recipients = [{ address, fate: suppressed ? ('suppressed' as const) : ('delivered' as const) }]
    const report: MailReport = {
      ...consequenceOf(feedback),
      provider,
      id: messageId,
      messageId,
      from: sender.address,
      to: [address],
      recipients: [address],
      sentAt: now,
      at: clock.deadline(feedback?.afterMs ?? 0),
      context: provider === 'mailgun' ? { domain } : {},
    }
    await store.write(() => {
      if (provider === 'sendgrid') events.sendgrid.accepted(messageId, recipients, { categories: [], customArgs: {} })
      else if (provider === 'mailgun')
        events.mailgun.accepted(messageId, recipients, { domain, tags: [], variables: {} })
      else events.mailchannels.accepted({ from: sender.address, messageId, requestId: '' }, recipients)
      events[provider].reported(report)
    })
  }

  return {
    find: mail.find,
    async send(outgoing) {
      try {
        checks[provider](outgoing)
      } catch (error) {
        if (!(error instanceof EmulatorError)) throw error
        return { outcome: 'rejected', error: `${label[provider]}: ${error.message}` }
      }
      const result = await mail.send(outgoing)
      if (result.outcome === 'accepted' && providers.tellsEvents) await tell(outgoing, result.feedback)
      return result
    },
  }
}

interface Sender {
  readonly name: string
  readonly address: string
}

const mailboxOf = ({ name, address }: { readonly name?: string; readonly address: string }) => ({
  email: address,
  ...(name === undefined || name === '' ? {} : { name }),
})

const encoded = ({ attachments = [] }: OutgoingMail) =>
  attachments.map(({ filename, contentType, content }) => ({
    filename,
    type: contentType,
    content: Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('base64'),
  }))

/** MailChannels takes the same. */
function sendgridBody(outgoing: OutgoingMail, sender: Sender) {
  const attachments = encoded(outgoing)
  return {
    personalizations: [{ to: [mailboxOf(outgoing.to)] }],
    from: mailboxOf(sender),
    subject: outgoing.subject,
    content: [
      { type: 'text/plain', value: outgoing.text },
      { type: 'text/html', value: outgoing.html },
    ],
    ...(attachments.length === 0 ? {} : { attachments }),
  }
}

function mailgunForm(outgoing: OutgoingMail, from: string): Form {
  return {
    fields: [
      ['from', from],
      ['to', outgoing.to.address],
      ['subject', outgoing.subject],
      ['text', outgoing.text],
      ['html', outgoing.html],
    ],
    files: (outgoing.attachments ?? []).map(({ filename, contentType, content }) => ({
      field: 'attachment',
      filename,
      contentType,
      content: Buffer.from(content),
    })),
  }
}

function cloudflareBody(outgoing: OutgoingMail, sender: Sender) {
  return {
    from: sender,
    to: outgoing.to,
    subject: outgoing.subject,
    text: outgoing.text,
    html: outgoing.html,
    attachments: encoded(outgoing),
  }
}

/** What the worker's feedback says, in the model's terms; a mail without feedback was delivered. */
function consequenceOf(feedback: MailFeedback | undefined): Consequence {
  if (feedback === undefined) return { kind: 'delivery', response: '250 2.0.0 Ok' }
  switch (feedback.kind) {
    case 'delivery':
      return { kind: 'delivery', response: feedback.detail }
    case 'complaint':
      return { kind: 'complaint' }
    case 'bounce':
      return { kind: 'bounce', bounce: bounceOf(feedback.detail) }
  }
}

function bounceOf(detail: string): Bounce {
  const [, type = 'Undetermined', subType = 'Undetermined', status = '', diagnostic = detail] =
    /^(Permanent|Transient|Undetermined)\/(\w+) (?:(\d\.\d+\.\d+) )?(.*)$/s.exec(detail) ?? []
  return { type: type as Bounce['type'], subType: subType as Bounce['subType'], status, diagnostic, reportingMta: '' }
}
