import type { Dialect } from '../../job.ts'
import type { Judgement, Level } from '../verdict.ts'

/** A request as it goes over the wire; a name may come twice. */
export interface WireRequest {
  readonly method: string
  /** Names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array
  /** Without a Content-Length. */
  readonly chunked?: boolean
}

export interface WireAnswer {
  /** `null` where no whole answer came. */
  readonly status: number | null
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Its beginning. */
  readonly body: string
  /** Why there was none: a system's code (`ECONNREFUSED`) and its words. */
  readonly error?: string
  readonly milliseconds: number
}

export interface Person {
  readonly key: string
  readonly userid?: number | string
  readonly email: string
}

/** The job that a case's callbacks are about. */
export interface TargetJob {
  /** As its message wrote it. */
  readonly id: string | number
  readonly tenant: number
  readonly people: readonly Person[]
  /** Whether the receiver knows it; an invented one it does not. */
  readonly known: boolean
}

/** A row of the receiver's table of recipients, in the words of `spec`: pending, completed, failed. */
export interface RecipientRow {
  readonly userid: string | null
  readonly email: string
  readonly status: string
  readonly error: string | null
}

/** A job in the receiver's tables; `null` for a column that it does not have. */
export interface JobRow {
  readonly status: string
  readonly completed: number | null
  readonly failed: number | null
  /** Epoch seconds. */
  readonly timeCompleted: number | null
  readonly error: string | null
  readonly recipients: readonly RecipientRow[]
}

/** The receiver's tables at one moment. */
export interface Snapshot {
  /** Over all jobs and recipients: equal where nothing has changed. */
  readonly digest: string
  /** The jobs that the case is about, by id. */
  readonly jobs: Readonly<Record<string, JobRow>>
}

export interface CaseContext {
  readonly dialect: Dialect
  readonly secret: string
  /** The secret before the last rotation, where it was told. */
  readonly previousSecret?: string
  /** `plugin` alone. */
  readonly token: string
  /** The receiver's clock, epoch milliseconds. */
  readonly now: number
  readonly job: TargetJob
  /** A second job, for cases that need two. */
  readonly other?: TargetJob
  readonly gzip: (bytes: Uint8Array) => Uint8Array
}

export interface Step {
  readonly request: WireRequest
  /** So many of it at once; 1 by default. */
  readonly times?: number
}

export interface Exchange {
  readonly request: WireRequest
  /** One for each that was sent, in the order in which they were. */
  readonly answers: readonly WireAnswer[]
  /** Wall time of all together, in milliseconds. */
  readonly took: number
  /** The tables after it, where they can be seen. */
  readonly after?: Snapshot
}

/** What was seen of a case. */
export interface Observation {
  readonly context: CaseContext
  readonly before?: Snapshot
  readonly exchanges: readonly Exchange[]
  /** What the receiver answered to a valid callback for an invented job; absent where the job is known. */
  readonly stranger?: WireAnswer
  /** Submissions that the plugin made meanwhile, by job id, where the case is about submitting. */
  readonly submitted?: readonly string[]
}

/**
 * Which of the receiver's jobs a case is about. `done`: the one that the first callback completed, so that the same words
 * again change nothing. `untouched`: one that no callback has changed. `own`: one that no other case touches; `sharing`:
 * one of these, of whose recipients two share an address; `two`: two of these. `submission`: the case is there while the
 * plugin submits.
 */
export type Needs = 'done' | 'untouched' | 'own' | 'two' | 'sharing' | 'submission'

/** How the cloud behaves while the plugin submits: it calls back before it answers, refuses, or loses its answer. */
export type SubmissionTrouble = 'callback-first' | 'refused' | 'answer-lost'

/** One thing that a callback receiver must do right, as data: what is sent, and what the answers mean. */
export interface ReceiverCase {
  readonly id: string
  /** What must hold. */
  readonly title: string
  readonly fix: string
  readonly level: Level
  readonly needs: Needs
  readonly submission?: SubmissionTrouble
  /** Why it says nothing about a dialect. */
  readonly except: Partial<Readonly<Record<Dialect, string>>>
  /** Which of the nineteen mistakes of `README.md` it is made for. */
  readonly mistake?: number
  /** What it leaves in the receiver's database. */
  readonly leaves?: string
  /** Only where the receiver's clock is ours, so that a second is a second. */
  readonly exactClock?: boolean
  /** Pure: the same context gives the same requests. A text is the reason why there is nothing to send. */
  readonly plan: (context: CaseContext) => readonly Step[] | string
  readonly judge: (observation: Observation) => Judgement
}
