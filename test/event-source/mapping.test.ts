import { expect, it, onTestFinished } from 'vitest'
import type { JournalEvent } from '../../contracts/events.ts'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import type { Invocation } from '../../emulator/worker/event-source/answer.ts'
import type { SqsEvent } from '../../emulator/worker/event-source/event.ts'
import { createEventSourceMapping } from '../../emulator/worker/event-source/mapping.ts'
import type { SqsMessage } from '../../emulator/worker/ports.ts'

const arn = 'arn:aws:sqs:us-east-1:000000000000:manireports-jobs'
const message = (id: string): SqsMessage => ({
  MessageId: id,
  ReceiptHandle: `handle-${id}`,
  MD5OfBody: 'md5',
  Body: `body ${id}`,
  Attributes: {
    ApproximateReceiveCount: '1',
    SentTimestamp: '1',
    SenderId: 'me',
    ApproximateFirstReceiveTimestamp: '2',
  },
  MessageAttributes: {
    CompanyId: { DataType: 'Number', StringValue: '7' },
    Picture: { DataType: 'Binary', BinaryValue: 'AQI=' },
  },
})
const ids = (messages: readonly SqsMessage[]) => messages.map(({ MessageId }) => MessageId)

/** A mapping over a queue in memory whose receives are answered by `put`. */
function started(options: { batchSize?: number; batchWindowMs?: number; slots?: number } = {}) {
  const clock = virtualClock()
  const events: SqsEvent[] = []
  const answers: ((invocation: Invocation) => void)[] = []
  const deleted: string[][] = []
  const recorded: JournalEvent[] = []
  const errors: unknown[] = []
  const waiting: SqsMessage[] = []
  const receivers: (() => void)[] = []
  const serve = () => {
    if (waiting.length > 0) receivers.shift()?.()
  }
  const mapping = createEventSourceMapping({
    clock,
    journal: { record: (event) => void recorded.push(event), subscribe: () => () => {}, read: () => [] },
    queue: {
      arn,
      receive: (most, signal) =>
        new Promise((resolve) => {
          const give = () => resolve(waiting.splice(0, most))
          receivers.push(give)
          signal.addEventListener('abort', () => {
            if (receivers.includes(give)) receivers.splice(receivers.indexOf(give), 1)
            resolve([])
          })
          serve()
        }),
      delete: async (messages) => void deleted.push(ids(messages)),
    },
    slots: Array.from({ length: options.slots ?? 1 }, () => ({
      ready: () => Promise.resolve(),
      invoke: (event: string, signal: AbortSignal) =>
        new Promise<Invocation>((resolve) => {
          events.push(JSON.parse(event) as SqsEvent)
          answers.push(resolve)
          signal.addEventListener('abort', () => resolve({ outcome: 'stopped', error: 'stopped' }))
        }),
      stop: () => Promise.resolve(),
    })),
    batchSize: options.batchSize ?? 10,
    batchWindowMs: options.batchWindowMs ?? 0,
    watch: () => () => {},
    onError: (error) => void errors.push(error),
  })
  mapping.start()
  onTestFinished(() => mapping.stop())
  return {
    clock,
    mapping,
    events,
    deleted,
    recorded,
    errors,
    async put(...messages: string[]) {
      waiting.push(...messages.map(message))
      serve()
      await clock.advance(0)
    },
    async answer(payload: string) {
      answers.shift()?.({ outcome: 'answered', payload })
      await clock.advance(0)
    },
  }
}

const batches = (events: readonly SqsEvent[]) => events.map(({ Records }) => Records.map(({ messageId }) => messageId))

it('hands over an event exactly as Lambda does', async () => {
  const { put, events } = started()
  await put('a')
  expect(events).toEqual([
    {
      Records: [
        {
          messageId: 'a',
          receiptHandle: 'handle-a',
          body: 'body a',
          attributes: {
            ApproximateReceiveCount: '1',
            SentTimestamp: '1',
            SenderId: 'me',
            ApproximateFirstReceiveTimestamp: '2',
          },
          messageAttributes: {
            CompanyId: { stringValue: '7', stringListValues: [], binaryListValues: [], dataType: 'Number' },
            Picture: { binaryValue: 'AQI=', stringListValues: [], binaryListValues: [], dataType: 'Binary' },
          },
          md5OfBody: 'md5',
          eventSource: 'aws:sqs',
          eventSourceARN: arn,
          awsRegion: 'us-east-1',
        },
      ],
    },
  ])
})

it('deletes what succeeded, and leaves what failed', async () => {
  const { put, answer, deleted, recorded } = started()
  await put('a', 'b', 'c')
  await answer('{"batchItemFailures":[{"itemIdentifier":"b"}]}')
  expect(deleted).toEqual([['a', 'c']])
  expect(recorded).toEqual([{ type: 'worker.invoked', messages: 3, failed: 1, milliseconds: 0 }])
})

it('deletes nothing of a batch that failed, and goes on', async () => {
  const { put, answer, deleted, recorded, events } = started()
  await put('a', 'b')
  await answer('{"errorType":"KeyError","errorMessage":"no such user: ann@example.com"}')
  expect(deleted).toEqual([])
  expect(recorded).toMatchObject([{ failed: 2, error: 'KeyError: no such user: (address)' }])
  await put('c')
  await answer('')
  expect(batches(events)).toEqual([['a', 'b'], ['c']])
  expect(deleted).toEqual([['c']])
})

it('gives an event at most as many messages as it may have', async () => {
  const { put, answer, events } = started({ batchSize: 2 })
  await put('a', 'b', 'c')
  await answer('null')
  expect(batches(events)).toEqual([['a', 'b'], ['c']])
})

it('waits for more messages while the batch window lasts, and no longer', async () => {
  const { put, answer, events, clock } = started({ batchSize: 3, batchWindowMs: 5000 })
  await put('a')
  await clock.advance(4999)
  await put('b')
  expect(events).toEqual([])
  await clock.advance(1)
  expect(batches(events)).toEqual([['a', 'b']])
  await answer('null')
  await put('c')
  await put('d')
  // Full: it waits no longer.
  await put('e')
  expect(batches(events).at(-1)).toEqual(['c', 'd', 'e'])
})

it('works on as many events at once as it has slots', async () => {
  const { put, events, answer } = started({ batchSize: 1, slots: 2 })
  await put('a', 'b', 'c')
  await put()
  expect(batches(events)).toEqual([['a'], ['b']])
  await answer('null')
  expect(batches(events)).toEqual([['a'], ['b'], ['c']])
})

it('breaks off what runs when it is stopped, and deletes nothing', async () => {
  const { put, mapping, deleted, recorded, errors } = started()
  await put('a')
  await mapping.stop()
  expect([deleted, recorded, errors]).toEqual([[], [], []])
})
