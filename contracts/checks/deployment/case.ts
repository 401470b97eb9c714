import type { Dialect, JobType } from '../../job.ts'
import type { Level, Verdict } from '../verdict.ts'
import type { AddressKind, InventedJob, Message } from './job.ts'
import type { ScriptedAnswer, SeenCallback, SeenMails, SubmitAnswer } from './seen.ts'

export interface CaseContext {
  readonly dialect: Dialect
  readonly way: 'api' | 'sqs' | 'worker-url'
  /** Epoch milliseconds. */
  readonly now: number
  /** A job that no other case has; its name tells the jobs of a case apart. */
  invent(
    kinds: readonly AddressKind[],
    options?: { readonly name?: string; readonly type?: JobType; readonly certificate?: boolean },
  ): InventedJob
  /** The token with which the deployment takes jobs. */
  readonly token: string
  /** Base URL of the receiver as the deployment sees it, without a final slash. */
  readonly receiver: string
  /** Of the address that jobs name for their callbacks. */
  readonly callbackPath: string
  /** When the deployment calls back again after a first refusal, in milliseconds. */
  readonly firstRetryMs: number
  /** By how much its delays are shorter than they say (`--speed` of an emulator). */
  readonly speed: number
  readonly sees: 'content' | 'envelopes' | 'nothing'
  /** Recipients of the job whose throughput is measured. */
  readonly throughput: number
}

/** A message, and the way it goes: the deployment's own way in, or its queue. */
export type Send = Omit<Message, 'attributes'> &
  Partial<Message> & { readonly to?: 'queue'; /** `null`: none. */ readonly token?: string | null }

/** What was seen so far. */
export interface Progress {
  callbacks(job: InventedJob): readonly SeenCallback[]
}

/** What is waited for: an outcome, the second attempt of a callback (put off, or after its sender has given up waiting). */
export type Patience = 'outcome' | 'retry' | 'retry-after' | 'hang'

export interface Step {
  readonly send: readonly Send[]
  /** Waited for before the next step; without it nothing is. */
  readonly until?: (progress: Progress) => boolean
  /** Default: `outcome`. */
  readonly patience?: Patience
}

/** What a case does, as data. */
export interface Plan {
  readonly jobs: readonly InventedJob[]
  /** What the receiver says to a job's first callbacks. */
  readonly answers?: readonly (readonly [InventedJob, readonly ScriptedAnswer[]])[]
  readonly steps: readonly Step[]
  /** A short while more, for what must not come. */
  readonly settles?: boolean
  /** Looks into the mails, which are waited for: so many at least. */
  readonly mails?: number
  /** And at what they say. */
  readonly readsMails?: boolean
  /** Opens the certificates that the callbacks name. */
  readonly certificates?: 'open' | 'alter'
  /** Looks for a message with this text in the dead-letter queue. */
  readonly deadLetter?: string
}

/** What came of a certificate's link, opened as it was, or altered in a way that has a name. */
export interface LinkAnswer {
  readonly how:
    | 'as told'
    | 'without its query'
    | 'with another file'
    | 'with a later end'
    | 'with another signature'
    | 'after its end'
  readonly url: string
  readonly status: number | null
  readonly error?: string
}

/** A certificate as a recipient gets it. */
export interface SeenCertificate {
  /** `nameOf` its recipient. */
  readonly recipient: string
  readonly url: string
  /** As told first, then altered. */
  readonly answers: readonly LinkAnswer[]
  /** How long the link is good for, in seconds, as it says itself; undefined where it does not. */
  readonly expiresIn: number | undefined
  readonly pdf:
    | {
        readonly valid: true
        readonly pages: number
        readonly hash: string
        /** Undefined where nobody can read it. */ readonly text: string | undefined
      }
    | { readonly valid: false; readonly reason: string }
}

/** Where a message was looked for in vain: still in its queue, nowhere, or nobody could look. */
export type DeadLetter =
  | { readonly state: 'there' }
  | { readonly state: 'waiting' | 'gone'; readonly reason: string }
  | { readonly state: 'unknown'; readonly reason: string }

export interface Exchange {
  readonly send: Send
  readonly answer: SubmitAnswer
  /** When the answer had come, epoch milliseconds. */
  readonly answeredAt: number
}

/** What was seen of a case. */
export interface Observation extends Progress {
  readonly context: CaseContext
  readonly plan: Plan
  readonly exchanges: readonly Exchange[]
  /** Requests to the receiver that are no callbacks: where a redirect leads to. */
  readonly followed: readonly SeenCallback[]
  /** What a step waited for in vain, and how long in milliseconds; undefined where all came. */
  readonly gaveUp?: {
    readonly step: number
    readonly patience: Patience
    readonly ms: number
    /** Shorter than the deployment may take. */ readonly tooShort: boolean
  }
  /** From the first submission to the last thing that was waited for, in milliseconds. */
  readonly tookMs: number
  readonly mails: SeenMails
  readonly certificates: readonly SeenCertificate[]
  readonly deadLetter?: DeadLetter
}

export interface Judgement {
  readonly verdict: Verdict
  /** What was seen, in words. */
  readonly reason: string
}

/** What a case cannot do without: a way in by HTTP, or a queue. */
export type Need = 'http' | 'queue'

/** One thing that a deployment must do right, as data: what is sent, and what came of it. */
export interface DeploymentCase {
  readonly id: string
  /** What must hold. */
  readonly title: string
  readonly fix: string
  readonly level: Level
  readonly needs: readonly Need[]
  /** Runs after all others, alone. */
  readonly alone?: boolean
  /** Why it says nothing about a dialect. */
  readonly except: Partial<Readonly<Record<Dialect, string>>>
  /** Which of the nineteen mistakes of `../README.md` it is made for. */
  readonly mistake?: number
  /** Pure: the same context gives the same plan. */
  readonly plan: (context: CaseContext) => Plan
  readonly judge: (observation: Observation) => Judgement
}
