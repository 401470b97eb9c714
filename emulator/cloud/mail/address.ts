import { domainToASCII } from 'node:url'
import { decodeWords } from 'postal-mime'

export interface Mailbox {
  /** As a person reads it; empty where there is none. */
  readonly name: string
  readonly address: string
}

export type AddressCheck = { readonly address: string } | { readonly error: string }

const controlOrSpace = /[\u0000-\u0020\u007f-\u00a0\u2028\u2029]/
const unsafeInLocalPart = /[<>()[\]\\,;:"@]/

/** The address as it goes on the wire (an internationalised domain in ASCII), or SES's own words for what is wrong. */
export function checkAddress(address: string): AddressCheck {
  const at = address.lastIndexOf('@')
  if (at < 0) return { error: "Missing final '@domain'" }
  if (at === 0) return { error: 'Missing local name' }
  const local = address.slice(0, at)
  const domain = address.slice(at + 1)
  if (domain === '') return { error: 'Missing domain' }
  if (controlOrSpace.test(domain)) return { error: 'Domain contains control or whitespace' }
  if (controlOrSpace.test(local)) return { error: 'Local address contains control or whitespace' }
  // SES takes internationalised domains in Punycode and no SMTPUTF8 at all.
  if (!/^[\x21-\x7e]+$/.test(local)) return { error: 'Local address contains non-ASCII characters' }
  const ascii = /[<>()[\]\\,;:"]/.test(domain) ? '' : domainToASCII(domain)
  if (ascii === '' || ascii.length > 253 || local.length > 64 || unsafeInLocalPart.test(local)) {
    return { error: 'Illegal address' }
  }
  return { address: `${local}@${ascii}` }
}

const withName = /^\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*?))\s*<([^<>]*)>\s*$/s

/** A name of megabytes would take the expression's stack. */
const longestMailbox = 10_000

/** `Name <address>`, `"Name" <address>` or an address; the address is not checked. Encoded words are decoded. */
export function parseMailbox(text: string): Mailbox {
  const [, quoted, plain, address] = (text.length > longestMailbox ? undefined : withName.exec(text)) ?? []
  if (address === undefined) return { name: '', address: text.trim() }
  const name = quoted?.replace(/\\(.)/gs, '$1') ?? plain ?? ''
  return { name: name.includes('=?') ? decodeWords(name) : name, address: address.trim() }
}
