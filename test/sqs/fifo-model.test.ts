import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Caller } from '../../emulator/cloud/queue/operation.ts'
import type { OperationName } from '../../emulator/cloud/queue/operations/table.ts'
import type { Queues } from '../../emulator/cloud/queue/queues.ts'
import { virtualClock, type VirtualClock } from '../../emulator/kernel/clock.ts'
import { openStore, type Store } from '../../emulator/kernel/store.ts'
import { queueEngine, redriveTo } from './queue-engine.ts'

/** A FIFO queue in the smallest words: lists in the order of sending, one a queue, searched from their begin each time. */
interface ModelMessage {
  /** Undefined for one that came back from the dead letters, until it is received. */
  id: string | undefined
  readonly body: string
  readonly group: string
  visibleAt: number
  receives: number
  handle: string | undefined
}

interface World {
  now: number
  jobs: ModelMessage[]
  dead: ModelMessage[]
  /** When a deduplication id was last accepted. */
  readonly accepted: Map<string, number>
  /** Handles of messages that were deleted or moved. */
  readonly gone: string[]
  /** Handles that a later receive made worthless. */
  readonly stale: string[]
}

interface Real {
  readonly clock: VirtualClock
  readonly queues: Queues
  ask(operation: OperationName, input: object): Promise<Record<string, unknown>>
}

const maxReceiveCount = 3
const [jobs, dead] = ['jobs.fifo', 'dead.fifo']
const caller: Caller = { queueUrl: (name) => name, signal: () => new AbortController().signal }

type Command = fc.AsyncCommand<World, Real>
const command = (name: string, run: (world: World, real: Real) => Promise<void>): Command => ({
  check: () => true,
  run,
  toString: () => name,
})

const send = (group: string, id: string) =>
  command(`send(${group}, ${id})`, async (world, { ask }) => {
    const body = `${id}@${world.now}#${world.jobs.length}`
    const { MessageId } = await ask('SendMessage', {
      QueueUrl: jobs,
      MessageBody: body,
      MessageGroupId: group,
      MessageDeduplicationId: id,
    })
    const before = world.accepted.get(id)
    if (before !== undefined && world.now < before + 300_000) return
    world.accepted.set(id, world.now)
    world.jobs.push({ id: String(MessageId), body, group, visibleAt: world.now, receives: 0, handle: undefined })
  })

const inFlight = (world: World) => (message: ModelMessage) => message.receives > 0 && message.visibleAt > world.now
const groupsOf = (list: readonly ModelMessage[]) => [...new Set(list.map(({ group }) => group))]

interface Got {
  readonly MessageId: string
  readonly Body: string
  readonly ReceiptHandle: string
  readonly Attributes: { readonly MessageGroupId: string; readonly ApproximateReceiveCount: string }
}

const receive = (most: number, visibility: number) =>
  command(`receive(${most}, visibility ${visibility})`, async (world, { ask, queues }) => {
    const answer = await ask('ReceiveMessage', {
      QueueUrl: jobs,
      MaxNumberOfMessages: most,
      VisibilityTimeout: visibility,
      MessageSystemAttributeNames: ['MessageGroupId', 'ApproximateReceiveCount'],
    })
    const got = (answer.Messages ?? []) as Got[]
    const inDead = new Set(queues.peek(dead, 1000).map(({ messageId }) => messageId))
    const buried = world.jobs.filter(({ id }) => id !== undefined && inDead.has(id))
    expect(buried.every(({ receives }) => receives >= maxReceiveCount)).toBe(true)

    const free = groupsOf(world.jobs).filter(
      (group) => !world.jobs.filter((message) => message.group === group).some(inFlight(world)),
    )
    expect([...groupsOf(buried), ...got.map(({ Attributes }) => Attributes.MessageGroupId)]).toSatisfy(
      (groups: readonly string[]) => groups.every((group) => free.includes(group)),
    )
    for (const group of free) {
      // From the begin of the group, without a gap: what was received too often, then what was answered.
      const list = world.jobs.filter((message) => message.group === group)
      const moved = list.filter((message) => buried.includes(message))
      const answered = got.filter(({ Attributes }) => Attributes.MessageGroupId === group)
      const first = list.slice(0, moved.length + answered.length)
      expect([...moved.map(({ body }) => body), ...answered.map(({ Body }) => Body)]).toEqual(
        first.map(({ body }) => body),
      )
      first.slice(moved.length).forEach((message, at) => {
        expect(message.receives).toBeLessThan(maxReceiveCount)
        if (message.handle !== undefined) world.stale.push(message.handle)
        message.id = answered[at]?.MessageId
        message.handle = answered[at]?.ReceiptHandle
        message.receives++
        message.visibleAt = world.now + visibility * 1000
        expect(answered[at]?.Attributes.ApproximateReceiveCount).toBe(String(message.receives))
      })
    }
    for (const message of buried) bury(world, message)
    // As many as there are, up to what was asked for.
    const left = world.jobs.filter(({ group, body }) => free.includes(group) && !got.some(({ Body }) => Body === body))
    if (got.length < most) expect(left).toEqual([])
  })

function bury(world: World, message: ModelMessage) {
  world.jobs = world.jobs.filter((other) => other !== message)
  if (message.handle !== undefined) world.gone.push(message.handle)
  world.dead.push({ ...message, visibleAt: world.now })
}

const held = (world: World, pick: number) => {
  const all = world.jobs.filter(({ handle }) => handle !== undefined)
  return all.length === 0 ? undefined : all[pick % all.length]
}

const remove = (pick: number) =>
  command(`delete(${pick})`, async (world, { ask }) => {
    const message = held(world, pick)
    if (message === undefined) return
    const asked = ask('DeleteMessage', { QueueUrl: jobs, ReceiptHandle: message.handle })
    if (!inFlight(world)(message)) return expect(asked).rejects.toMatchObject({ code: 'invalid-parameter' })
    await asked
    world.jobs = world.jobs.filter((other) => other !== message)
    world.gone.push(message.handle ?? '')
  })

const removeOld = (pick: number) =>
  command(`delete old(${pick})`, async (world, { ask }) => {
    const old = [...world.gone, ...world.stale]
    const handle = old[pick % Math.max(1, old.length)]
    if (handle === undefined) return
    const isGone = world.gone.includes(handle)
    const answer = ask('DeleteMessage', { QueueUrl: jobs, ReceiptHandle: handle }).then(
      () => 'deleted',
      (error: { code: string }) => error.code,
    )
    // An older handle of a message that is gone by now is as good as its last.
    if (isGone) expect(await answer).toBe('deleted')
    else expect(['deleted', 'invalid-parameter']).toContain(await answer)
  })

const change = (pick: number, visibility: number) =>
  command(`change(${pick}, ${visibility})`, async (world, { ask }) => {
    const message = held(world, pick)
    if (message === undefined) return
    const asked = ask('ChangeMessageVisibility', {
      QueueUrl: jobs,
      ReceiptHandle: message.handle,
      VisibilityTimeout: visibility,
    })
    if (!inFlight(world)(message)) return expect(asked).rejects.toMatchObject({ code: 'invalid-parameter' })
    await asked
    message.visibleAt = world.now + visibility * 1000
  })

const redrive = () =>
  command('redrive', async (world, { queues }) => {
    expect(queues.redrive(dead)).toEqual({ moved: world.dead.length })
    for (const { body, group } of world.dead) {
      world.jobs.push({ id: undefined, body, group, visibleAt: world.now, receives: 0, handle: undefined })
    }
    world.dead = []
  })

const advance = (seconds: number) =>
  command(`advance(${seconds})`, async (world, { clock }) => {
    await clock.advance(seconds * 1000)
    world.now += seconds * 1000
  })

const countAll = () =>
  command('count', async (world, { ask }) => {
    const answer = await ask('GetQueueAttributes', { QueueUrl: jobs, AttributeNames: ['All'] })
    const flying = world.jobs.filter(inFlight(world)).length
    expect(answer.Attributes).toMatchObject({
      ApproximateNumberOfMessages: String(world.jobs.length - flying),
      ApproximateNumberOfMessagesNotVisible: String(flying),
    })
  })

const group = fc.constantFrom('a', 'b', 'c')
const seconds = fc.constantFrom(0, 1, 5, 30)
const commands = fc.commands(
  [
    fc.tuple(group, fc.nat(30)).map(([name, id]) => send(name, `d${id}`)),
    fc.tuple(fc.integer({ min: 1, max: 10 }), seconds).map(([most, visibility]) => receive(most, visibility)),
    fc.nat().map(remove),
    fc.nat().map(removeOld),
    fc.tuple(fc.nat(), seconds).map(([pick, visibility]) => change(pick, visibility)),
    fc.constantFrom(1, 5, 30, 300).map(advance),
    fc.constant(null).map(redrive),
    fc.constant(null).map(countAll),
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
  queues.ensureQueue(dead, { FifoQueue: 'true' })
  queues.ensureQueue(jobs, {
    FifoQueue: 'true',
    ...redriveTo(dead, maxReceiveCount),
  })
})
afterAll(() => store.close())

it('a FIFO queue does what the model does', { timeout: 120_000 }, async () => {
  const ask: Real['ask'] = async (operation, input) => (await queues.operations[operation].perform(input, caller)) ?? {}
  const law = fc.assert(
    fc.asyncProperty(commands, async (list) => {
      queues.reset()
      const model: World = { now: clock.now(), jobs: [], dead: [], accepted: new Map(), gone: [], stale: [] }
      await fc.asyncModelRun(() => ({ model, real: { clock, queues, ask } }), list)
    }),
    { numRuns: 1000 },
  )
  await expect(law).resolves.toBeUndefined()
})
