import { sleep, type Clock } from '../../kernel/clock.ts'
import type { Journal } from '../../kernel/journal.ts'
import { withoutAddresses } from '../observer/redact.ts'
import type { EventSourcePort, SqsMessage } from '../ports.ts'
import { readAnswer, type BatchResult } from './answer.ts'
import { eventOf } from './event.ts'
import type { FunctionSlot } from './function.ts'

/** What an observer is told of an invocation; returns what to call when it is over. */
export type WatchInvocation = (messages: readonly SqsMessage[]) => (result: BatchResult) => void

export interface MappingDeps {
  readonly clock: Clock
  readonly journal: Journal
  readonly queue: EventSourcePort
  /** Events that are worked on at once: one a slot. */
  readonly slots: readonly FunctionSlot[]
  /** Messages of one event, 1 to 10. */
  readonly batchSize: number
  /** How long an event that is not full waits for more messages, in milliseconds. */
  readonly batchWindowMs: number
  readonly watch: WatchInvocation
  readonly onError: (error: unknown) => void
}

/**
 * Lambda's event source mapping: polls the queue, invokes the function with a batch, deletes what was processed and
 * leaves the rest to its visibility timeout; the queue itself moves what is received too often to the dead-letter queue.
 */
export function createEventSourceMapping(deps: MappingDeps) {
  const { clock, journal, queue, slots, batchSize } = deps
  const stopping = new AbortController()
  let pollers: Promise<void>[] = []

  /** Waits for a first message, then, where a window is set, for as many as fit. */
  const gather = async (): Promise<readonly SqsMessage[]> => {
    const batch = [...(await queue.receive(batchSize, stopping.signal))]
    if (batch.length === 0 || batch.length >= batchSize || deps.batchWindowMs === 0) return batch
    const over = new AbortController()
    const timer = clock.at(clock.deadline(deps.batchWindowMs), () => over.abort())
    const either = AbortSignal.any([stopping.signal, over.signal])
    try {
      while (batch.length < batchSize && !either.aborted) {
        batch.push(...(await queue.receive(batchSize - batch.length, either)))
      }
    } finally {
      timer.cancel()
    }
    return batch
  }

  const invoke = async (slot: FunctionSlot, messages: readonly SqsMessage[]): Promise<BatchResult> => {
    const ended = deps.watch(messages)
    const invocation = await slot.invoke(JSON.stringify(eventOf(messages, queue.arn)), stopping.signal)
    const result = readAnswer(
      invocation,
      messages.map(({ MessageId }) => MessageId),
    )
    ended(result)
    return result
  }

  const work = async (slot: FunctionSlot, messages: readonly SqsMessage[]) => {
    const began = clock.monotonic()
    const result = await invoke(slot, messages)
    if ('kind' in result && result.kind === 'stopped') return
    const done = 'error' in result ? [] : messages.filter(({ MessageId }) => !result.failed.has(MessageId))
    if (done.length > 0) await queue.delete(done)
    journal.record({
      type: 'worker.invoked',
      messages: messages.length,
      failed: messages.length - done.length,
      milliseconds: Math.round(clock.monotonic() - began),
      // An exception's text may repeat whom it was about.
      ...('error' in result ? { error: withoutAddresses(result.error).slice(0, 500) } : {}),
    })
  }

  const poll = async (slot: FunctionSlot) => {
    while (!stopping.signal.aborted) {
      try {
        await slot.ready(stopping.signal)
        if (stopping.signal.aborted) return
        const messages = await gather()
        if (messages.length > 0) await work(slot, messages)
      } catch (error) {
        if (stopping.signal.aborted) return
        deps.onError(error)
        await sleep(clock, 1000, stopping.signal)
      }
    }
  }

  return {
    start() {
      pollers = slots.map(poll)
    },
    /** Takes no further message and breaks off what runs; its messages come back when their visibility timeout ends. */
    async stop() {
      stopping.abort()
      await Promise.all([...pollers, ...slots.map((slot) => slot.stop())])
    },
  }
}
