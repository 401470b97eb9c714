import { z } from 'zod'
import { invalidValue, missingParameter } from '../errors.ts'
import { operation, queueUrl, type Operation, type QueueEngine } from '../operation.ts'
import { readReceipt } from '../receipt-handle.ts'
import type { Queue } from '../registry.ts'
import { batchAnswer, checkBatch, eachEntry } from './batch.ts'

const entry = z.object({ ReceiptHandle: z.string(), VisibilityTimeout: z.int() })
const batchEntry = entry.extend({ Id: z.string(), VisibilityTimeout: z.int().optional() })

/** Seconds from the receive on: changing it does not begin anew. */
const longest = 43_200

// A message that is visible already can be hidden again by its last handle; only one that was deleted is refused
// (and in a FIFO queue one whose time is over).
function change({ clock, messages }: QueueEngine, queue: Queue, handle: string, seconds: number): void {
  if (seconds < 0 || seconds > longest) {
    throw invalidValue(seconds, 'VisibilityTimeout', `VisibilityTimeout must be an integer between 0 and ${longest}.`)
  }
  const at = seconds === 0 ? clock.now() : clock.deadline(seconds * 1000)
  const { receivedAt = at } = readReceipt(handle, queue.id)
  if (seconds > 0 && at > receivedAt + (clock.deadline(longest * 1000) - clock.now())) {
    const reason = `Total VisibilityTimeout for the message is beyond the limit [${longest} seconds]`
    throw invalidValue(seconds, 'VisibilityTimeout', reason)
  }
  const holding = messages.setVisibleAt(queue, handle, at)
  if (holding === 'gone' || holding === 'expired') {
    throw invalidValue(
      handle,
      'ReceiptHandle',
      'Message does not exist or is not available for visibility timeout change.',
    )
  }
}

export function changeMessageVisibility(engine: QueueEngine): Operation {
  const { write, registry } = engine
  return operation('ChangeMessageVisibility', entry.extend({ QueueUrl: queueUrl }), async (input) => {
    registry.get(input.QueueUrl)
    if (input.ReceiptHandle === '') throw missingParameter('ReceiptHandle')
    await write(() => change(engine, registry.get(input.QueueUrl), input.ReceiptHandle, input.VisibilityTimeout))
    return undefined
  })
}

export function changeMessageVisibilityBatch(engine: QueueEngine): Operation {
  const { write, registry } = engine
  const schema = z.object({ QueueUrl: queueUrl, Entries: z.array(batchEntry).default([]) })
  return operation('ChangeMessageVisibilityBatch', schema, async ({ QueueUrl: name, Entries: entries }) => {
    registry.get(name)
    checkBatch('ChangeMessageVisibilityBatchRequestEntry', entries)
    const { done, failed } = await write(() => {
      const queue = registry.get(name)
      return eachEntry(entries, ({ Id, ReceiptHandle: handle, VisibilityTimeout: seconds = 0 }) => {
        change(engine, queue, handle, seconds)
        return { Id }
      })
    })
    return batchAnswer(done, failed)
  })
}
