import type { Operations } from '../cloud/queue/operations/table.ts'

/** After which a queue may be deeper or emptier. */
const changing: ReadonlySet<string> = new Set<keyof Operations>([
  'SendMessage',
  'SendMessageBatch',
  'ReceiveMessage',
  'DeleteMessage',
  'DeleteMessageBatch',
  'PurgeQueue',
  'DeleteQueue',
  'StartMessageMoveTask',
])

/** SQS's operations, which say when a queue may be deeper or emptier than before. */
export function watchedQueues(operations: Operations, changed: () => void): Operations {
  return Object.fromEntries(
    Object.entries(operations).map(([name, operation]) => [
      name,
      changing.has(name)
        ? {
            async perform(...given: Parameters<typeof operation.perform>) {
              const answer = await operation.perform(...given)
              changed()
              return answer
            },
          }
        : operation,
    ]),
  ) as Operations
}
