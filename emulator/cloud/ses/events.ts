import type { Json, JsonObject } from '../../../contracts/json.ts'
import { addressHeader, decodedHeader, scanHeaders, type Address } from '../inbox/headers.ts'
import { headerFields } from '../mail/raw-message.ts'
import type { MailReport } from '../mail/reports.ts'
import type { ConfigurationSets, EventType } from './configuration-sets.ts'
import { bounceRecord, complaintRecord, delayRecord, deliveryRecord, mailRecord, type MailRecord } from './records.ts'
import type { Topics } from './topics.ts'

/** What a message's events repeat of its request. */
export interface EventContext {
  readonly configurationSet: string
  /** `SendEmail`: what the caller called. */
  readonly operation: string
  readonly tags: readonly { readonly name: string; readonly value: string }[]
  readonly header: EventHeader
}

interface EventHeader {
  readonly headersTruncated: boolean
  readonly headers: readonly { readonly name: string; readonly value: string }[]
  readonly commonHeaders: JsonObject
}

/** SES repeats so much of a message's header. */
const longestHeader = 10 * 1024

/** The header as SES's events show it. */
export function eventHeader(raw: Buffer, messageId: string): EventHeader {
  const parsed = scanHeaders(raw)
  const mailboxes = (name: string) => {
    const found = addressHeader(parsed, name).map(({ name: display, address }: Address) =>
      display === '' ? address : `${display} <${address}>`,
    )
    return found.length === 0 ? {} : { [name === 'reply-to' ? 'replyTo' : name]: found }
  }
  const all = headerFields(raw).filter(({ name }) => name.toLowerCase() !== 'message-id')
  let size = 0
  const headers = all.filter(({ name, value }) => (size += name.length + value.length) <= longestHeader)
  const date = parsed.get('date')?.[0]
  return {
    headersTruncated: headers.length < all.length,
    headers,
    commonHeaders: {
      ...mailboxes('from'),
      ...(date === undefined ? {} : { date }),
      ...mailboxes('to'),
      ...mailboxes('cc'),
      ...mailboxes('reply-to'),
      messageId,
      subject: decodedHeader(parsed, 'subject'),
    },
  }
}

/** The context of a message that was sent with a configuration set. */
export function eventContextOf(context: Json | undefined): EventContext | undefined {
  const given = context as Partial<EventContext> | undefined
  return given?.configurationSet === undefined ? undefined : (given as EventContext)
}

export interface Events {
  /** Whether anybody is told of this type of event. */
  wanted(configurationSet: string, type: EventType): boolean
  /** In a transaction. */
  sent(mail: MailRecord, context: EventContext): void
  rejected(mail: MailRecord, context: EventContext, reason: string): void
  renderingFailed(
    mail: MailRecord,
    context: EventContext,
    failure: { errorMessage: string; templateName: string },
  ): void
  reported(report: MailReport): void
}

/**
 * Event publishing: what happens to mails that were sent with a configuration set, to the topics of its destinations.
 * Source: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
 */
export function createEvents({
  configurationSets,
  topics,
  account,
  region,
}: {
  configurationSets: Pick<ConfigurationSets, 'topicsFor'>
  topics: Topics
  account: string
  region: string
}): Events {
  const publish = (type: EventType, mail: MailRecord, context: EventContext, more: Record<string, unknown>) => {
    const arns = configurationSets.topicsFor(context.configurationSet, type)
    if (arns.length === 0) return
    const { eventType, ...subject } = more
    const message = {
      eventType,
      mail: { ...mailRecord(mail, { account, region }), ...context.header, tags: tagsOf(mail, context, type) },
      ...subject,
    }
    // SES ends it with a line break.
    for (const arn of arns) topics.publish(arn, `${JSON.stringify(message)}\n`, 'Amazon SES Email Event Notification')
  }

  return {
    wanted: (configurationSet, type) => configurationSets.topicsFor(configurationSet, type).length > 0,
    sent: (mail, context) => publish('send', mail, context, { eventType: 'Send', send: {} }),
    rejected: (mail, context, reason) => publish('reject', mail, context, { eventType: 'Reject', reject: { reason } }),
    renderingFailed: (mail, context, failure) =>
      publish('renderingFailure', mail, context, { eventType: 'Rendering Failure', failure }),
    reported(report) {
      const context = eventContextOf(report.context)
      if (context === undefined) return
      switch (report.kind) {
        case 'bounce':
          return publish('bounce', report, context, { eventType: 'Bounce', bounce: bounceRecord(report) })
        case 'complaint':
          return publish('complaint', report, context, { eventType: 'Complaint', complaint: complaintRecord(report) })
        case 'delivery':
          return publish('delivery', report, context, { eventType: 'Delivery', delivery: deliveryRecord(report) })
        case 'delay':
          return publish('deliveryDelay', report, context, {
            eventType: 'DeliveryDelay',
            deliveryDelay: delayRecord(report),
          })
      }
    },
  }
}

function tagsOf({ from }: MailRecord, { operation, configurationSet, tags }: EventContext, type: EventType) {
  const own = new Map<string, string[]>()
  for (const { name, value } of tags) own.set(name, [...(own.get(name) ?? []), value])
  return {
    'ses:operation': [operation],
    'ses:configuration-set': [configurationSet],
    'ses:source-ip': ['127.0.0.1'],
    'ses:from-domain': [from.slice(from.lastIndexOf('@') + 1)],
    ...Object.fromEntries(own),
    'ses:caller-identity': ['offload'],
    ...(type === 'delivery' ? { 'ses:outgoing-ip': ['127.0.0.1'] } : {}),
  }
}
