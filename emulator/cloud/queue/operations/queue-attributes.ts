import { z } from 'zod'
import { missingParameter, purgeInProgress, unknownAttribute } from '../errors.ts'
import { operation, queueUrl, type Operation, type QueueEngine } from '../operation.ts'
import { attributeRules, computedAttributes, type ComputedAttribute } from '../queue-attributes.ts'
import type { Queue } from '../registry.ts'

export function getQueueAttributes({ registry, messages, maximumMessageSize }: QueueEngine): Operation {
  const known = new Set<string>([...Object.keys(attributeRules(maximumMessageSize)), ...computedAttributes])
  const schema = z.object({ QueueUrl: queueUrl, AttributeNames: z.array(z.string()).default([]) })

  const read = (queue: Queue): Record<string, string> => {
    const { visible, inFlight, delayed } = messages.count(queue)
    const computed: Record<ComputedAttribute, string> = {
      ApproximateNumberOfMessages: String(visible),
      ApproximateNumberOfMessagesNotVisible: String(inFlight),
      ApproximateNumberOfMessagesDelayed: String(delayed),
      CreatedTimestamp: String(Math.floor(queue.createdAt / 1000)),
      LastModifiedTimestamp: String(Math.floor(queue.modifiedAt / 1000)),
      QueueArn: queue.arn,
    }
    return { ...queue.attributes, ...computed }
  }

  return operation('GetQueueAttributes', schema, ({ QueueUrl: name, AttributeNames: names }) => {
    const queue = registry.get(name)
    const unknown = names.find((asked) => asked !== 'All' && !known.has(asked))
    if (unknown !== undefined) throw unknownAttribute(unknown)
    // AWS answers no attributes to a request that names none.
    if (names.length === 0) return {}
    const all = Object.entries(read(queue))
    const shown = names.includes('All') ? all : all.filter(([attribute]) => names.includes(attribute))
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

export function purgeQueue({ store, registry, messages, clock }: QueueEngine): Operation {
  // AWS allows one purge in 60 seconds. A restart forgets it, which hurts nobody.
  const again = new Map<number, number>()
  return operation('PurgeQueue', z.object({ QueueUrl: queueUrl }), async ({ QueueUrl: name }) => {
    const { id } = registry.get(name)
    if ((again.get(id) ?? 0) > clock.now()) throw purgeInProgress(name)
    again.set(id, clock.deadline(60_000))
    await store.write(() => messages.purge(registry.get(name)))
    return undefined
  })
}
