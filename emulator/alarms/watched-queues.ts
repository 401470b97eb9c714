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

/** After which another queue than the one that is named may be one for dead letters, or be one no more. */
const linking: ReadonlySet<string> = new Set<keyof Operations>(['CreateQueue', 'SetQueueAttributes'])

/** SQS's operations, which say when a queue, named by the end of its URL, may be deeper or emptier than before. */
export function watchedQueues(operations: Operations, changed: (queue: string | undefined) => void): Operations {
  return Object.fromEntries(
    Object.entries(operations).map(([name, operation]) => [
      name,
      changing.has(name) || linking.has(name)
        ? {
            async perform(...given: Parameters<typeof operation.perform>) {
              const answer = await operation.perform(...given)
              changed(linking.has(name) ? undefined : nameOf(given[0]))
              return answer
            },
          }
        : operation,
    ]),
  ) as Operations
}

function nameOf(input: unknown): string | undefined {
  const url = (input as { readonly QueueUrl?: unknown } | null | undefined)?.QueueUrl
  if (typeof url !== 'string' || url.endsWith('/')) return undefined
  return url.slice(url.lastIndexOf('/') + 1)
}
