import { z } from 'zod'
import { missingParameter, receiptHandleExpired } from '../errors.ts'
import { operation, queueUrl, type Operation, type QueueEngine } from '../operation.ts'
import type { Queue } from '../registry.ts'
import { batchAnswer, checkBatch, eachEntry } from './batch.ts'

function remove({ messages }: QueueEngine, queue: Queue, handle: string): void {
  if (messages.remove(queue, handle) === 'expired') throw receiptHandleExpired(handle)
}

// Deleting with an expired handle, and deleting twice, succeeds on a standard queue. A handle that a later receive has
// made stale succeeds too, but the message stays: it is the later receiver's. A FIFO queue refuses both.
export function deleteMessage(engine: QueueEngine): Operation {
  const { write, registry } = engine
  const schema = z.object({ QueueUrl: queueUrl, ReceiptHandle: z.string() })
  return operation('DeleteMessage', schema, async ({ QueueUrl: name, ReceiptHandle: handle }) => {
    registry.get(name)
    if (handle === '') throw missingParameter('ReceiptHandle')
    await write(() => remove(engine, registry.get(name), handle))
    return undefined
  })
}

export function deleteMessageBatch(engine: QueueEngine): Operation {
  const { write, registry } = engine
  const schema = z.object({
    QueueUrl: queueUrl,
    Entries: z.array(z.object({ Id: z.string(), ReceiptHandle: z.string() })).default([]),
  })
  return operation('DeleteMessageBatch', schema, async ({ QueueUrl: name, Entries: entries }) => {
    registry.get(name)
    checkBatch('DeleteMessageBatchRequestEntry', entries)
    const { done, failed } = await write(() => {
      const queue = registry.get(name)
      return eachEntry(entries, ({ Id, ReceiptHandle: handle }) => {
        remove(engine, queue, handle)
        return { Id }
      })
    })
    return batchAnswer(done, failed)
  })
}
