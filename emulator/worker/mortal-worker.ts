import { createHash } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { decodeJobText, envelopeOf } from '../../contracts/dialects/index.ts'
import type { Subject } from '../../contracts/faults/decide.ts'
import type { EffectName, OperationName } from '../../contracts/faults/operations.ts'
import { sleep, type Clock, type Timer } from '../kernel/clock.ts'
import type { Faults } from '../kernel/faults/faults.ts'
import type { Journal } from '../kernel/journal.ts'
import type { Store } from '../kernel/store.ts'
import type { AttemptDeps } from './attempt.ts'
import { createFaultyAttempt, type FaultyAttempt } from './faulty-attempt.ts'
import type { Ledger } from './ledger/ledger.ts'
import { createOrdinals } from './ledger/ordinals.ts'
import type { Leased } from './ledger/passes.ts'
import { createPool, type PoolDeps } from './pool.ts'
import type { QueueMessage, QueuePort } from './ports.ts'

export interface MortalWorkerDeps extends Omit<PoolDeps, 'attempt'> {
  readonly journal: Journal
  readonly faults: Faults
  /** What an attempt is made of; each life of the worker has its own. */
  readonly attempt: AttemptDeps
}

/** What a worker works with. */
export type WorkerParts = Pick<MortalWorkerDeps, 'attempt' | 'queue' | 'concurrency' | 'passesAtOnce'>

/** From a worker's death to its next start; a delay. */
const restartMs = 1000

const crashes: ReadonlySet<EffectName> = new Set<EffectName>(['crash'])

/** Thrown inside a transaction, which is undone with the note about it; so it is struck again outside. */
class Crash extends Error {
  readonly operation: OperationName
  readonly subject: Subject

  constructor(operation: OperationName, subject: Subject) {
    super(`the worker died before ${operation}`)
    this.operation = operation
    this.subject = subject
  }
}

const never = new Promise<never>(() => undefined)

/**
 * The pool in lives: a fault may end one at any of the worker's steps, as `kill -9` would. Nothing that it was about to do
 * happens any more, leases and held messages stay as they are, and a second later the next life begins as a new process
 * does: by releasing what the dead one held.
 */
export function createMortalWorker(deps: MortalWorkerDeps) {
  const { store, clock, ledger, queue, journal } = deps
  const ordinalOf = createOrdinals(store)
  let life: Life | undefined
  let restart: Timer | undefined
  let stopped = false

  const begin = () => {
    life = createLife({ ...deps, ordinalOf, onDeath: () => died(life) })
    life.start()
  }

  const died = (dead: Life | undefined) => {
    if (stopped || dead === undefined) return
    restart = clock.at(clock.deadline(restartMs), () => {
      recover(dead)
        .catch(deps.onError)
        .finally(() => {
          if (!stopped) begin()
        })
    })
  }

  const recover = async ({ leased, held, landed }: Life) => {
    // What it had handed to the network arrives; the next life looks it up.
    await landed()
    const left = [...leased.values()]
    await store.write(() => {
      if (left.length > 0) ledger.abandon(left)
      journal.record({ type: 'worker.restarted', messages: held.size, recovered: left.length })
    })
    for (const message of held.values()) await queue.defer(message, clock.now())
  }

  return {
    start: begin,
    async stop() {
      stopped = true
      restart?.cancel()
      await life?.stop()
    },
    /** Lets go those who wait because of a fault. */
    endWaits: () => life?.endWaits(),
  }
}

interface Life {
  readonly leased: ReadonlyMap<number, Leased>
  readonly held: ReadonlyMap<string, QueueMessage>
  /** Resolves when what it had begun to send and to store has ended. */
  landed(): Promise<void>
  start(): void
  /** Ends it in an orderly way; at once where it is dead already. */
  stop(): Promise<void>
  endWaits(): void
}

interface LifeDeps extends MortalWorkerDeps {
  readonly ordinalOf: ReturnType<typeof createOrdinals>
  readonly onDeath: () => void
}

function createLife(deps: LifeDeps): Life {
  const { store, clock, ledger, faults } = deps
  const leased = new Map<number, Leased>()
  const held = new Map<string, QueueMessage>()
  const timers = new Set<Timer>()
  const subjects = new Map<number, Subject>()
  let alive = true
  const dying = new AbortController()
  // Each mail that waits for its turn listens.
  setMaxListeners(0, dying.signal)
  const dead = new Promise<void>((resolve) => dying.signal.addEventListener('abort', () => resolve()))

  const die = (): Promise<never> => {
    if (alive) {
      alive = false
      for (const timer of timers) timer.cancel()
      dying.abort()
      deps.onDeath()
    }
    return never
  }
  /** What a dead worker asks for never comes. */
  const living =
    <Arguments extends readonly unknown[], Result>(run: (...given: Arguments) => Promise<Result>) =>
    (...given: Arguments): Promise<Result> =>
      alive
        ? run(...given).then(
            (result) => (alive ? result : never),
            (error: unknown) => (alive ? Promise.reject(error as Error) : never),
          )
        : never

  // Subjects are read only where a rule asks for them.
  const whenOf = (operation: OperationName, subject: () => Subject) => {
    const effect = faults.active(operation) ? faults.strike(operation, subject(), crashes)?.effect : undefined
    return effect?.kind === 'crash' ? effect.when : undefined
  }
  /** A step that is a part of a transaction: death before it undoes the transaction, death after it comes with its commit. */
  const step = <Result>(operation: OperationName, subject: () => Subject, run: () => Result): Result => {
    const when = whenOf(operation, subject)
    if (when === 'before') throw new Crash(operation, subject())
    const result = run()
    if (when === 'after') store.afterCommit(() => void die())
    return result
  }
  const stepOf = async (operation: OperationName, subject: () => Subject, run: () => Promise<void>) => {
    const when = whenOf(operation, subject)
    if (when === 'before') return await die()
    await run()
    return when === 'after' ? await die() : undefined
  }

  const mortalStore: Store = {
    ...store,
    write: living(<Result>(run: () => Result) =>
      store.write(run).catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error
        faults.strike(error.operation, error.subject, crashes)
        return die()
      }),
    ),
  }

  const mortalClock: Clock = {
    ...clock,
    at(at, run) {
      if (!alive) return { cancel: () => undefined }
      const timer = clock.at(at, () => {
        timers.delete(tracked)
        run()
      })
      const tracked: Timer = {
        cancel() {
          timers.delete(tracked)
          timer.cancel()
        },
      }
      timers.add(tracked)
      return tracked
    },
  }

  const jobSubject = (jobId: number, keys: readonly string[]) => (): Subject => ({
    ...subjects.get(jobId),
    identity: identityOfKeys(keys),
  })
  const forget = (rows: readonly Leased[]) => {
    for (const { row } of rows) leased.delete(row.id)
  }

  const mortalLedger: Ledger = {
    ...ledger,
    admit(job, ...others) {
      const subject = (): Subject => ({
        tenant: job.tenant,
        job: String(job.jobId),
        type: job.type,
        addresses: job.recipients.map(({ email }) => email),
        identity: identityOfKeys(job.recipients.map(({ key }) => key)),
      })
      return step('worker.admit', subject, () => {
        const admitted = ledger.admit(job, ...others)
        if (faults.any()) {
          if (subjects.size >= subjectsKept) subjects.clear()
          subjects.set(admitted.row.id, subject())
        }
        return admitted
      })
    },
    lease(jobId, keys) {
      return step('worker.lease', jobSubject(jobId, keys), () => {
        const lease = ledger.lease(jobId, keys)
        store.afterCommit(() => {
          for (const each of lease.leased) leased.set(each.row.id, each)
        })
        return lease
      })
    },
    conclude(jobId, messageId, result, milliseconds) {
      const subject = () =>
        jobSubject(
          jobId,
          result.outcomes.map((outcome) => outcome.leased.row.key),
        )()
      return step('worker.conclude', subject, () => {
        const due = ledger.conclude(jobId, messageId, result, milliseconds)
        store.afterCommit(() => forget(result.outcomes.map((outcome) => outcome.leased)))
        return due
      })
    },
    giveBack(rows) {
      ledger.giveBack(rows)
      forget(rows)
    },
    abandon(rows) {
      ledger.abandon(rows)
      forget(rows)
    },
  }

  const inFlight = new Set<Promise<unknown>>()
  const landing = <Result>(sending: Promise<Result>): Promise<Result> => {
    const ended = sending.finally(() => inFlight.delete(ended))
    inFlight.add(ended)
    return ended
  }

  const mortalQueue = mortalQueueOf(deps, { living, held, death: dying.signal, die, stepOf })

  const { attempt: ports } = deps
  const faulty: FaultyAttempt = createFaultyAttempt(
    {
      ...ports,
      objects: {
        ...ports.objects,
        put: living((objects) => landing(ports.objects.put(objects))),
        existing: living(ports.objects.existing),
        get: living(ports.objects.get),
      },
      certificates: { render: living(ports.certificates.render) },
      mail: {
        send: living((mail) => landing(ports.mail.send({ ...mail, signal: dying.signal }))),
        find: living(ports.mail.find),
      },
    },
    { faults, clock, ordinalOf: deps.ordinalOf, die },
  )
  const pool = createPool({
    ...deps,
    store: mortalStore,
    clock: mortalClock,
    ledger: mortalLedger,
    queue: mortalQueue,
    attempt: faulty.attempt,
  })
  return {
    leased,
    held,
    async landed() {
      await Promise.allSettled(inFlight)
    },
    start: () => pool.start(),
    stop: () => Promise.race([pool.stop(), dead]),
    endWaits: faulty.endWaits,
  }
}

interface Mortality {
  readonly living: <Arguments extends readonly unknown[], Result>(
    run: (...given: Arguments) => Promise<Result>,
  ) => (...given: Arguments) => Promise<Result>
  readonly held: Map<string, QueueMessage>
  readonly death: AbortSignal
  readonly die: () => Promise<never>
  readonly stepOf: (operation: OperationName, subject: () => Subject, run: () => Promise<void>) => Promise<void>
}

/** The queue with its own faults: a message that comes to two, later, or to a worker that dies with it in its hands. */
function mortalQueueOf({ queue, clock, faults }: LifeDeps, { living, held, death, die, stepOf }: Mortality): QueuePort {
  const receive = async (signal: AbortSignal): Promise<QueueMessage | undefined> => {
    // Who is dead stands in no line.
    const message = await queue.receive(AbortSignal.any([signal, death]))
    if (message === undefined) return undefined
    held.set(message.receiptHandle, message)
    if (!faults.active('worker.receive')) return message
    const struck = faults.strike('worker.receive', messageSubject(message))
    switch (struck?.effect.kind) {
      case 'crash':
        return await die()
      case 'delay':
        await sleep(clock, struck.delayMs, signal)
        return message
      case 'duplicate':
        // Another consumer finds it visible, and has it too.
        await queue.defer(message, clock.now())
        return message
      case 'reorder':
        held.delete(message.receiptHandle)
        await queue.defer(message, Math.ceil(clock.deadline(struck.delayMs)))
        return await receive(signal)
      default:
        return message
    }
  }
  const letGo =
    <Arguments extends readonly unknown[]>(run: (message: QueueMessage, ...given: Arguments) => Promise<void>) =>
    async (message: QueueMessage, ...given: Arguments) => {
      await run(message, ...given)
      held.delete(message.receiptHandle)
    }
  return {
    receive: living(receive),
    renew: living(queue.renew),
    delete: living(
      letGo((message) =>
        stepOf(
          'worker.delete',
          () => messageSubject(message),
          () => queue.delete(message),
        ),
      ),
    ),
    release: living(letGo(queue.release)),
    defer: living(letGo(queue.defer)),
    deadLetter: living(letGo(queue.deadLetter)),
  }
}

const subjectsKept = 64

const identityOfKeys = (keys: readonly string[]) =>
  createHash('sha256').update(JSON.stringify(keys)).digest('hex').slice(0, 32)

function messageSubject({ body, attributes, receiveCount }: QueueMessage): Subject {
  const identity = createHash('sha256').update(body).digest('hex').slice(0, 32)
  const decoded = decodeJobText(body, envelopeOf(attributes))
  if (!decoded.ok) return { identity, attempt: receiveCount }
  const { tenant, jobId, type, recipients } = decoded.job
  const addresses = recipients.map(({ email }) => email)
  return { tenant, job: String(jobId), type, identity, addresses, attempt: receiveCount }
}
