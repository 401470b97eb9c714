import type { Clock } from '../../../kernel/clock.ts'
import { invalidValue } from '../errors.ts'
import type { HeldMessage } from '../message.ts'
import type { Messages } from '../messages.ts'
import type { Write } from '../operation.ts'
import type { Queue } from '../registry.ts'

const windowMs = 5 * 60_000

/**
 * ReceiveRequestAttemptId: a consumer of a FIFO queue whose answer was lost asks again with the same id, within five
 * minutes, and gets the same messages by the same handles, hidden for as long again, unless one of them was deleted, changed
 * or received by somebody else since. Kept in memory: after a restart an attempt is a new one.
 */
export function receiveAttempts({
  write,
  clock,
  messages,
}: {
  readonly write: Write
  readonly clock: Clock
  readonly messages: Messages
}) {
  const attempts = new Map<string, { readonly until: number; readonly held: readonly HeldMessage[] }>()

  return {
    async answer(
      queue: Queue,
      attempt: string | undefined,
      visibilityMs: number | undefined,
      receive: () => Promise<readonly HeldMessage[]>,
    ): Promise<readonly HeldMessage[]> {
      if (attempt === undefined) return receive()
      if (queue.settings.fifo === undefined) {
        throw invalidValue(
          attempt.slice(0, 128),
          'ReceiveRequestAttemptId',
          'The request includes a parameter that is not valid for this queue type.',
        )
      }
      if (!/^[!-~]{1,128}$/.test(attempt)) {
        throw invalidValue(
          attempt.slice(0, 128),
          'ReceiveRequestAttemptId',
          'ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1 to 128 in length.',
        )
      }
      const now = clock.now()
      // In the order in which they were made.
      for (const [old, { until }] of attempts) {
        if (until > now) break
        attempts.delete(old)
      }
      const key = `${queue.id} ${attempt}`
      const before = attempts.get(key)
      const again = before && (await write(() => messages.takeAgain(queue, before.held, visibilityMs)))
      const held = again ?? (await receive())
      if (held.length > 0) {
        const until = again === undefined || before === undefined ? clock.deadline(windowMs) : before.until
        if (again === undefined) attempts.delete(key)
        attempts.set(key, { until, held })
      }
      return held
    },
  }
}
