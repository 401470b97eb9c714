import { decodeJobText, envelopeOf } from '../../contracts/dialects/index.ts'
import type { Issue, Job } from '../../contracts/job.ts'
import { sleep, type Clock, type Timer } from '../kernel/clock.ts'
import { EmulatorError } from '../kernel/errors.ts'
import type { Store } from '../kernel/store.ts'
import type { Attempt } from './attempt.ts'
import type { Ledger } from './ledger/ledger.ts'
import type { QueueMessage, QueuePort } from './ports.ts'

export interface PoolDeps {
  readonly store: Store
  readonly clock: Clock
  readonly queue: QueuePort
  readonly ledger: Ledger
  readonly attempt: Attempt
  /** Messages that are worked on at once. */
  readonly concurrency: number
  /** The queue's visibility timeout in milliseconds; a message that is worked on is renewed before it ends. */
  readonly visibilityMs: number
  /** For what should never happen: a defect of ours, or a state file that cannot be written. */
  readonly onError: (error: unknown) => void
}

/** Recipients whose outcomes, callback and journal are one transaction. */
const passSize = 200

/**
 * Consumers that take messages through the whole job: admit, lease, attempt, conclude, and the message deleted last.
 * A worker that dies at any point leaves a message that becomes visible again and a ledger that knows what was done.
 */
export function createPool(deps: PoolDeps) {
  const { store, clock, queue, ledger } = deps
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

  const work = async (message: QueueMessage, job: Job): Promise<void> => {
    const { row } = await store.write(() => ledger.admit(job, { received: message.messageId }, 'sqs'))
    const keys = job.recipients.map((recipient) => recipient.key)
    let nextDue: number | undefined
    for (let at = 0; at < keys.length; at += passSize) {
      const lease = await store.write(() => ledger.lease(row.id, keys.slice(at, at + passSize)))
      nextDue = earlier(nextDue, lease.nextDue)
      if (lease.heldUntil !== undefined) {
        // Another message carries them. Look again, ever more seldom, so that receives do not run out before the lease.
        const again = clock.deadline(1000 * 2 ** message.receiveCount)
        nextDue = earlier(nextDue, Math.min(Math.max(lease.heldUntil, clock.now()), again))
      }
      if (lease.leased.length === 0) continue
      if (stopping.signal.aborted) {
        await store.write(() => ledger.giveBack(lease.leased))
        await queue.defer(message, clock.now())
        return
      }
      const began = clock.monotonic()
      const result = await deps.attempt(row, lease.leased)
      const took = Math.round(clock.monotonic() - began)
      nextDue = earlier(nextDue, await store.write(() => ledger.conclude(row.id, message.messageId, result, took)))
    }
    if (nextDue === undefined) await queue.delete(message)
    else await queue.defer(message, nextDue)
  }

  const renewing = (message: QueueMessage): Timer => {
    let timer: Timer
    const renew = () => {
      queue.defer(message, clock.deadline(deps.visibilityMs)).catch(deps.onError)
      arm()
    }
    const arm = () => {
      timer = clock.at(clock.deadline(deps.visibilityMs / 2), renew)
    }
    arm()
    return { cancel: () => timer.cancel() }
  }

  const consume = async () => {
    while (!stopping.signal.aborted) {
      let message: QueueMessage | undefined
      try {
        message = await queue.receive(stopping.signal)
        if (message === undefined) continue
        const job = await read(message)
        if (job === undefined) continue
        const renewal = renewing(message)
        try {
          await work(message, job)
        } finally {
          renewal.cancel()
        }
      } catch (error) {
        if (message !== undefined && error instanceof EmulatorError && error.code === 'job-conflict') {
          await queue.deadLetter(message, error.message).catch(deps.onError)
          continue
        }
        if (stopping.signal.aborted) return
        deps.onError(error)
        await sleep(clock, 1000, stopping.signal)
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

const earlier = (a: number | undefined, b: number | undefined) =>
  a === undefined ? b : b === undefined ? a : Math.min(a, b)
