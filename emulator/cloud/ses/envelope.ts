import { addressHeader } from '../inbox/headers.ts'
import { checkAddress, parseMailbox, type Mailbox } from '../mail/address.ts'
import type { RawMessage } from '../mail/raw-message.ts'
import { invalidParameter } from './errors.ts'

/** To, Cc and Bcc as the caller wrote them: `a@b` or `Name <a@b>`. */
export interface Destination {
  readonly to: readonly string[]
  readonly cc: readonly string[]
  readonly bcc: readonly string[]
}

export interface Tag {
  readonly name: string
  readonly value: string
}

/** What every way of sending shares. */
export interface Envelope {
  readonly from?: string | undefined
  readonly destination?: Destination | undefined
  readonly replyTo?: readonly string[] | undefined
  readonly tags?: readonly Tag[] | undefined
  readonly configurationSet?: string | undefined
  /** What was called, such as `SendEmail`: events tell it. */
  readonly operation: string
  /** Bytes that a whole message may have: 10 MB in SES v1, 40 MB in v2. */
  readonly largest: number
}

/** Recipients of one message, and entries of one bulk request. */
export const mostRecipients = 50

/** A raw message names its configuration set and its tags in its own header, where the request does not. */
export function headerEnvelope(envelope: Envelope, { headers }: RawMessage): Envelope {
  const given = headers.get('x-ses-configuration-set')?.[0] ?? ''
  const tags = (headers.get('x-ses-message-tags') ?? [])
    .flatMap((value) => value.split(/[,;]/))
    .filter((pair) => pair.trim() !== '')
    .map((pair) => {
      const [name = '', value = ''] = pair.split('=', 2)
      return { name: name.trim(), value: value.trim() }
    })
  return {
    ...envelope,
    configurationSet: envelope.configurationSet ?? (given === '' ? undefined : given),
    tags: [...(envelope.tags ?? []), ...tags],
  }
}

export const unique = (addresses: readonly string[]): string[] => {
  const found = [...new Set(addresses)]
  if (addresses.length > mostRecipients) throw invalidParameter(`Recipient count exceeds ${mostRecipients}.`)
  return found
}

/** Throws SES's own words for an address that it does not take; one of them rejects the whole message. */
export function checked(text: string): Mailbox {
  const { name, address } = parseMailbox(text)
  const result = checkAddress(address)
  if ('error' in result) throw invalidParameter(result.error)
  return { name, address: result.address }
}

export function readEnvelope({ from = '', destination, replyTo = [] }: Envelope) {
  const sender = checked(from)
  const to = (destination?.to ?? []).map(checked)
  const cc = (destination?.cc ?? []).map(checked)
  const bcc = (destination?.bcc ?? []).map(checked)
  const recipients = unique([...to, ...cc, ...bcc].map(({ address }) => address))
  // Nobody recorded SES's sentence for a destination with nobody in it; this is the one for a raw message.
  if (recipients.length === 0) throw invalidParameter("Missing required header 'To'.")
  return { from: sender, destination: { to, cc }, replyTo: replyTo.map(checked), recipients }
}

export function rawRecipients({ destination }: Envelope, { headers }: RawMessage): string[] {
  const named = destination === undefined ? [] : [...destination.to, ...destination.cc, ...destination.bcc]
  if (named.length > 0) return named.map((text) => checked(text).address)
  for (const name of ['to', 'cc', 'bcc']) {
    if (headers.has(name) && headers.get(name)?.join('').trim() === '') {
      throw invalidParameter(`Empty required header '${name === 'to' ? 'To' : name === 'cc' ? 'Cc' : 'Bcc'}'.`)
    }
  }
  const found = ['to', 'cc', 'bcc'].flatMap((name) => addressHeader(headers, name))
  if (found.length === 0) throw invalidParameter("Missing required header 'To'.")
  return found.map(({ address, name }) => checked(address === '' ? name : address).address)
}

/** The header's own fields are SES's, and a name with a line break would be two fields. */
export function checkHeaderName(name: string): string {
  const ours = ['from', 'to', 'cc', 'bcc', 'subject', 'reply-to', 'message-id', 'date', 'mime-version', 'content-type']
  if (!/^[\x21-\x39\x3b-\x7e]{1,126}$/.test(name) || ours.includes(name.toLowerCase())) {
    throw invalidParameter(`Invalid header name <${name.slice(0, 126)}>.`)
  }
  return name
}

export function checkNames({ tags = [], configurationSet }: Envelope): void {
  for (const { name, value } of tags) {
    if (name === '') throw invalidParameter('The tag name must be specified.')
    if (value === '') throw invalidParameter('The tag value must be specified.')
    if (name.length > 255) throw invalidParameter('Tag name cannot exceed 255 characters.')
    if (!/^[A-Za-z0-9_-]+$/.test(name) && !name.startsWith('ses:')) {
      throw invalidParameter(`Invalid tag name <${name}>: only alphanumeric ASCII characters, '_',  '-' are allowed.`)
    }
    if (value.length > 255) throw invalidParameter('Tag value cannot exceed 255 characters.')
    if (!/^[A-Za-z0-9_.@-]+$/.test(value)) {
      throw invalidParameter(
        `Invalid tag value <${value}>: only alphanumeric ASCII characters, '_',  '-' , '.', '@' are allowed.`,
      )
    }
  }
  if (configurationSet !== undefined && !/^[A-Za-z0-9_-]{1,64}$/.test(configurationSet)) {
    throw invalidParameter(
      `Invalid configuration set name <${configurationSet}>: only alphanumeric ASCII characters, '_', and '-' are allowed.`,
    )
  }
}
