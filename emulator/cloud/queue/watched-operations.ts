import type { QueueWatcher, SqsMessage } from '../../worker/ports.ts'
import type { Answer, Operation } from './operation.ts'
import type { Operations } from './operations/table.ts'

type Members = Readonly<Record<string, unknown>>

const members = (value: unknown): Members => (typeof value === 'object' && value !== null ? (value as Members) : {})
const list = (value: unknown): Members[] => (Array.isArray(value) ? value.map(members) : [])
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const nameOf = (input: Members): string => text(input['QueueUrl']).replace(/\/+$/, '').split('/').at(-1) ?? ''

/** What an operation that succeeded means for the messages. */
type Notice = (input: Members, answer: Members) => void

/** SQS's operations, told to a watcher once they are done: the protocols and our own pollers take the same path. */
export function watchedOperations(operations: Operations, watcher: QueueWatcher): Operations {
  const sent = (queue: string, entry: Members, messageId: unknown) =>
    watcher.sent(queue, {
      MessageId: text(messageId),
      Body: text(entry['MessageBody']),
      MessageAttributes: members(entry['MessageAttributes']) as NonNullable<SqsMessage['MessageAttributes']>,
    })
  const notices: Partial<Record<keyof Operations, Notice>> = {
    SendMessage: (input, answer) => sent(nameOf(input), input, answer['MessageId']),
    SendMessageBatch(input, answer) {
      const entries = new Map(list(input['Entries']).map((entry) => [entry['Id'], entry]))
      for (const done of list(answer['Successful'])) {
        const entry = entries.get(done['Id'])
        if (entry !== undefined) sent(nameOf(input), entry, done['MessageId'])
      }
    },
    ReceiveMessage(input, answer) {
      const messages = (answer['Messages'] ?? []) as readonly SqsMessage[]
      if (messages.length > 0) watcher.received(nameOf(input), messages)
    },
    DeleteMessage: (input) => watcher.deleted(nameOf(input), [text(input['ReceiptHandle'])]),
    DeleteMessageBatch(input, answer) {
      const done = new Set(list(answer['Successful']).map((entry) => entry['Id']))
      const handles = list(input['Entries']).filter((entry) => done.has(entry['Id']))
      watcher.deleted(
        nameOf(input),
        handles.map((entry) => text(entry['ReceiptHandle'])),
      )
    },
  }
  const watched = (operation: Operation, notice: Notice): Operation => ({
    async perform(input, caller): Promise<Answer> {
      const answer = await operation.perform(input, caller)
      notice(members(input), answer ?? {})
      return answer
    },
  })
  return Object.fromEntries(
    Object.entries(operations).map(([name, operation]) => {
      const notice = notices[name as keyof Operations]
      return [name, notice === undefined ? operation : watched(operation, notice)]
    }),
  ) as Operations
}
