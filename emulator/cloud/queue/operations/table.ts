import type { Operation, QueueEngine } from '../operation.ts'
import { changeMessageVisibility, changeMessageVisibilityBatch } from './change-message-visibility.ts'
import { deleteMessage, deleteMessageBatch } from './delete-message.ts'
import { createQueue, deleteQueue, getQueueUrl, listQueues } from './manage-queues.ts'
import { getQueueAttributes, purgeQueue, setQueueAttributes } from './queue-attributes.ts'
import { receiveMessage } from './receive-message.ts'
import { sendMessage, sendMessageBatch } from './send-message.ts'

/** Every operation, by AWS's name. A new one is a file here and a line in this table. */
const table = {
  ChangeMessageVisibility: changeMessageVisibility,
  ChangeMessageVisibilityBatch: changeMessageVisibilityBatch,
  CreateQueue: createQueue,
  DeleteMessage: deleteMessage,
  DeleteMessageBatch: deleteMessageBatch,
  DeleteQueue: deleteQueue,
  GetQueueAttributes: getQueueAttributes,
  GetQueueUrl: getQueueUrl,
  ListQueues: listQueues,
  PurgeQueue: purgeQueue,
  ReceiveMessage: receiveMessage,
  SendMessage: sendMessage,
  SendMessageBatch: sendMessageBatch,
  SetQueueAttributes: setQueueAttributes,
} satisfies Record<string, (engine: QueueEngine) => Operation>

export type OperationName = keyof typeof table
export type Operations = Readonly<Record<OperationName, Operation>>

export function createOperations(engine: QueueEngine): Operations {
  return Object.fromEntries(Object.entries(table).map(([name, create]) => [name, create(engine)])) as Operations
}
