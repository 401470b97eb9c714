import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'
import type { QueuePort } from '../../worker/ports.ts'
import { embeddedConsumer } from './embedded-consumer.ts'
import type { Counts, PeekedMessage } from './message.ts'
import { createMessages, type Messages } from './messages.ts'
import { createMoveTasks } from './move-tasks.ts'
import type { QueueEngine, Write } from './operation.ts'
import { enqueue } from './operations/send-message.ts'
import { createOperations, type Operations } from './operations/table.ts'
import { createReceivers } from './receivers.ts'
import { createRegistry } from './registry.ts'
import type { NewMessage } from './sending.ts'

export interface QueueOverview extends Counts {
  readonly name: string
  /** The age in milliseconds of the message that has waited longest to be received. */
  readonly oldestAgeMs: number | undefined
  /** Name of its dead-letter queue. */
  readonly dlq: string | undefined
}

/** The queue service: SQS's operations for the protocols, and the same paths for the emulator's own parts. */
export interface Queues {
  /** SQS's operations by name, for the protocol faces. */
  readonly operations: Operations
  /** The account that queue URLs and ARNs name. */
  readonly account: string
  /** How many messages the embedded worker of the process before held; they are visible again. */
  readonly recovered: number
  /** Creates the queue unless one of this name exists; attributes as CreateQueue takes them. */
  ensureQueue(name: string, attributes?: Readonly<Record<string, string>>): void
  /** Adds a message in the caller's transaction (`store.tx`). Throws a `QueueError`. */
  enqueue(queueName: string, message: Pick<NewMessage, 'body' | 'attributes'>): { readonly messageId: string }
  /** The queue as the worker in this process consumes it. */
  consumer(queueName: string, options: { readonly visibilityTimeoutMs: number }): QueuePort
  overview(): QueueOverview[]
  /** How full one queue is, without looking at the others; undefined where there is none of this name. */
  depth(name: string): QueueDepth | undefined
  /** Whether one of these messages is still in a queue, be it the dead-letter queue. */
  isQueued(messageIds: readonly string[]): boolean
  /** What lies in a queue, oldest first, without receiving it. */
  peek(queueName: string, limit: number): PeekedMessage[]
  /** Moves all dead letters that nobody holds back to where they came from, at once. */
  redrive(deadLetterQueue: string): { readonly moved: number }
  /** Removes all messages, or those whose job is the tenant's. The queues stay. */
  reset(tenant?: number): void
  /** Ends all waits with nothing. */
  close(): void
}

export interface QueueDepth {
  readonly visible: number
  readonly total: number
  readonly takesDeadLetters: boolean
}

export interface QueuesOptions {
  readonly store: Store
  readonly clock: Clock
  readonly ids: Ids
  readonly journal: Journal
  readonly account: string
  readonly region: string
  /** Bytes a message, and a batch, may have. */
  readonly maximumMessageSize: number
  /** Messages of one queue that may be in flight; AWS's 120,000 unless given. */
  readonly inFlightLimit?: number
}

export function createQueues(options: QueuesOptions): Queues {
  const { store, clock, ids, journal, account, maximumMessageSize, inFlightLimit = 120_000 } = options
  const write: Write = store.durable ? store.write : async (run) => store.tx(run)
  const registry = createRegistry(options)
  const receivers = createReceivers({ write, clock, registry, messages: () => messages })
  const messages: Messages = createMessages({
    store,
    clock,
    ids,
    journal,
    registry,
    inFlightLimit,
    changed: receivers.wake,
  })
  const moveTasks = createMoveTasks({ store, clock, ids, registry, messages })
  const engine: QueueEngine = {
    store,
    write,
    clock,
    registry,
    messages,
    receivers,
    moveTasks,
    account,
    maximumMessageSize,
  }
  moveTasks.resume()

  return {
    operations: createOperations(engine),
    account,
    recovered: messages.recovered,
    ensureQueue(name, attributes = {}) {
      if (registry.find(name) === undefined) registry.create(name, attributes)
    },
    enqueue: (queueName, message) => store.tx(() => enqueue(engine, queueName, message)),
    consumer: (queueName, consumerOptions) => embeddedConsumer(engine, queueName, consumerOptions),
    isQueued: messages.isQueued,
    overview: () =>
      registry.all().map((queue) => ({
        name: queue.name,
        ...messages.count(queue),
        oldestAgeMs: messages.oldestAgeMs(queue),
        dlq: queue.settings.redrive?.target,
      })),
    depth(name) {
      const queue = registry.find(name)
      if (queue === undefined) return undefined
      const { visible, inFlight, delayed } = messages.count(queue)
      return { visible, total: visible + inFlight + delayed, takesDeadLetters: registry.isTarget(name) }
    },
    peek: (queueName, limit) => messages.peek(registry.get(queueName), limit),
    redrive(deadLetterQueue) {
      const queue = registry.get(deadLetterQueue)
      const [source] = registry.sourcesOf(queue)
      // Where a message does not say where it came from, it goes to whom the queue serves.
      const targetOf = (name: string | undefined) => (name === undefined ? undefined : registry.find(name)) ?? source
      return { moved: store.tx(() => messages.moveBack(queue, targetOf)).moved }
    },
    reset: (tenant) => store.tx(() => messages.clear(tenant)),
    close() {
      moveTasks.close()
      receivers.close()
    },
  }
}
