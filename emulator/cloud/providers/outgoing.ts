import { isBase64 } from '../../../contracts/base64.ts'

/** A message as any of the providers' APIs describes it, checked and complete. */
export interface ProviderMessage {
  readonly from: Mailbox
  readonly to: readonly Mailbox[]
  readonly cc: readonly Mailbox[]
  readonly bcc: readonly Mailbox[]
  readonly replyTo: readonly Mailbox[]
  readonly subject: string
  readonly text?: string | undefined
  readonly html?: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly attachments: readonly Attachment[]
}

export interface Mailbox {
  readonly name?: string | undefined
  readonly address: string
}

export interface Attachment {
  readonly filename: string
  readonly contentType: string
  readonly content: Buffer
  /** Set where html refers to it (`cid:`). */
  readonly contentId?: string | undefined
}

/** Everybody in the envelope, once. */
export function recipientsOf({ to, cc, bcc }: ProviderMessage): string[] {
  return [...new Set([...to, ...cc, ...bcc].map(({ address }) => address))]
}

/** The bytes of a base64 text; undefined where it is none. */
export function decodeBase64(text: string): Buffer | undefined {
  return isBase64(text, { spaced: true }) ? Buffer.from(text, 'base64') : undefined
}

/** A header's name as RFC 5322 allows it. */
export const isHeaderName = (name: string): boolean => /^[!-9;-~]{1,100}$/.test(name)
