import { jobTag } from './cloud/mail/job-tag.ts'
import { eventSource } from './cloud/queue/event-source.ts'
import type { Operations } from './cloud/queue/operations/table.ts'
import { watchedOperations } from './cloud/queue/watched-operations.ts'
import type { Config } from './config.ts'
import { workerKind } from './config.ts'
import type { Clock } from './kernel/clock.ts'
import type { Journal } from './kernel/journal.ts'
import type { Store } from './kernel/store.ts'
import { callbackPaths } from './moodle/submission.ts'
import { createExecSlot } from './worker/event-source/exec.ts'
import { createLambdaSlot } from './worker/event-source/lambda.ts'
import { createEventSourceMapping } from './worker/event-source/mapping.ts'
import { createObserver, type Observer } from './worker/observer/observer.ts'
import type { Ledger } from './worker/ledger/ledger.ts'

export interface WatchDeps {
  readonly config: Config
  readonly store: Store
  readonly clock: Clock
  readonly ledger: Ledger
  readonly operations: Operations
  readonly queue: string
  /** Whether the callbacks of this job come to this port. */
  readonly isOurs: (job: { tenant: number; job: string }, callbackUrl: string | undefined) => boolean
  readonly htmlOf: (inboxId: string) => Promise<string | undefined>
  readonly onError: (error: unknown) => void
}

/** How long a callback may come after the message was deleted. */
const graceMs = 5000

/** Watches and judges whoever works on the queue, unless it is our own worker; gives the operations to be served then. */
export function watchQueue({ config, store, clock, ledger, operations, queue, ...deps }: WatchDeps) {
  if (config.worker === 'builtin') {
    ledger.observed.ends()
    return { observer: undefined, operations }
  }
  const observer = createObserver({
    store,
    clock,
    ledger,
    queue,
    graceMs,
    onError: deps.onError,
    seesMails: config.mailpit === undefined,
    seesCallbacks: deps.isOurs,
    callbackPaths: Object.values(callbackPaths),
    tagOf: jobTag,
    htmlOf: deps.htmlOf,
  })
  return { observer, operations: watchedOperations(operations, observer.queue) }
}

export interface OwnWorkerDeps {
  readonly config: Config
  readonly clock: Clock
  readonly journal: Journal
  /** The queue's operations as the observer watches them. */
  readonly operations: Operations
  readonly observer: Observer
  readonly queue: string
  readonly arn: string
  /** What a child process finds in its environment. */
  readonly environment: () => Record<string, string>
  readonly onError: (error: unknown) => void
}

/** The user's own worker, where one is named: a Lambda-style endpoint or a child process, fed by an event source mapping. */
export function createOwnWorker(deps: OwnWorkerDeps) {
  const { config, clock, journal, operations, observer, queue, arn, onError } = deps
  const kind = workerKind(config.worker)
  if (kind?.kind !== 'lambda' && kind?.kind !== 'exec') return undefined
  const timeoutMs = config.worker_timeout
  const slot = () =>
    kind.kind === 'lambda'
      ? createLambdaSlot({ clock, url: kind.url, timeoutMs })
      : createExecSlot({
          clock,
          command: kind.command,
          environment: deps.environment(),
          timeoutMs,
          log: (line) => process.stderr.write(`worker: ${line}\n`),
        })
  return createEventSourceMapping({
    clock,
    journal,
    onError,
    queue: eventSource(operations, { queue, arn }),
    slots: Array.from({ length: config.worker_concurrency }, slot),
    batchSize: config.worker_batch_size,
    batchWindowMs: config.worker_batch_window,
    watch: observer.watch,
  })
}
