import type { Operation, QueueEngine } from '../operation.ts'
import { changeMessageVisibility, changeMessageVisibilityBatch } from './change-message-visibility.ts'
import { deleteMessage, deleteMessageBatch } from './delete-message.ts'
import { createQueue, deleteQueue, getQueueUrl, listDeadLetterSourceQueues, listQueues } from './manage-queues.ts'
import { cancelMessageMoveTask, listMessageMoveTasks, startMessageMoveTask } from './message-move-tasks.ts'
import { getQueueAttributes, purgeQueue, setQueueAttributes } from './queue-attributes.ts'
import { receiveMessage } from './receive-message.ts'
import { sendMessage, sendMessageBatch } from './send-message.ts'
import { listQueueTags, tagQueue, untagQueue } from './tags.ts'

/** Every operation, by AWS's name. A new one is a file here and a line in this table. */
const table = {
  CancelMessageMoveTask: cancelMessageMoveTask,
  ChangeMessageVisibility: changeMessageVisibility,
  ChangeMessageVisibilityBatch: changeMessageVisibilityBatch,
  CreateQueue: createQueue,
  DeleteMessage: deleteMessage,
  DeleteMessageBatch: deleteMessageBatch,
  DeleteQueue: deleteQueue,
  GetQueueAttributes: getQueueAttributes,
  GetQueueUrl: getQueueUrl,
  ListDeadLetterSourceQueues: listDeadLetterSourceQueues,
  ListMessageMoveTasks: listMessageMoveTasks,
  ListQueueTags: listQueueTags,
  ListQueues: listQueues,
  PurgeQueue: purgeQueue,
  ReceiveMessage: receiveMessage,
  SendMessage: sendMessage,
  SendMessageBatch: sendMessageBatch,
  SetQueueAttributes: setQueueAttributes,
  StartMessageMoveTask: startMessageMoveTask,
  TagQueue: tagQueue,
  UntagQueue: untagQueue,
} satisfies Record<string, (engine: QueueEngine) => Operation>

export type OperationName = keyof typeof table
export type Operations = Readonly<Record<OperationName, Operation>>

export function createOperations(engine: QueueEngine): Operations {
  return Object.fromEntries(Object.entries(table).map(([name, create]) => [name, create(engine)])) as Operations
}
