import { domainToASCII } from 'node:url'
import type { ActionType, Dialect, Recipient } from '../../../contracts/job.ts'
import type { UpdateStatus } from '../../../contracts/status.ts'

/** One receive of a message. All times are epoch milliseconds. */
export interface Receive {
  readonly at: number
  readonly receiptHandle: string
}

export interface Deletion {
  readonly at: number
  readonly receiptHandle: string
  /** From when on it may be asked what is missing: mails and callbacks may be a little later than the deletion. */
  readonly judgedFrom: number
}

export interface ObservedMessage {
  readonly messageId: string
  /** Keys of the recipients that it carries. */
  readonly recipients: readonly string[]
  readonly receives: Receive[]
  readonly deletions: Deletion[]
}

export interface ObservedMail {
  readonly at: number
  /** Lower case. */
  readonly address: string
  /** Names the body; equal bodies have equal ones. Undefined until it has been read, or where it has no html. */
  body?: string
  /** The Message-ID of one that a provider took; undefined where it came to the inbox only. */
  readonly accepted?: string
}

export interface ObservedCallback {
  readonly at: number
  readonly path: string
  /** What the receiver answered. */
  readonly status: number
  /** From when on it may be asked whether it was true; a mail may be a little later. */
  readonly judgedFrom?: number
  /** The receiver's words, without addresses. */
  readonly reason: string
  readonly sent?: number | undefined
  readonly failed?: number | undefined
  readonly updates: readonly { readonly userid?: string; readonly address?: string; readonly status: UpdateStatus }[]
}

/** A request that looks like a callback and went where nobody takes one. */
export interface Stray {
  readonly at: number
  readonly method: string
  readonly path: string
  readonly status: number
}

export interface ObservedInvocation {
  readonly began: number
  ended?: number
  /** The receipt handles of this job's messages in the batch. */
  readonly receiptHandles: readonly string[]
  error?: { readonly kind: 'failed' | 'timed-out' | 'unreachable'; readonly text: string }
}

/** What was seen of one job, by whoever works on it. */
export interface Observations {
  readonly job: {
    readonly dialect: Dialect
    readonly action: ActionType
    readonly callbackUrl: string | undefined
    /** Subject, html and template data: what belongs to everybody. */
    readonly common: string
  }
  readonly recipients: ReadonlyMap<string, Recipient>
  readonly messages: readonly ObservedMessage[]
  readonly mails: readonly ObservedMail[]
  /** The html of bodies that more than one person got. */
  readonly bodies: ReadonlyMap<string, string>
  readonly callbacks: readonly ObservedCallback[]
  readonly strays: readonly Stray[]
  readonly invocations: readonly ObservedInvocation[]
  /** What can be seen at all: mails only where they come to the inbox here, callbacks only where they come to this port. */
  readonly sees: { readonly mails: boolean; readonly callbacks: boolean }
}

/** An address as it is compared: providers write an internationalised domain in ASCII. */
export function addressOf(text: string): string {
  const address = text.trim().toLowerCase()
  if (/^[\x21-\x7e]*$/.test(address)) return address
  const at = address.lastIndexOf('@') + 1
  return `${address.slice(0, at)}${domainToASCII(address.slice(at)) || address.slice(at)}`
}
