import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Caller } from '../../emulator/cloud/queue/operation.ts'
import type { OperationName } from '../../emulator/cloud/queue/operations/table.ts'
import type { Queues } from '../../emulator/cloud/queue/queues.ts'
import { virtualClock, type VirtualClock } from '../../emulator/kernel/clock.ts'
import { openStore, type Store } from '../../emulator/kernel/store.ts'
import { queueEngine, redriveTo } from './queue-engine.ts'

/** What a queue must do, in the smallest words: a list, searched from its begin each time. */
interface ModelMessage {
  readonly body: string
  visibleAt: number
  receives: number
  /** Each receive's handle, in order. */
  readonly handles: string[]
  /** `redriven`: gone from the dead letters, and back in `jobs` as another message. */
  place: 'jobs' | 'dead' | 'deleted' | 'redriven'
}

interface World {
  now: number
  readonly messages: ModelMessage[]
}

interface Real {
  readonly clock: VirtualClock
  readonly queues: Queues
  ask(operation: OperationName, input: object): Promise<Record<string, unknown>>
}

const caller: Caller = { queueUrl: (name) => name, signal: () => new AbortController().signal }
const maxReceiveCount = 3

type Command = fc.AsyncCommand<World, Real>
const command = (name: string, run: (world: World, real: Real) => Promise<void>): Command => ({
  check: () => true,
  run,
  toString: () => name,
})

const send = (number: number, delay: number) =>
  command(`send(delay ${delay})`, async (world, { ask }) => {
    const body = `${world.messages.length}-${number}`
    await ask('SendMessage', { QueueUrl: 'jobs', MessageBody: body, DelaySeconds: delay })
    world.messages.push({ body, visibleAt: world.now + delay * 1000, receives: 0, handles: [], place: 'jobs' })
  })

const receive = (place: 'jobs' | 'dead', most: number, visibility: number) =>
  command(`receive(${place}, ${most}, visibility ${visibility})`, async (world, { ask }) => {
    const answer = await ask('ReceiveMessage', {
      QueueUrl: place,
      MaxNumberOfMessages: most,
      VisibilityTimeout: visibility,
    })
    const got = (answer.Messages ?? []) as { Body: string; ReceiptHandle: string }[]
    const visible = world.messages.filter((message) => message.place === place && message.visibleAt <= world.now)
    const good = visible.filter((message) => place === 'dead' || message.receives < maxReceiveCount)
    expect(got).toHaveLength(Math.min(most, good.length))
    expect(new Set(got.map(({ Body }) => Body)).size).toBe(got.length)
    for (const { Body, ReceiptHandle } of got) {
      const message = good.find(({ body, place: at }) => body === Body && at === place)
      if (message === undefined) throw new Error(`${Body} was received, but is not visible`)
      message.receives++
      message.handles.push(ReceiptHandle)
      message.visibleAt = world.now + visibility * 1000
    }
    // Which dead ones the receive met depends on the order: ask the other queue until both agree.
    if (place === 'jobs') await settleDead(world, ask, new Set(got.map(({ Body }) => Body)))
  })

async function settleDead(world: World, ask: Real['ask'], answered: ReadonlySet<string>) {
  const answer = await ask('GetQueueAttributes', { QueueUrl: 'dead', AttributeNames: ['All'] })
  const attributes = answer.Attributes as Record<string, string>
  const held = world.messages.filter(({ place, visibleAt }) => place === 'dead' && visibleAt > world.now).length
  const known = world.messages.filter(({ place }) => place === 'dead').length
  const total = Number(attributes.ApproximateNumberOfMessages) + held
  const candidates = world.messages
    .filter(
      (m) => m.place === 'jobs' && m.visibleAt <= world.now && m.receives >= maxReceiveCount && !answered.has(m.body),
    )
    // Visible longest first, as the queue hands out.
    .sort((a, b) => a.visibleAt - b.visibleAt || a.receives - b.receives)
  for (const message of candidates.slice(0, total - known)) {
    message.place = 'dead'
    message.visibleAt = world.now
  }
  expect(total - known).toBeLessThanOrEqual(candidates.length)
}

/** Its last handles are the dead-letter queue's, which `jobs` refuses. */
const isElsewhere = ({ place }: ModelMessage) => place === 'dead' || place === 'redriven'

/** Picks a handle that was given out, the newest or an older one, of any message ever. */
const someHandle = (world: World, pick: number) => {
  const all = world.messages.flatMap((message) => message.handles.map((handle, at) => ({ message, handle, at })))
  return all.length === 0 ? undefined : all[pick % all.length]
}
const holds = ({ message, at }: { message: ModelMessage; at: number }) =>
  message.place === 'jobs' && at === message.handles.length - 1

const remove = (pick: number) =>
  command(`delete(${pick})`, async (world, { ask }) => {
    const chosen = someHandle(world, pick)
    if (chosen === undefined || isElsewhere(chosen.message)) return
    await ask('DeleteMessage', { QueueUrl: 'jobs', ReceiptHandle: chosen.handle })
    if (holds(chosen)) chosen.message.place = 'deleted'
  })

const change = (pick: number, visibility: number) =>
  command(`change(${pick}, ${visibility})`, async (world, { ask }) => {
    const chosen = someHandle(world, pick)
    if (chosen === undefined || isElsewhere(chosen.message)) return
    const asked = ask('ChangeMessageVisibility', {
      QueueUrl: 'jobs',
      ReceiptHandle: chosen.handle,
      VisibilityTimeout: visibility,
    })
    if (chosen.message.place === 'deleted') return expect(asked).rejects.toMatchObject({ code: 'invalid-parameter' })
    await asked
    if (holds(chosen)) chosen.message.visibleAt = world.now + visibility * 1000
  })

/** Dead letters that nobody holds come back as new messages. */
const redrive = () =>
  command('redrive', async (world, { queues }) => {
    const back = world.messages.filter(({ place, visibleAt }) => place === 'dead' && visibleAt <= world.now)
    expect(queues.redrive('dead')).toEqual({ moved: back.length })
    for (const message of back) {
      message.place = 'redriven'
      world.messages.push({ body: message.body, visibleAt: world.now, receives: 0, handles: [], place: 'jobs' })
    }
  })

const advance = (seconds: number) =>
  command(`advance(${seconds})`, async (world, { clock }) => {
    await clock.advance(seconds * 1000)
    world.now += seconds * 1000
  })

const countAll = () =>
  command('count', async (world, { ask }) => {
    const answer = await ask('GetQueueAttributes', { QueueUrl: 'jobs', AttributeNames: ['All'] })
    const here = world.messages.filter(({ place }) => place === 'jobs')
    const hidden = here.filter(({ visibleAt }) => visibleAt > world.now)
    expect(answer.Attributes).toMatchObject({
      ApproximateNumberOfMessages: String(here.length - hidden.length),
      ApproximateNumberOfMessagesNotVisible: String(hidden.filter(({ receives }) => receives > 0).length),
      ApproximateNumberOfMessagesDelayed: String(hidden.filter(({ receives }) => receives === 0).length),
    })
  })

const seconds = fc.constantFrom(0, 1, 5, 30)
const commands = fc.commands(
  [
    fc.tuple(fc.nat(9), seconds).map(([number, delay]) => send(number, delay)),
    fc.tuple(fc.integer({ min: 1, max: 10 }), seconds).map(([most, visibility]) => receive('jobs', most, visibility)),
    fc.integer({ min: 1, max: 10 }).map((most) => receive('dead', most, 5)),
    fc.nat().map(remove),
    fc.tuple(fc.nat(), seconds).map(([pick, visibility]) => change(pick, visibility)),
    fc.constantFrom(1, 5, 30).map(advance),
    fc.constant(null).map(countAll),
    fc.constant(null).map(redrive),
  ],
  // Without a size fast-check makes lists of ten at most, too short for anything to come back.
  { maxCommands: 60, size: 'max' },
)

let store: Store
let clock: VirtualClock
let queues: Queues
beforeAll(() => {
  store = openStore({})
  clock = virtualClock()
  queues = queueEngine(store, clock, 'model')
  queues.ensureQueue('dead')
  queues.ensureQueue('jobs', {
    ...redriveTo('dead', maxReceiveCount),
  })
})
afterAll(() => store.close())

it('a standard queue does what the model does', { timeout: 120_000 }, async () => {
  const ask: Real['ask'] = async (operation, input) => (await queues.operations[operation].perform(input, caller)) ?? {}
  const law = fc.assert(
    fc.asyncProperty(commands, async (list) => {
      queues.reset()
      await fc.asyncModelRun(() => ({ model: { now: clock.now(), messages: [] }, real: { clock, queues, ask } }), list)
    }),
    { numRuns: 1000 },
  )
  await expect(law).resolves.toBeUndefined()
})
