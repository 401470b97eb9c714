import type { Clock, Timer } from '../../kernel/clock.ts'
import { overLimit, queueNotFound } from './errors.ts'
import type { HeldMessage, Take } from './message.ts'
import type { Messages } from './messages.ts'
import type { Write } from './operation.ts'
import type { Queue, Registry } from './registry.ts'

export interface Receive extends Take {
  /** How long to wait for a message: 0 not at all, Infinity until the signal is aborted. */
  readonly waitMs: number
}

/**
 * Who waits for messages. Every receive, long or short, stands in the line of its queue and is served in order. Nothing
 * polls: a line is served when a commit has changed its queue, and by one timer for the next message that will be
 * visible.
 */
export interface Receivers {
  /** Resolves with nothing when the wait is over or the signal is aborted; then nothing was taken. */
  receive(queue: Queue, receive: Receive, signal?: AbortSignal): Promise<readonly HeldMessage[]>
  /** Serves those who wait, after a commit that may have changed when a message is visible. */
  wake(queue: number): void
  /** Ends all waits; those of one queue fail as it is gone. */
  dismiss(queue: Queue): void
  close(): void
}

interface Receiver {
  readonly receive: Receive
  settle(messages: readonly HeldMessage[]): boolean
  fail(error: unknown): void
}

interface Line {
  readonly receivers: Set<Receiver>
  serving: boolean
  timer: { readonly at: number; readonly timer: Timer } | undefined
}

export interface ReceiversOptions {
  readonly write: Write
  readonly clock: Clock
  readonly registry: Registry
  readonly messages: () => Messages
}

export function createReceivers({ write, clock, registry, messages }: ReceiversOptions): Receivers {
  const lines = new Map<number, Line>()
  let closed = false

  const lineOf = (queue: number): Line => {
    let line = lines.get(queue)
    if (line === undefined) {
      line = { receivers: new Set(), serving: false, timer: undefined }
      lines.set(queue, line)
    }
    return line
  }

  const arm = (queue: number, line: Line) => {
    const owner = line.receivers.size === 0 ? undefined : registry.byId(queue)
    const next = owner && (messages().isFull(owner) ? messages().nextShownAt(owner) : messages().nextReadyAt(owner))
    if (line.timer?.at === next) return
    line.timer?.timer.cancel()
    line.timer = undefined
    if (next === undefined) return
    const ring = () => {
      line.timer = undefined
      serve(queue)
    }
    line.timer = { at: next, timer: clock.at(next, ring) }
  }

  // AWS tells a short poll of a standard queue that too many are in flight; long polls and FIFO queues find nothing.
  const isRefused = (queue: Queue) => !queue.settings.fifo && messages().isFull(queue)

  const takeNow = (queue: Queue, receive: Receive) =>
    write(() => {
      const target = registry.get(queue.name)
      const held = messages().take(target, receive)
      if (held.length === 0 && isRefused(target)) throw overLimit()
      return held
    })

  const serve = (queue: number): void => {
    const line = lines.get(queue)
    if (line === undefined || line.serving || closed) return
    if (line.receivers.size === 0 && line.timer === undefined) return
    const owner = line.receivers.size === 0 ? undefined : registry.byId(queue)
    const full = owner !== undefined && messages().isFull(owner)
    if (owner !== undefined && !full && messages().isReady(owner)) {
      line.serving = true
      void hand(queue, line)
      return
    }
    const refused = owner !== undefined && isRefused(owner)
    for (const receiver of line.receivers) {
      if (receiver.receive.waitMs > 0) continue
      if (refused) receiver.fail(overLimit())
      else receiver.settle([])
    }
    arm(queue, line)
  }

  const hand = async (queue: number, line: Line) => {
    try {
      const served = await write(() => {
        const taken: { receiver: Receiver; held: HeldMessage[] }[] = []
        const target = registry.byId(queue)
        if (target === undefined) return taken
        for (const receiver of line.receivers) {
          const held = messages().take(target, receiver.receive)
          if (held.length === 0) break
          taken.push({ receiver, held })
        }
        return taken
      })
      for (const { receiver, held } of served) {
        if (!receiver.settle(held)) giveBack(queue, held)
      }
    } catch (error) {
      for (const receiver of line.receivers) receiver.fail(error)
    }
    line.serving = false
    serve(queue)
  }

  // Who left between the take and its commit must not take the messages along.
  const giveBack = (queue: number, held: readonly HeldMessage[]) => {
    const owner = registry.byId(queue)
    if (owner !== undefined && !closed) void write(() => messages().giveBack(owner, held))
  }

  return {
    receive(queue, receive, signal) {
      if (closed || signal?.aborted) return Promise.resolve([])
      // Who does not wait needs no place in a line where nobody stands.
      if (receive.waitMs === 0 && lineOf(queue.id).receivers.size === 0) return takeNow(queue, receive)
      return new Promise((resolve, reject) => {
        const line = lineOf(queue.id)
        let timeout: Timer | undefined
        const leave = () => {
          timeout?.cancel()
          signal?.removeEventListener('abort', giveUp)
          return line.receivers.delete(receiver)
        }
        const receiver: Receiver = {
          receive,
          settle(held) {
            const waited = leave()
            if (waited) resolve(held)
            return waited
          },
          fail(error) {
            if (leave()) reject(error)
          },
        }
        const giveUp = () => {
          receiver.settle([])
          arm(queue.id, line)
        }
        signal?.addEventListener('abort', giveUp)
        if (receive.waitMs > 0 && receive.waitMs !== Infinity)
          timeout = clock.at(clock.deadline(receive.waitMs), giveUp)
        line.receivers.add(receiver)
        serve(queue.id)
      })
    },
    wake: serve,
    dismiss(queue) {
      const line = lines.get(queue.id)
      if (line === undefined) return
      lines.delete(queue.id)
      line.timer?.timer.cancel()
      for (const receiver of line.receivers) {
        receiver.fail(
          queueNotFound(
            queue.name,
            registry.all().map((existing) => existing.name),
          ),
        )
      }
    },
    close() {
      closed = true
      for (const line of lines.values()) {
        line.timer?.timer.cancel()
        for (const receiver of line.receivers) receiver.settle([])
      }
    },
  }
}
