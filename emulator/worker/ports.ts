import type { CallbackContent } from '../../contracts/callback.ts'
import type { JobRef } from '../../contracts/events.ts'
import type { CertificateBatch, CertificateInput, RenderedCertificate } from './certificate/renderer.ts'

/** A message as a consumer holds it. `attributes` are the SQS message attributes, by name. */
export interface QueueMessage {
  readonly messageId: string
  readonly receiptHandle: string
  readonly body: string
  readonly attributes: Readonly<Record<string, { readonly dataType: string; readonly value: string }>>
  readonly receiveCount: number
}

/** The worker's queue. An engine may be the embedded one or a real SQS. */
export interface QueuePort {
  /** Waits for the next message, or until `signal` is aborted. */
  receive(signal: AbortSignal): Promise<QueueMessage | undefined>
  delete(message: QueueMessage): Promise<void>
  /** Keeps a message that is worked on, until `until` (epoch milliseconds) unless it is renewed again. */
  renew(message: QueueMessage, until: number): Promise<void>
  /** Gives a message back unworked: visible at once, and not counted as received where the engine can. */
  release(message: QueueMessage): Promise<void>
  /** Makes the message visible again at `at` (epoch milliseconds). */
  defer(message: QueueMessage, at: number): Promise<void>
  /** Moves a message that cannot be processed to the dead-letter queue, with the reason. */
  deadLetter(message: QueueMessage, reason: string): Promise<void>
}

export interface StoredObject {
  readonly key: string
  readonly contentType: string
  /** The bytes, in pieces. A first one that is the same array in many objects of a `put` need be kept only once. */
  readonly pieces: readonly Uint8Array[]
  /** Of the bytes, in hex, where it is known. */
  readonly md5?: string
}

/** The worker's bucket. */
export interface ObjectsPort {
  /** Durable when resolved; where it rejects, some may be stored. */
  put(objects: readonly StoredObject[]): Promise<void>
  /** Which of these keys exist. */
  existing(keys: readonly string[]): Promise<ReadonlySet<string>>
  /** The object's bytes, for an attachment. */
  get(key: string): Promise<Uint8Array | undefined>
  /** A presigned GET URL that anyone can open for `ttlSeconds`. */
  presign(key: string, ttlSeconds: number): string | Promise<string>
}

/** What becomes of a mail after it was accepted, where a fault has decided it: it comes back, or is complained about. */
export type MailFate = 'hard' | 'soft' | 'complaint'

/** A message ready to be sent; values are plain text, `html` is final. */
export interface OutgoingMail extends JobRef {
  readonly recipient: string
  /** Without angle brackets. */
  readonly messageId: string
  readonly to: { readonly name?: string; readonly address: string }
  readonly subject: string
  readonly text: string
  readonly html: string
  readonly attachments?: readonly {
    readonly filename: string
    readonly contentType: string
    readonly content: Uint8Array
  }[]
  /** Aborted when its sender is gone: what has not begun is not sent. */
  readonly signal?: AbortSignal
  readonly fate?: MailFate
  /** What its server says at once, instead of being asked; where a fault has decided it. */
  readonly reply?: string
}

/** What the provider will report later about a message it has accepted. */
export interface MailFeedback {
  readonly kind: 'bounce' | 'complaint' | 'delivery'
  /** For instance `Permanent/General 5.1.1 smtp; 550 5.1.1 user unknown`. */
  readonly detail: string
  /** Milliseconds after acceptance; a delay, scaled by `--speed`. */
  readonly afterMs: number
}

export type MailResult =
  | { readonly outcome: 'accepted'; readonly feedback?: MailFeedback }
  /** Permanent: not tried again. */
  | { readonly outcome: 'rejected'; readonly error: string }
  /** Temporary: tried again. `ambiguous` where the message may have gone out all the same. */
  | { readonly outcome: 'deferred'; readonly error: string; readonly ambiguous: boolean }
  /** Not tried: the emulator stops while the mail waits for the provider's rate or quota. No attempt. */
  | { readonly outcome: 'untried' }

/** The worker's mail provider. Waiting for the provider's rate happens inside and costs no attempt. */
export interface MailPort {
  send(mail: OutgoingMail): Promise<MailResult>
  /** Whether a message with this id has gone out; `unknown` where nobody can be asked, rejected while nobody answers. */
  find(messageId: string): Promise<'sent' | 'absent' | 'unknown'>
}

/** Renders certificates; the implementation owns its threads. */
export interface CertificatePort {
  /** One result per recipient, in order; one that cannot be rendered does not fail the others. */
  render(batch: CertificateBatch, recipients: readonly CertificateInput[]): Promise<readonly RenderedCertificate[]>
}

export interface NewCallback extends JobRef {
  readonly content: CallbackContent
  /** The job's own address and secret, where it carries them. */
  readonly url?: string | undefined
  readonly secret?: string | undefined
  /** Epoch milliseconds before which it must not be sent. */
  readonly notBefore: number
}

/** The outbox that makes callbacks durable. */
export interface CallbackPort {
  /** Adds a callback in the caller's transaction; returns its id. */
  add(callback: NewCallback): string
}

/** A message in AWS's members, as ReceiveMessage gives it to whoever asks for all attributes. */
export interface SqsMessage {
  readonly MessageId: string
  readonly ReceiptHandle: string
  readonly MD5OfBody: string
  readonly Body: string
  readonly Attributes?: Readonly<Record<string, string>>
  readonly MessageAttributes?: Readonly<
    Record<string, { readonly DataType: string; readonly StringValue?: string; readonly BinaryValue?: string }>
  >
}

/** A queue as an event source: what Lambda's own pollers do with it. An engine may be the embedded one or a real SQS. */
export interface EventSourcePort {
  /** `arn:aws:sqs:us-east-1:000000000000:manireports-jobs` */
  readonly arn: string
  /** Waits at most 20 s for up to 10 messages; with none when the wait is over or `signal` is aborted. */
  receive(most: number, signal: AbortSignal): Promise<readonly SqsMessage[]>
  delete(messages: readonly SqsMessage[]): Promise<void>
}

/** Sees what consumers do with the queues of this emulator, whoever they are. `queue` is the queue's name. */
export interface QueueWatcher {
  sent(queue: string, message: WatchedMessage): void
  received(queue: string, messages: readonly SqsMessage[]): void
  deleted(queue: string, receiptHandles: readonly string[]): void
}

export type WatchedMessage = Pick<SqsMessage, 'MessageId' | 'Body' | 'MessageAttributes'>
