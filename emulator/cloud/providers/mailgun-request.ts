import addressparser from 'nodemailer/lib/addressparser'
import type { JsonObject } from '../../../contracts/json.ts'
import { checkAddress } from '../mail/address.ts'
import { isHeaderName, type Mailbox, type ProviderMessage } from './outgoing.ts'
import { refuse } from './refusal.ts'

/** A form as its face has read it, urlencoded or multipart. */
export interface Form {
  /** In the order in which they came; a name may come several times. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly files: readonly {
    readonly field: string
    readonly filename: string
    readonly contentType: string
    readonly content: Buffer
  }[]
}

/** What `POST /v3/{domain}/messages` asks for: one message, or one a recipient where `recipient-variables` are given. */
export interface MailgunRequest {
  readonly messages: readonly ProviderMessage[]
  /** `h:Message-Id`, without angle brackets. */
  readonly messageId: string | undefined
  readonly tags: readonly string[]
  /** `v:name` */
  readonly variables: Readonly<Record<string, string>>
  /** `o:testmode`: accepted, and not sent. */
  readonly testMode: boolean
}

const mostRecipients = 1000
/** What composing writes itself, or what would change how the message is read. */
const structural = new Set([
  'from',
  'to',
  'cc',
  'bcc',
  'subject',
  'date',
  'mime-version',
  'content-type',
  'content-transfer-encoding',
])

const refused = (message: string) => refuse('invalid', message)
const notAnAddress = (field: string) => refused(`${field} parameter is not a valid address. please check documentation`)

/** Throws `invalid` with Mailgun's own words where they are known. */
export function readMailgunRequest(
  { fields, files }: Form,
  renderTemplate: (name: string, version: string | undefined, variables: JsonObject) => string,
): MailgunRequest {
  const all = (name: string) => fields.filter(([field]) => field === name).map(([, value]) => value)
  const one = (name: string) => all(name).at(-1)
  const yes = (name: string) => /^(yes|true)$/i.test(one(name) ?? '')
  const prefixed = (prefix: string) =>
    fields
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), value] as const)

  // Names of header fields are written in any case.
  const fieldLike = (name: string) => fields.findLast(([field]) => field.toLowerCase() === name)?.[1]

  const from = mailboxes('from', all('from'))[0]
  if (from === undefined) throw refused('from parameter is missing')
  const to = mailboxes('to', all('to'))
  if (to.length === 0) throw refused('to parameter is missing')
  const cc = mailboxes('cc', all('cc'))
  const bcc = mailboxes('bcc', all('bcc'))
  if (to.length + cc.length + bcc.length > mostRecipients) {
    throw refused(
      `to parameter holds ${to.length + cc.length + bcc.length} recipients: the limit is ${mostRecipients} (to + cc + bcc)`,
    )
  }
  const text = one('text')
  const template = one('template')
  const html =
    template === undefined
      ? one('html')
      : renderTemplate(template, one('t:version'), {
          ...objectOf('h:X-Mailgun-Variables', fieldLike('h:x-mailgun-variables')),
          ...objectOf('t:variables', one('t:variables')),
        })
  if ((text ?? '') === '' && (html ?? '') === '') {
    throw refused("Need at least one of 'text' or 'html' parameters specified")
  }

  const headers: Record<string, string> = {}
  let replyTo: Mailbox[] = []
  let messageId: string | undefined
  for (const [name, value] of prefixed('h:')) {
    const key = name.toLowerCase()
    if (key === 'reply-to') replyTo = mailboxes('h:Reply-To', [value])
    else if (key === 'message-id') messageId = messageIdOf(value)
    else if (structural.has(key)) throw refused(`h:${name} cannot be set: it is written from the other parameters`)
    else if (!isHeaderName(name)) throw refused(`h:${name.slice(0, 80)} is no header name`)
    else headers[name] = value
  }

  const common: ProviderMessage = {
    from,
    to,
    cc,
    bcc,
    replyTo,
    subject: one('subject') ?? '',
    text,
    html,
    headers,
    attachments: files
      .filter(({ field }) => field === 'attachment' || field === 'inline')
      .map(({ field, filename, contentType, content }) => ({
        filename,
        contentType,
        content,
        contentId: field === 'inline' ? filename : undefined,
      })),
  }
  const personal = one('recipient-variables')
  return {
    messages: personal === undefined ? [common] : personalised(common, recipientVariables(personal)),
    messageId,
    tags: all('o:tag'),
    variables: Object.fromEntries(prefixed('v:')),
    testMode: yes('o:testmode'),
  }
}

function mailboxes(field: string, values: readonly string[]): Mailbox[] {
  return values
    .flatMap((value) => addressparser(value, { flatten: true }))
    .map(({ name, address }) => {
      const checked = checkAddress(address)
      if ('error' in checked) throw notAnAddress(field)
      return { name, address: checked.address }
    })
}

function messageIdOf(value: string): string {
  const [, id] = /^\s*<?([^<>\s@]{1,200}@[^<>\s@]{1,200})>?\s*$/.exec(value) ?? []
  if (id === undefined || !/^[!-~]+$/.test(id)) throw refused('h:Message-Id must be <id@domain>')
  return id
}

/** Variables of a template; throws `invalid`. */
function objectOf(parameter: string, json: string | undefined): JsonObject {
  if (json === undefined || json === '') return {}
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw refused(`${parameter} parameter is not a valid JSON`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refused(`${parameter} parameter must be an object`)
  }
  return value as JsonObject
}

type Variables = Readonly<Record<string, Readonly<Record<string, unknown>>>>

function recipientVariables(json: string): Variables {
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch {
    throw refused('recipient-variables parameter is not a valid JSON')
  }
  const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isObject(parsed) || !Object.values(parsed as object).every(isObject)) {
    throw refused('recipient-variables parameter must be an object: {"address": {"name": value}}')
  }
  return Object.fromEntries(
    Object.entries(parsed as Variables).map(([address, values]) => [address.toLowerCase(), values]),
  )
}

/** Batch sending: everybody gets a message of their own, with `%recipient.name%` filled in. */
function personalised(common: ProviderMessage, variables: Variables): ProviderMessage[] {
  return common.to.map((recipient) => {
    const values = variables[recipient.address.toLowerCase()] ?? {}
    const fill = (text: string) =>
      text.replace(/%recipient(?:\.([\w.-]{1,100})|_email)?%/g, (placeholder, name: string | undefined) => {
        if (name === undefined) return recipient.address
        const value = Object.hasOwn(values, name) ? values[name] : undefined
        return typeof value === 'string' || typeof value === 'number'
          ? String(value)
          : value == null
            ? placeholder
            : JSON.stringify(value)
      })
    return {
      ...common,
      to: [recipient],
      subject: fill(common.subject),
      text: common.text === undefined ? undefined : fill(common.text),
      html: common.html === undefined ? undefined : fill(common.html),
      headers: Object.fromEntries(Object.entries(common.headers).map(([name, value]) => [name, fill(value)])),
    }
  })
}
