import type {
  Snapshot,
  TargetJob,
  WireAnswer,
  WireRequest,
  SubmissionTrouble,
} from '../../contracts/checks/receiver/index.ts'
import type { Dialect } from '../../contracts/job.ts'
import type { Clock } from '../kernel/clock.ts'

/** Where the jobs come from that the callbacks are about. */
export interface JobSource {
  /** `invented`: the receiver knows none; `one`: the same each time; `fresh`: a new one each time. */
  readonly kind: 'invented' | 'one' | 'fresh'
  /** `sharing`: two of its recipients share an address, where the source can bring that about. */
  take(wanted?: { readonly sharing: boolean }): Promise<TargetJob>
  /**
   * Lets the plugin submit a job under trouble; `during` runs before the plugin has its answer. Absent where nobody sees
   * the plugin submit.
   */
  submit?(trouble: SubmissionTrouble, during: (job: TargetJob) => Promise<void>): Promise<Submitted>
}

export interface Submitted {
  readonly job: TargetJob
  /** The ids of the submissions that came, in their order. */
  readonly ids: readonly string[]
}

/** A job could not be had; the message says why. */
export class NoJobError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'NoJobError'
  }
}

/** What a look into the receiver's database gives. */
export interface Tables {
  snapshot(jobs: readonly (string | number)[]): Promise<Snapshot>
  close?(): Promise<void>
}

/** A callback receiver, and all that is needed to judge it. */
export interface ReceiverTarget {
  readonly url: string
  readonly dialect: Dialect
  readonly secret: string
  readonly previousSecret?: string | undefined
  readonly token: string
  send(request: WireRequest): Promise<WireAnswer>
  readonly jobs: JobSource
  readonly tables?: Tables | undefined
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  /** The receiver's clock is ours, to the second. */
  readonly exactClock?: boolean
}

/** Nobody answers at the receiver's address. */
export class UnreachableError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UnreachableError'
  }
}

/** PHP or Moodle did not answer; the message says why. */
export class TablesError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'TablesError'
  }
}
