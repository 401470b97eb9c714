import type { Json } from '../../../contracts/json.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'
import { addressHeader } from '../inbox/headers.ts'
import type { Allowance } from '../mail/allowance.ts'
import { composeMime, mailDate, type MimeAttachment } from '../mail/mime.ts'
import type { MailProvider } from '../mail/provider.ts'
import { readRaw } from '../mail/raw-message.ts'
import { idPrefix } from '../mail/reports.ts'
import { isSimulator } from '../mail/simulator.ts'
import type { ConfigurationSets } from './configuration-sets.ts'
import {
  configurationSetPaused,
  invalidParameter,
  mailFromNotVerified,
  messageTooLong,
  notVerified,
  quotaExceeded,
  rateExceeded,
  SesError,
  sendingPaused,
} from './errors.ts'
import {
  checked,
  checkHeaderName,
  checkNames,
  headerEnvelope,
  mostRecipients,
  rawRecipients,
  readEnvelope,
  unique,
  type Destination,
  type Envelope,
  type Tag,
} from './envelope.ts'
import { eventHeader, type EventContext, type Events } from './events.ts'
import type { Identities } from './identities.ts'
import type { MailFroms } from './mail-from.ts'
import { isMalware } from './malware.ts'
import { readTemplateData, render } from './rendering.ts'
import type { TemplateContent, Templates } from './templates.ts'

export interface SimpleContent {
  readonly subject: string
  readonly text?: string | undefined
  readonly html?: string | undefined
  readonly headers?: readonly Tag[] | undefined
  readonly attachments?: readonly MimeAttachment[] | undefined
}

/** A template by name, or given with the request. */
export type TemplateRef = { readonly name: string } | { readonly content: TemplateContent }

export interface BulkEntry {
  readonly destination: Destination
  readonly data?: string | undefined
  readonly tags?: readonly Tag[] | undefined
}

export type BulkResult = { readonly messageId: string } | { readonly error: SesError }

export interface Sending {
  simple(envelope: Envelope, content: SimpleContent): Promise<{ readonly messageId: string }>
  /** Sender and recipients from the envelope, else from the message's own header fields. */
  raw(envelope: Envelope, data: Buffer): Promise<{ readonly messageId: string }>
  /** `data` is a JSON object as text; `more` is added to what the template says. */
  templated(
    envelope: Envelope,
    template: TemplateRef,
    data: string,
    more?: Pick<SimpleContent, 'headers' | 'attachments'>,
  ): Promise<{ readonly messageId: string }>
  /** One message for each entry; what is wrong with one does not stop the others. */
  bulk(
    envelope: Omit<Envelope, 'destination'>,
    template: TemplateRef,
    defaultData: string | undefined,
    entries: readonly BulkEntry[],
  ): Promise<readonly BulkResult[]>
}

export interface SendingDeps {
  readonly store: Store
  readonly clock: Clock
  readonly ids: Ids
  readonly journal: Journal
  readonly mail: MailProvider
  readonly allowance: Allowance
  readonly identities: Identities
  readonly mailFroms: MailFroms
  readonly templates: Templates
  readonly configurationSets: ConfigurationSets
  readonly events: Events
  readonly enabled: () => boolean
  readonly sandbox: boolean
  readonly region: string
}

/** What SES takes for itself out of a raw message; Bcc must not be seen by anybody. */
const removedFields = [
  'bcc',
  'return-path',
  'x-ses-configuration-set',
  'x-ses-message-tags',
  'x-ses-source-arn',
  'x-ses-from-arn',
  'x-ses-return-path-arn',
]

/** From request to message: each check in SES's order, then the provider model. */
export function createSending(deps: SendingDeps): Sending {
  const { store, clock, ids, journal, mail, allowance, identities, templates, enabled, sandbox, region } = deps
  const { mailFroms, configurationSets, events } = deps
  const host = region === 'us-east-1' ? 'email.amazonses.com' : `${region}.amazonses.com`

  /** Checks and books; throws what SES answers. `senders` are the addresses that must be verified in the sandbox. */
  const admit = (envelope: Envelope, senders: readonly string[], recipients: readonly string[]) => {
    checkNames(envelope)
    const { configurationSet } = envelope
    if (configurationSet !== undefined && !configurationSets.get(configurationSet).sendingEnabled) {
      throw configurationSetPaused(configurationSet)
    }
    if (!enabled()) throw sendingPaused()
    if (sandbox) {
      const failed = [...senders, ...recipients.filter((address) => !isSimulator(address))].filter(
        (address) => !identities.covers(address),
      )
      if (failed.length > 0) throw notVerified([...new Set(failed)], region)
    }
    if (senders.some((sender) => mailFroms.refuses(sender))) throw mailFromNotVerified()
    const counted = recipients.filter((address) => !isSimulator(address)).length
    const verdict = allowance.take(recipients.length, counted)
    if (verdict === 'rate') throw rateExceeded()
    if (verdict === 'quota') throw quotaExceeded()
  }

  const contextOf = (envelope: Envelope, messageId: string, raw: Buffer): EventContext | undefined => {
    const { configurationSet, operation, tags = [] } = envelope
    if (configurationSet === undefined) return undefined
    const plain = tags.map(({ name, value }) => ({ name, value }))
    return { configurationSet, operation, tags: plain, header: eventHeader(raw, messageId) }
  }

  const handOver = async (
    envelope: Envelope,
    from: string,
    recipients: readonly string[],
    raw: Buffer,
    messageId: string,
  ) => {
    const context = contextOf(envelope, messageId, raw)
    const told = { messageId, from, to: recipients, sentAt: clock.now() }
    const sent = () => {
      if (context !== undefined) events.sent(told, context)
    }
    if (isMalware(raw)) {
      await store.write(() => {
        journal.record({ type: 'mail.refused', provider: 'ses', reason: 'Bad content: it contains a virus (EICAR).' })
        mail.statistics.count('ses', 'rejects', 1)
        sent()
        if (context !== undefined) events.rejected(told, context, 'Bad content')
      })
      return { messageId }
    }
    const kept = context === undefined ? {} : { context: context as unknown as Json }
    await mail.accept({ provider: 'ses', messageId, from, recipients, raw, ...kept, alongside: sent })
    return { messageId }
  }

  const newMessageId = () => `${idPrefix(clock.now())}-${ids.next('ses-message')}-000000`

  const simple: Sending['simple'] = async (envelope, content) => {
    const { from, destination, replyTo, recipients } = readEnvelope(envelope)
    const messageId = newMessageId()
    const raw = composeMime({
      from,
      ...destination,
      replyTo,
      subject: content.subject,
      text: content.text,
      html: content.html,
      messageId: `${messageId}@${host}`,
      date: clock.now(),
      headers: Object.fromEntries((content.headers ?? []).map(({ name, value }) => [checkHeaderName(name), value])),
      attachments: content.attachments ?? [],
    })
    if (raw.length > envelope.largest) throw messageTooLong(raw.length, envelope.largest)
    admit(envelope, [from.address], recipients)
    return await handOver(envelope, from.address, recipients, raw, messageId)
  }

  const raw: Sending['raw'] = async (envelope, data) => {
    if (data.length > envelope.largest) throw messageTooLong(data.length, envelope.largest)
    const message = readRaw(data)
    const own = headerEnvelope(envelope, message)
    const header = addressHeader(message.headers, 'from')
    if (header.length === 0) throw invalidParameter("Missing required header 'From'.")
    const from = checked(envelope.from ?? header[0]?.address ?? '').address
    const senders = [from, ...header.map(({ address }) => checked(address).address)]
    const recipients = unique(rawRecipients(envelope, message))
    const messageId = newMessageId()
    const rewritten = message.rewrite({
      remove: removedFields,
      set: {
        'Message-ID': `<${messageId}@${host}>`,
        ...(message.headers.has('date') ? {} : { Date: mailDate(clock.now()) }),
      },
    })
    admit(own, senders, recipients)
    return await handOver(own, from, recipients, rewritten, messageId)
  }

  const found = (template: TemplateRef) => ('name' in template ? templates.get(template.name) : template)

  const templated = async (
    envelope: Envelope,
    { name: templateName = '', content }: { readonly name?: string; readonly content: TemplateContent },
    data: readonly (string | undefined)[],
    more: Pick<SimpleContent, 'headers' | 'attachments'> = {},
  ) => {
    const values = readTemplateData(...data)
    let rendered: SimpleContent
    try {
      rendered = {
        subject: render(content.subject ?? '', values),
        ...(content.text === undefined ? {} : { text: render(content.text, values) }),
        ...(content.html === undefined ? {} : { html: render(content.html, values) }),
      }
    } catch (error) {
      if (!(error instanceof SesError) || error.code !== 'rendering-attribute-missing') throw error
      // SES accepts it, and only an event tells that nothing was sent ("Rendering Failure").
      const { from, recipients } = readEnvelope(envelope)
      admit(envelope, [from.address], recipients)
      const messageId = newMessageId()
      const header = { headersTruncated: false, headers: [], commonHeaders: { messageId } }
      const context = contextOf(envelope, messageId, Buffer.alloc(0))
      await store.write(() => {
        journal.record({ type: 'mail.refused', provider: 'ses', reason: error.message })
        if (context === undefined) return
        const told = { messageId, from: from.address, to: recipients, sentAt: clock.now() }
        events.sent(told, { ...context, header })
        events.renderingFailed(told, { ...context, header }, { errorMessage: error.message, templateName })
      })
      return { messageId }
    }
    return await simple(envelope, { ...rendered, ...more })
  }

  const noteRefusal = async (error: unknown) => {
    if (!(error instanceof SesError)) return
    const reason = typeof error.details['reason'] === 'string' ? error.details['reason'] : error.message
    await store.write(() => {
      journal.record({ type: 'mail.refused', provider: 'ses', reason })
      if (error.code === 'message-rejected') mail.statistics.count('ses', 'rejects', 1)
    })
  }
  /** Refusals are told in the log: a worker that swallows them loses mails. */
  const noting = async <Result>(run: () => Promise<Result>): Promise<Result> => {
    try {
      return await run()
    } catch (error) {
      await noteRefusal(error)
      throw error
    }
  }

  return {
    simple: (envelope, content) => noting(() => simple(envelope, content)),
    raw: (envelope, data) => noting(() => raw(envelope, data)),
    templated: (envelope, template, data, more) =>
      noting(async () => await templated(envelope, found(template), [data], more)),
    bulk: (envelope, template, defaultData, entries) =>
      noting(async () => {
        if (entries.length > mostRecipients) throw invalidParameter(`Recipient count exceeds ${mostRecipients}.`)
        const content = found(template)
        const results: BulkResult[] = []
        for (const { destination, data, tags } of entries) {
          const own = { ...envelope, destination, tags: [...(envelope.tags ?? []), ...(tags ?? [])] }
          try {
            results.push(await noting(() => templated(own, content, [defaultData, data])))
          } catch (error) {
            if (!(error instanceof SesError)) throw error
            results.push({ error })
          }
        }
        return results
      }),
  }
}
