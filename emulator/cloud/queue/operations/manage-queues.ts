import { z } from 'zod'
import { invalidParameter, invalidValue, missingParameter } from '../errors.ts'
import { operation, queueUrl, type Operation, type QueueEngine } from '../operation.ts'

const queueName = z.string().refine((name) => name !== '')

export function createQueue({ registry }: QueueEngine): Operation {
  const schema = z.object({ QueueName: z.string(), Attributes: z.record(z.string(), z.string()).default({}) })
  return operation('CreateQueue', schema, ({ QueueName: name, Attributes: attributes }, caller) => {
    if (name === '') throw missingParameter('QueueName')
    return { QueueUrl: caller.queueUrl(registry.create(name, attributes).name) }
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
  const schema = z.object({
    QueueNamePrefix: z.string().default(''),
    MaxResults: z.int().optional(),
    NextToken: z.string().optional(),
  })
  return operation('ListQueues', schema, ({ QueueNamePrefix: prefix, MaxResults: most, NextToken: token }, caller) => {
    if (most !== undefined && (most < 1 || most > 1000)) {
      throw invalidValue(most, 'MaxResults', 'Must be between 1 and 1000, if provided.')
    }
    const after = token === undefined ? '' : Buffer.from(token, 'base64').toString()
    if (token !== undefined && Buffer.from(after).toString('base64') !== token) {
      throw invalidParameter('Invalid or expired next token.')
    }
    const names = registry
      .all()
      .map((queue) => queue.name)
      .filter((name) => name.startsWith(prefix) && name > after)
    const page = names.slice(0, most ?? 1000)
    const last = page.at(-1)
    return {
      ...(page.length > 0 && { QueueUrls: page.map((name) => caller.queueUrl(name)) }),
      // Without MaxResults AWS answers the first 1,000, and no token.
      ...(most !== undefined &&
        last !== undefined &&
        page.length < names.length && {
          NextToken: Buffer.from(last).toString('base64'),
        }),
    }
  })
}
