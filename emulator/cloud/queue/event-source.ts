import type { EventSourcePort, SqsMessage } from '../../worker/ports.ts'
import type { Operations } from './operations/table.ts'

/** The longest poll that SQS allows, in seconds. */
const longestPoll = 20

/** A queue as Lambda's pollers use it: through the same operations as any consumer outside. */
export function eventSource(
  operations: Pick<Operations, 'ReceiveMessage' | 'DeleteMessageBatch'>,
  { queue, arn }: { readonly queue: string; readonly arn: string },
): EventSourcePort {
  const caller = (signal: AbortSignal) => ({ queueUrl: (name: string) => name, signal: () => signal })
  return {
    arn,
    async receive(most, signal) {
      const answer = await operations.ReceiveMessage.perform(
        {
          QueueUrl: queue,
          MaxNumberOfMessages: most,
          WaitTimeSeconds: longestPoll,
          AttributeNames: ['All'],
          MessageAttributeNames: ['All'],
        },
        caller(signal),
      )
      return (answer?.['Messages'] ?? []) as readonly SqsMessage[]
    },
    async delete(messages) {
      await operations.DeleteMessageBatch.perform(
        {
          QueueUrl: queue,
          Entries: messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
        },
        caller(new AbortController().signal),
      )
    },
  }
}
