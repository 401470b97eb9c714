import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createHeap, type Placed } from '../../emulator/cloud/queue/heap.ts'
import type { Queues } from '../../emulator/cloud/queue/queues.ts'
import { virtualClock, type VirtualClock } from '../../emulator/kernel/clock.ts'
import { openMemory, openStore, type Store } from '../../emulator/kernel/store.ts'
import { queueEngine, redriveTo } from './queue-engine.ts'

function open(store: Store, clock: VirtualClock, seed: string): Queues {
  const queues = queueEngine(store, clock, seed)
  queues.ensureQueue('dead')
  queues.ensureQueue('dead.fifo', { FifoQueue: 'true' })
  queues.ensureQueue('jobs', redriveTo('dead', 2))
  queues.ensureQueue('jobs.fifo', { FifoQueue: 'true', ...redriveTo('dead.fifo', 2) })
  return queues
}

const caller = { queueUrl: (name: string) => name, signal: () => new AbortController().signal }
const operations = ['send', 'receive', 'delete', 'hide', 'purge', 'redrive', 'reset', 'wait'] as const
const step = fc.record({
  what: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('send', 'receive', 'delete') },
    fc.constantFrom(...operations),
  ),
  fifo: fc.boolean(),
  number: fc.nat(4),
  undone: fc.boolean(),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** One step; receipt handles are kept by body, since ids differ where something was undone. */
function perform(
  { what, fifo, number }: Step,
  queues: Queues,
  handles: Map<string, string>,
  at: number,
): Promise<unknown> {
  const QueueUrl = `/000000000000/${fifo ? 'jobs.fifo' : 'jobs'}`
  const handle = [...handles.entries()].filter(([body]) => body.startsWith(fifo ? 'f' : 's'))[number]
  switch (what) {
    case 'send':
      return queues.operations.SendMessage.perform(
        {
          QueueUrl,
          MessageBody: `${fifo ? 'f' : 's'}${at}`,
          ...(fifo ? { MessageGroupId: String(number % 2), MessageDeduplicationId: String(at) } : {}),
          ...(!fifo && number === 0 ? { DelaySeconds: 5 } : {}),
        },
        caller,
      )
    case 'receive':
      return queues.operations.ReceiveMessage.perform({ QueueUrl, MaxNumberOfMessages: number + 1 }, caller)
    case 'delete':
    case 'hide': {
      if (handle === undefined) return Promise.resolve()
      const members = { QueueUrl, ReceiptHandle: handle[1] }
      return what === 'delete'
        ? queues.operations.DeleteMessage.perform(members, caller)
        : queues.operations.ChangeMessageVisibility.perform({ ...members, VisibilityTimeout: number * 10 }, caller)
    }
    case 'purge':
      return queues.operations.PurgeQueue.perform({ QueueUrl }, caller)
    case 'redrive':
      queues.redrive(fifo ? 'dead.fifo' : 'dead')
      return Promise.resolve()
    case 'reset':
      queues.reset(number)
      return Promise.resolve()
    case 'wait':
      return Promise.resolve()
  }
}

interface Received {
  readonly Messages?: readonly { readonly Body: string; readonly ReceiptHandle: string }[]
}
function remember(answer: unknown, handles: Map<string, string>): void {
  for (const { Body, ReceiptHandle } of (answer as Received | undefined)?.Messages ?? []) {
    handles.set(Body, ReceiptHandle)
  }
}

/** All that can be seen from outside, but for ids. */
async function seen(queues: Queues): Promise<unknown> {
  const overview = queues.overview()
  const lying = overview.map(({ name }) =>
    queues.peek(name, 1000).map(({ receiveCount, sentAt, bodyBytes }) => ({ receiveCount, sentAt, bodyBytes })),
  )
  return { overview, lying }
}
async function drained(queues: Queues, clock: VirtualClock): Promise<string[]> {
  const bodies: string[] = []
  for (const { name } of queues.overview()) {
    for (let turn = 0; turn < 60; turn++) {
      const answer = await queues.operations.ReceiveMessage.perform(
        { QueueUrl: `/0/${name}`, MaxNumberOfMessages: 10 },
        caller,
      )
      const found = ((answer ?? {}) as Received).Messages ?? []
      for (const { Body, ReceiptHandle } of found) {
        bodies.push(`${name} ${Body}`)
        await queues.operations.DeleteMessage.perform({ QueueUrl: `/0/${name}`, ReceiptHandle }, caller)
      }
      if (found.length === 0 && turn > 0) break
      if (found.length === 0) await clock.advance(60_000)
    }
  }
  return bodies
}

it('what a transaction changed in memory is undone with it', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const stores = [openStore({}), openStore({})] as const
      const clocks = [virtualClock(), virtualClock()] as const
      const queues = stores.map((store, at) => open(store, clocks[at] ?? virtualClock(), 'undo')) as [Queues, Queues]
      const handles = [new Map<string, string>(), new Map<string, string>()] as const
      try {
        for (const [at, one] of steps.entries()) {
          for (const clock of clocks) await clock.advance(one.what === 'wait' ? 20_000 : 1000)
          if (one.undone) {
            expect(() =>
              stores[0].tx(() => {
                perform(one, queues[0], handles[0], at).catch(() => undefined)
                throw new Error('undone')
              }),
            ).toThrow('undone')
          } else {
            for (const which of [0, 1] as const) {
              remember(await perform(one, queues[which], handles[which], at).catch(() => undefined), handles[which])
            }
          }
          expect(await seen(queues[0])).toEqual(await seen(queues[1]))
        }
        expect(await drained(queues[0], clocks[0])).toEqual(await drained(queues[1], clocks[1]))
      } finally {
        for (const one of queues) one.close()
        for (const store of stores) store.close()
      }
    }),
    { numRuns: 60 },
  )
})

it('after a restart everything lies where it lay', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const memory = openMemory()
      const clock = virtualClock()
      const store = memory.session()
      const queues = open(store, clock, 'restart')
      const handles = new Map<string, string>()
      for (const [at, one] of steps.entries()) {
        await clock.advance(one.what === 'wait' ? 20_000 : 1000)
        remember(await perform(one, queues, handles, at).catch(() => undefined), handles)
      }
      const before = await seen(queues)
      queues.close()
      store.close()
      const again = open(memory.session(), clock, 'restart')
      expect(await seen(again)).toEqual(before)
      again.close()
      memory.close()
    }),
    { numRuns: 60 },
  )
})

interface Item extends Placed {
  readonly key: number
  readonly id: number
}

it('a heap gives what a sorted list gives', () => {
  const key = fc.record({ key: fc.nat(20), remove: fc.boolean(), most: fc.nat(12) })
  fc.assert(
    fc.property(fc.array(key, { maxLength: 200, size: 'max' }), (moves) => {
      const before = (one: Item, other: Item) => (one.key === other.key ? one.id < other.id : one.key < other.key)
      const heap = createHeap<Item>(before)
      let list: Item[] = []
      for (const [id, { key: value, remove, most }] of moves.entries()) {
        const victim = list[value]
        if (remove && victim !== undefined) {
          heap.remove(victim)
          list = list.filter((item) => item !== victim)
        } else {
          const item: Item = { key: value, id, place: -1 }
          heap.push(item)
          list = [...list, item].toSorted((one, other) => (before(one, other) ? -1 : 1))
        }
        expect(heap.size).toBe(list.length)
        expect(heap.top()).toBe(list[0])
        expect(heap.first(most)).toEqual(list.slice(0, most))
      }
    }),
  )
})
