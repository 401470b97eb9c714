import type { QueueMessage, QueuePort } from '../../worker/ports.ts'
import type { QueueEngine } from './operation.ts'

/**
 * The queue as the worker in this process consumes it. What it holds is marked in the table, so that after a crash it
 * is visible again at once, while messages in flight to consumers outside keep their visibility.
 */
export function embeddedConsumer(
  { write, registry, messages, receivers }: QueueEngine,
  name: string,
  { visibilityTimeoutMs }: { readonly visibilityTimeoutMs: number },
): QueuePort {
  return {
    async receive(signal): Promise<QueueMessage | undefined> {
      const take = { most: 1, visibilityMs: visibilityTimeoutMs, embedded: true, waitMs: Infinity }
      const [held] = await receivers.receive(registry.get(name), take, signal)
      return held && { ...held, attributes: held.attributes ?? {} }
    },
    async delete({ receiptHandle }) {
      await write(() => messages.remove(registry.get(name), receiptHandle))
    },
    async renew({ receiptHandle }, until) {
      await write(() => messages.renew(registry.get(name), receiptHandle, until))
    },
    async release({ receiptHandle }) {
      await write(() => messages.giveBack(registry.get(name), [{ receiptHandle }]))
    },
    async defer({ receiptHandle }, at) {
      await write(() => messages.setVisibleAt(registry.get(name), receiptHandle, at))
    },
    async deadLetter({ receiptHandle }, reason) {
      const { settings } = registry.get(name)
      // Nothing is thrown away: a queue without a dead-letter queue gets one when it first needs it.
      const target = registry.find(settings.redrive?.target ?? '') ?? registry.create(`${name}-dlq`, {})
      await write(() => messages.bury(registry.get(name), target, receiptHandle, reason))
    },
  }
}
