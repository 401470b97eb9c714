import { z } from 'zod'
import { missingParameter } from '../errors.ts'
import { operation, queueUrl, type Operation, type QueueEngine } from '../operation.ts'
import { pageInput, pageOf } from './page.ts'
import { checkTags, tagsInput } from './tags.ts'

const queueName = z.string().refine((name) => name !== '')

export function createQueue({ registry }: QueueEngine): Operation {
  const schema = z.object({
    QueueName: z.string(),
    Attributes: z.record(z.string(), z.string()).default({}),
    // The JSON protocol's spelling; the Query protocol's is read as `Tags`.
    tags: tagsInput.default({}),
    Tags: tagsInput.default({}),
  })
  return operation('CreateQueue', schema, ({ QueueName: name, Attributes: attributes, tags, Tags }, caller) => {
    if (name === '') throw missingParameter('QueueName')
    const all = checkTags(name, { ...tags, ...Tags })
    return { QueueUrl: caller.queueUrl(registry.create(name, attributes, all).name) }
  })
}

export function getQueueUrl({ registry }: QueueEngine): Operation {
  return operation('GetQueueUrl', z.object({ QueueName: queueName }), ({ QueueName: name }, caller) => ({
    QueueUrl: caller.queueUrl(registry.get(name).name),
  }))
}

export function deleteQueue({ store, registry, messages, receivers }: QueueEngine): Operation {
  return operation('DeleteQueue', z.object({ QueueUrl: queueUrl }), ({ QueueUrl: name }) => {
    const queue = registry.get(name)
    store.tx(() => {
      messages.purge(queue)
      registry.remove(queue)
    })
    receivers.dismiss(queue)
    return undefined
  })
}

export function listQueues({ registry }: QueueEngine): Operation {
  const schema = pageInput.extend({ QueueNamePrefix: z.string().default('') })
  return operation('ListQueues', schema, ({ QueueNamePrefix: prefix, ...page }, caller) => {
    const names = registry
      .all()
      .map((queue) => queue.name)
      .filter((name) => name.startsWith(prefix))
    return pageOf('QueueUrls', names, page, caller)
  })
}

export function listDeadLetterSourceQueues({ registry }: QueueEngine): Operation {
  const schema = pageInput.extend({ QueueUrl: queueUrl })
  return operation('ListDeadLetterSourceQueues', schema, ({ QueueUrl: name, ...page }, caller) => {
    const names = registry.sourcesOf(registry.get(name)).map((queue) => queue.name)
    // AWS writes this member small, and an empty list of it.
    return { queueUrls: [], ...pageOf('queueUrls', names, page, caller) }
  })
}
