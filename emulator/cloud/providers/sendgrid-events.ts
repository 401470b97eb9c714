import { createECDH, createPrivateKey, createPublicKey, sign } from 'node:crypto'
import type { Json } from '../../../contracts/json.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Bounce } from '../mail/bounce.ts'
import type { AcceptedMail } from '../mail/provider.ts'
import type { MailReport } from '../mail/reports.ts'
import type { EventBatches } from './event-batches.ts'

/** What SendGrid's events repeat of the request. */
export interface SendgridContext {
  readonly categories: readonly string[]
  readonly customArgs: Readonly<Record<string, string>>
}

type Occurrence =
  | { readonly event: 'processed' }
  | { readonly event: 'delivered'; readonly response: string }
  | { readonly event: 'deferred'; readonly response: string; readonly attempt: string }
  | { readonly event: 'bounce'; readonly reason: string; readonly status: string; readonly type: 'bounce' | 'blocked' }
  | { readonly event: 'dropped'; readonly reason: string; readonly status: string }
  | { readonly event: 'spamreport' }

/**
 * The event webhook. Source: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
 * What it posts is an array, signed with ECDSA P-256 over timestamp and raw body.
 */
export interface SendgridEvents {
  /** In a transaction: what is known of a message when it was taken. */
  accepted(messageId: string, recipients: AcceptedMail['recipients'], context: SendgridContext): void
  /** In a transaction: what the model tells later. */
  reported(report: MailReport): void
}

export function createSendgridEvents({
  batches,
  clock,
  ids,
}: {
  /** Undefined where no address is configured: nothing is kept. */
  batches: Pick<EventBatches, 'add'> | undefined
  clock: Clock
  ids: Ids
}): SendgridEvents {
  const add = (
    email: string,
    messageId: string,
    occurrence: Occurrence,
    at: number,
    { categories, customArgs }: SendgridContext,
  ) => {
    const event: Record<string, Json> = {
      // Custom arguments stand beside the fields of the event, and never replace them.
      ...customArgs,
      email,
      timestamp: Math.floor(at / 1000),
      'smtp-id': `<${messageId}@${smtpHost}>`,
      ...occurrence,
      ...(categories.length === 0
        ? {}
        : { category: categories.length === 1 ? (categories[0] ?? '') : [...categories] }),
      sg_event_id: Buffer.from(ids.next('sendgrid-event')).toString('base64url').slice(0, 48),
      sg_message_id: `${messageId}.recvd-offload-1.0`,
    }
    batches?.add(event, at)
  }

  return {
    accepted(messageId, recipients, context) {
      const now = clock.now()
      for (const { address, fate } of recipients) {
        const occurrence: Occurrence =
          fate === 'suppressed'
            ? { event: 'dropped', reason: 'Bounced Address', status: '5.0.0' }
            : { event: 'processed' }
        add(address, messageId, occurrence, now, context)
      }
    },
    reported(report) {
      const context = contextOf(report.context)
      for (const address of report.recipients) {
        for (const occurrence of occurrencesOf(report)) add(address, report.messageId, occurrence, report.at, context)
      }
    },
  }
}

/** The host in the Message-ID of what SendGrid sends. */
export const smtpHost = 'geopod-ismtpd-offload'

function contextOf(context: Json | undefined): SendgridContext {
  const { categories = [], customArgs = {} } = (context ?? {}) as Partial<SendgridContext>
  return { categories, customArgs }
}

function occurrencesOf(report: MailReport): readonly Occurrence[] {
  switch (report.kind) {
    case 'delivery':
      return [{ event: 'delivered', response: report.response }]
    case 'complaint':
      return [{ event: 'spamreport' }]
    case 'bounce':
      return bounceOf(report.bounce)
    case 'delay':
      return [{ event: 'deferred', response: report.reply, attempt: '1' }]
  }
}

function bounceOf({ type, subType, status, diagnostic }: Bounce): readonly Occurrence[] {
  // What was on the suppression list was told as `dropped` when it was taken.
  if (subType === 'OnAccountSuppressionList') return []
  const reason = diagnostic.replace(/^smtp; /, '')
  if (type === 'Permanent') return [{ event: 'bounce', reason, status, type: 'bounce' }]
  // SendGrid tries a temporary failure again for 72 hours, and then gives up: both are told at once here.
  return [
    { event: 'deferred', response: reason, attempt: '1' },
    { event: 'bounce', reason, status, type: 'blocked' },
  ]
}

export interface SendgridSigner {
  /** As SendGrid's settings show it: base64 of the DER of the public key. */
  readonly publicKey: string
  /** The headers for one attempt. */
  sign(body: string): Readonly<Record<string, string>>
}

/** The key pair belongs to the installation: the same after each start, and nowhere on disk. */
export function createSendgridSigner({ clock, ids }: { clock: Clock; ids: Ids }): SendgridSigner {
  const curve = createECDH('prime256v1')
  curve.setPrivateKey(ids.stable(64, 'sendgrid-event-webhook-key'), 'hex')
  const point = curve.getPublicKey()
  const coordinate = (from: number) => point.subarray(from, from + 32).toString('base64url')
  const privateKey = createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'EC',
      crv: 'P-256',
      d: curve.getPrivateKey().toString('base64url'),
      x: coordinate(1),
      y: coordinate(33),
    },
  })
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).toString('base64')
  return {
    publicKey,
    sign(body) {
      const timestamp = String(Math.floor(clock.now() / 1000))
      return {
        'X-Twilio-Email-Event-Webhook-Signature': sign('sha256', Buffer.from(timestamp + body), privateKey).toString(
          'base64',
        ),
        'X-Twilio-Email-Event-Webhook-Timestamp': timestamp,
      }
    },
  }
}
