import { decodeJobText, envelopeOf } from '../../contracts/dialects/index.ts'
import type { Issue, Job } from '../../contracts/job.ts'
import { sleep, type Clock, type Timer } from '../kernel/clock.ts'
import { EmulatorError, messageOf } from '../kernel/errors.ts'
import type { Store } from '../kernel/store.ts'
import type { Attempt } from './attempt.ts'
import type { Ledger } from './ledger/ledger.ts'
import type { JobRow } from './ledger/tables.ts'
import type { QueueMessage, QueuePort } from './ports.ts'

export interface PoolDeps {
  readonly store: Store
  readonly clock: Clock
  readonly queue: QueuePort
  readonly ledger: Ledger
  readonly attempt: Attempt
  /** Messages that are worked on at once. */
  readonly concurrency: number
  /** Passes of one message: while one renders or waits for the disk another mails, and what both write shares a commit. Default 2. */
  readonly passesAtOnce?: number
  /** The queue's visibility timeout in milliseconds of wall time; a message that is worked on is renewed before it ends. */
  readonly visibilityMs: number
  /** For what should never happen: a defect of ours, or a state file that cannot be written. */
  readonly onError: (error: unknown) => void
}

/** When a message's recipients want to be looked at again; `unworked`: the worker stops and has not begun. */
interface Again {
  readonly nextDue?: number
  readonly heldUntil?: number
  readonly unworked?: boolean
}

/** Recipients whose outcomes, callback and journal are one transaction. */
const passSize = 200

/**
 * Consumers that take messages through the whole job: admit, lease, attempt, conclude, and the message deleted last.
 * A worker that dies at any point leaves a message that becomes visible again and a ledger that knows what was done.
 */
export function createPool(deps: PoolDeps) {
  const { store, clock, queue, ledger, passesAtOnce = 2 } = deps
  const stopping = new AbortController()
  let consumers: Promise<void>[] = []

  const read = async (message: QueueMessage): Promise<Job | undefined> => {
    const decoded = decodeJobText(message.body, envelopeOf(message.attributes))
    if (!decoded.ok) {
      await queue.deadLetter(message, decoded.issues.map(sentence).join('; '))
      return undefined
    }
    return decoded.job
  }

  /** One pass: lease, attempt, conclude. Resolves with when it wants to be continued, if at all. */
  const pass = async (message: QueueMessage, job: JobRow, keys: readonly string[]): Promise<Again> => {
    const { leased, nextDue, heldUntil } = await store.write(() => ledger.lease(job.id, keys))
    const again = { ...(nextDue === undefined ? {} : { nextDue }), ...(heldUntil === undefined ? {} : { heldUntil }) }
    if (leased.length === 0) return again
    if (stopping.signal.aborted) {
      await store.write(() => ledger.giveBack(leased))
      return { ...again, unworked: true }
    }
    try {
      const began = clock.monotonic()
      const result = await deps.attempt(job, leased)
      const took = Math.round(clock.monotonic() - began)
      const due = await store.write(() => {
        if (result.untried.length > 0) ledger.giveBack(result.untried)
        return ledger.conclude(job.id, message.messageId, result, took)
      })
      if (result.untried.length > 0) return { ...again, unworked: true }
      return due === undefined ? again : { ...again, nextDue: Math.max(due, nextDue ?? 0) }
    } catch (error) {
      ledger.abandon(leased)
      throw error
    }
  }

  const work = async (message: QueueMessage, job: Job, era: number): Promise<void> => {
    const { row } = await store.write(() => {
      // The state was reset after the message was received, and the message went with it.
      if (ledger.era() !== era) throw new EmulatorError('reset', 'the state was reset')
      return ledger.admit(job, { received: message.messageId }, 'sqs')
    })
    const keys = job.recipients.map((recipient) => recipient.key)
    let nextDue: number | undefined
    let heldUntil: number | undefined
    let unworked = false
    let failed = false
    let at = 0
    const lane = async () => {
      while (at < keys.length && !unworked && !failed) {
        const part = keys.slice(at, at + passSize)
        at += passSize
        try {
          const again = await pass(message, row, part)
          if (again.unworked === true) unworked = true
          // It comes back once, when all that wait are due: each look costs one of the message's receives.
          if (again.nextDue !== undefined) nextDue = Math.max(again.nextDue, nextDue ?? 0)
          if (again.heldUntil !== undefined) heldUntil = Math.max(again.heldUntil, heldUntil ?? 0)
        } catch (error) {
          failed = true
          throw error
        }
      }
    }
    const ends = await Promise.allSettled(Array.from({ length: passesAtOnce }, lane))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    if (unworked) return await queue.release(message)
    if (nextDue !== undefined) return await queue.defer(message, nextDue)
    if (heldUntil === undefined) return await queue.delete(message)
    // Another message carries them. Look again, ever more seldom, so that receives do not run out before the lease does.
    await queue.defer(message, Math.min(heldUntil, clock.now() + 1000 * 2 ** message.receiveCount))
  }

  const renewing = (message: QueueMessage): Timer => {
    let timer: Timer
    const renew = () => {
      queue.renew(message, clock.now() + deps.visibilityMs).catch(deps.onError)
      arm()
    }
    const arm = () => {
      timer = clock.at(clock.now() + deps.visibilityMs / 2, renew)
    }
    arm()
    return { cancel: () => timer.cancel() }
  }

  const take = async (message: QueueMessage): Promise<void> => {
    const era = ledger.era()
    const job = await read(message)
    if (job === undefined) return
    const renewal = renewing(message)
    try {
      await work(message, job, era)
    } finally {
      renewal.cancel()
    }
  }

  const consume = async () => {
    while (!stopping.signal.aborted) {
      let message: QueueMessage | undefined
      try {
        message = await queue.receive(stopping.signal)
        if (message !== undefined) await take(message)
      } catch (error) {
        const code = error instanceof EmulatorError ? error.code : undefined
        if (message !== undefined && (code === 'job-conflict' || code === 'recipient-unknown')) {
          await queue.deadLetter(message, messageOf(error)).catch(deps.onError)
        } else if (message !== undefined && code === 'reset') {
          await queue.release(message).catch(deps.onError)
        } else if (!stopping.signal.aborted) {
          deps.onError(error)
          await sleep(clock, 1000, stopping.signal)
        }
      }
    }
  }

  return {
    start() {
      consumers = Array.from({ length: deps.concurrency }, consume)
    },
    /** Takes no further message and waits for the passes that are under way. */
    async stop() {
      stopping.abort()
      await Promise.all(consumers)
    },
  }
}

function sentence({ path, reason, fix }: Issue): string {
  const text = path === '' ? reason : `${path}: ${reason}`
  return fix === undefined ? text : `${text} (${fix})`
}
