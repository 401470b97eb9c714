import { z } from 'zod'
import { missingParameter, purgeInProgress, unknownAttribute } from '../errors.ts'
import { operation, queueUrl, type Operation, type QueueEngine } from '../operation.ts'
import { computedAttributes, type ComputedAttribute } from '../queue-attributes.ts'
import type { Queue } from '../registry.ts'

const isComputed = (name: string) => (computedAttributes as readonly string[]).includes(name)

export function getQueueAttributes({ registry, messages }: QueueEngine): Operation {
  const schema = z.object({ QueueUrl: queueUrl, AttributeNames: z.array(z.string()).default([]) })

  const readers: Record<ComputedAttribute, (queue: Queue) => string | number> = {
    ApproximateNumberOfMessages: (queue) => messages.count(queue).visible,
    ApproximateNumberOfMessagesNotVisible: (queue) => messages.count(queue).inFlight,
    ApproximateNumberOfMessagesDelayed: (queue) => messages.count(queue).delayed,
    CreatedTimestamp: (queue) => Math.floor(queue.createdAt / 1000),
    LastModifiedTimestamp: (queue) => Math.floor(queue.modifiedAt / 1000),
    QueueArn: (queue) => queue.arn,
  }

  return operation('GetQueueAttributes', schema, ({ QueueUrl: name, AttributeNames: names }) => {
    const queue = registry.get(name)
    const known = registry.rulesOf(queue)
    const unknown = names.find((asked) => asked !== 'All' && !isComputed(asked) && !Object.hasOwn(known, asked))
    if (unknown !== undefined) throw unknownAttribute(unknown)
    // AWS answers no attributes to a request that names none.
    if (names.length === 0) return {}
    const isAsked = (name: string) => names.includes('All') || names.includes(name)
    // Only what is asked for is counted: counting costs more, the more messages are in flight.
    const shown = [
      ...Object.entries(queue.attributes).filter(([name]) => isAsked(name)),
      ...computedAttributes.filter(isAsked).map((name) => [name, String(readers[name](queue))] as const),
    ]
    return shown.length === 0 ? {} : { Attributes: Object.fromEntries(shown) }
  })
}

export function setQueueAttributes({ registry }: QueueEngine): Operation {
  const schema = z.object({ QueueUrl: queueUrl, Attributes: z.record(z.string(), z.string()) })
  return operation('SetQueueAttributes', schema, ({ QueueUrl: name, Attributes: attributes }) => {
    const queue = registry.get(name)
    if (Object.keys(attributes).length === 0) throw missingParameter('Attribute.Name')
    registry.setAttributes(queue, attributes)
    return undefined
  })
}

export function purgeQueue({ write, registry, messages, clock }: QueueEngine): Operation {
  return operation('PurgeQueue', z.object({ QueueUrl: queueUrl }), async ({ QueueUrl: name }) => {
    await write(() => {
      const queue = registry.get(name)
      if (queue.purgedUntil > clock.now()) throw purgeInProgress(name)
      registry.setPurged(queue, Math.ceil(clock.deadline(60_000)))
      messages.purge(queue)
    })
    return undefined
  })
}
