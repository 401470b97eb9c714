import { createHmac } from 'node:crypto'
import type { Json } from '../../../contracts/json.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Bounce } from '../mail/bounce.ts'
import type { AcceptedMail } from '../mail/provider.ts'
import type { MailReport } from '../mail/reports.ts'
import type { EventBatches } from './event-batches.ts'

/** What Mailgun's events repeat of the request. */
export interface MailgunContext {
  readonly domain: string
  readonly tags: readonly string[]
  readonly variables: Readonly<Record<string, string>>
}

/**
 * Mailgun's webhooks: one event a post, its signature inside the body.
 * Source: https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads
 */
export interface MailgunEvents {
  /** In a transaction. `messageId` is without angle brackets. */
  accepted(messageId: string, recipients: AcceptedMail['recipients'], context: MailgunContext): void
  /** In a transaction. */
  reported(report: MailReport): void
}

type Occurrence = Readonly<Record<string, Json>> & { readonly event: string }

export function createMailgunEvents({
  batches,
  clock,
  ids,
}: {
  batches: Pick<EventBatches, 'add'> | undefined
  clock: Clock
  ids: Ids
}): MailgunEvents {
  const add = (
    recipient: string,
    messageId: string,
    occurrence: Occurrence,
    at: number,
    { domain, tags, variables }: MailgunContext,
  ) =>
    batches?.add(
      {
        ...occurrence,
        id: Buffer.from(ids.next('mailgun-event').replaceAll('-', ''), 'hex').toString('base64url'),
        timestamp: at / 1000,
        'log-level': occurrence.event === 'failed' ? 'error' : 'info',
        recipient,
        'recipient-domain': recipient.slice(recipient.lastIndexOf('@') + 1),
        domain: { name: domain },
        tags: [...tags],
        'user-variables': { ...variables },
        message: { headers: { 'message-id': messageId } },
      },
      at,
    )

  return {
    accepted(messageId, recipients, context) {
      const now = clock.now()
      for (const { address, fate } of recipients) {
        add(address, messageId, { event: 'accepted', method: 'HTTP' }, now, context)
        if (fate === 'suppressed') add(address, messageId, suppressed, now, context)
      }
    },
    reported(report) {
      const occurrence = occurrenceOf(report)
      if (occurrence === undefined) return
      const { domain = '', tags = [], variables = {} } = (report.context ?? {}) as Partial<MailgunContext>
      for (const address of report.recipients) {
        add(address, report.messageId, occurrence, report.at, { domain, tags, variables })
      }
    },
  }
}

const suppressed: Occurrence = {
  event: 'failed',
  severity: 'permanent',
  reason: 'suppress-bounce',
  'delivery-status': {
    code: 605,
    message: '',
    description: 'Not delivering to previously bounced address',
    'attempt-no': 1,
  },
}

function occurrenceOf(report: MailReport): Occurrence | undefined {
  switch (report.kind) {
    case 'delivery':
      return {
        event: 'delivered',
        'delivery-status': { code: 250, message: report.response, 'attempt-no': 1 },
      }
    case 'complaint':
      return { event: 'complained' }
    case 'bounce':
      return report.bounce.subType === 'OnAccountSuppressionList' ? undefined : failureOf(report.bounce)
    case 'delay':
      return delayOf(report.reply)
  }
}

function delayOf(reply: string): Occurrence {
  const [code = '498'] = /^\d{3}/.exec(reply) ?? []
  const [enhanced = ''] = /4\.\d{1,3}\.\d{1,3}/.exec(reply) ?? []
  return {
    event: 'failed',
    severity: 'temporary',
    reason: 'generic',
    'delivery-status': {
      code: Number(code),
      'enhanced-code': enhanced,
      message: reply,
      description: '',
      'attempt-no': 1,
      'retry-seconds': 60,
    },
  }
}

function failureOf({ type, diagnostic, status }: Bounce): Occurrence {
  const message = diagnostic.replace(/^smtp; /, '')
  const [code = '550'] = /^\d{3}/.exec(message) ?? []
  const permanent = type === 'Permanent'
  return {
    event: 'failed',
    severity: permanent ? 'permanent' : 'temporary',
    reason: permanent ? 'bounce' : 'generic',
    'delivery-status': { code: Number(code), 'enhanced-code': status, message, description: '', 'attempt-no': 1 },
  }
}

/** The whole body of one post; signature = hex of HMAC-SHA256(key, timestamp + token). */
export function signedMailgunBody(
  event: Json,
  { signingKey, clock, ids }: { signingKey: string; clock: Clock; ids: Ids },
): string {
  const timestamp = String(Math.floor(clock.now() / 1000))
  const token = `${ids.next('mailgun-token')}${ids.next('mailgun-token')}`.replaceAll('-', '').slice(0, 50)
  const signature = createHmac('sha256', signingKey).update(`${timestamp}${token}`).digest('hex')
  return JSON.stringify({ signature: { timestamp, token, signature }, 'event-data': event })
}
