import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { CallbackTransport } from '../../emulator/worker/callbacks/transport.ts'
import { startReceiver } from './receiver.ts'
import { content, setUp } from './set-up.ts'

describe('while the answer to a submit is not flushed', () => {
  it("the job's callbacks are held, and the delay begins at the release", async () => {
    const receiver = await startReceiver()
    const { add, callbacks, pass } = setUp({ url: receiver.url, settings: { delayMs: 1000 } })
    callbacks.hold(7, 'held')
    add({ job: 'held' })
    add({ job: 'other' })
    await pass(60_000)
    expect(receiver.requests).toHaveLength(1)
    expect(callbacks.list({ limit: 10, state: 'waiting' }).map(({ job }) => job)).toEqual(['held'])
    callbacks.release(7, 'held')
    await pass(999)
    expect(receiver.requests).toHaveLength(1)
    await pass(1)
    expect(receiver.requests).toHaveLength(2)
  })

  it('a callback that was made before the release and is due after it waits for the delay too', async () => {
    const receiver = await startReceiver()
    const { add, callbacks, pass } = setUp({ url: receiver.url, settings: { delayMs: 1000 } })
    callbacks.hold(7, 'job-1')
    add()
    await pass(900)
    callbacks.release(7, 'job-1')
    await pass(999)
    expect(receiver.requests).toHaveLength(0)
    await pass(1)
    expect(receiver.requests).toHaveLength(1)
  })

  it('every one of several submits of the job must be released', async () => {
    const receiver = await startReceiver()
    const { add, callbacks, pass } = setUp({ url: receiver.url })
    callbacks.hold(7, 'job-1')
    callbacks.hold(7, 'job-1')
    add()
    await pass(0)
    callbacks.release(7, 'job-1')
    await pass(0)
    expect(receiver.requests).toHaveLength(0)
    callbacks.release(7, 'job-1')
    await pass(0)
    expect(receiver.requests).toHaveLength(1)
  })

  it('a hold of another tenant with the same job id holds nothing here', async () => {
    const receiver = await startReceiver()
    const { add, callbacks, pass } = setUp({ url: receiver.url })
    callbacks.hold(8, 'job-1')
    add()
    await pass(0)
    expect(receiver.requests).toHaveLength(1)
  })
})

describe('a restart', () => {
  const folder = () => {
    const directory = mkdtempSync(join(tmpdir(), 'callbacks-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    return directory
  }

  it('keeps the schedule of what waits for its next attempt', async () => {
    const directory = folder()
    const receiver = await startReceiver(() => ({ status: 500 }))
    const before = setUp({ directory, url: receiver.url })
    const id = before.add()
    await before.callbacks.whenIdle()
    await before.pass(5000)
    const { dueAt, attempts } = before.callbacks.get(id)
    expect(attempts).toBe(2)
    await before.close()

    const after = setUp({ directory, url: receiver.url, now: (dueAt ?? 0) - 10 })
    expect(after.callbacks.get(id)).toMatchObject({ state: 'waiting', attempts: 2, dueAt })
    await after.pass(9)
    expect(receiver.requests).toHaveLength(2)
    await after.pass(1)
    expect(receiver.requests).toHaveLength(3)
    await after.pass(120_000)
    expect(after.callbacks.get(id)).toMatchObject({ state: 'dead', attempts: 4 })
  })

  it('sends at once what was in flight, without counting the attempt that was cut off', async () => {
    const directory = folder()
    const hanging = await startReceiver((nth) => (nth === 0 ? () => {} : { status: 200 }))
    const before = setUp({ directory, url: hanging.url })
    const id = before.add()
    await hanging.received(1)
    expect(before.callbacks.get(id).state).toBe('delivering')
    await before.close()

    const after = setUp({ directory, url: hanging.url, now: before.clock.now() })
    await after.callbacks.whenIdle()
    expect(hanging.requests).toHaveLength(2)
    expect(after.callbacks.get(id)).toMatchObject({ state: 'delivered', attempts: 1 })
  })

  it('with another --callback-url sends what waits there', async () => {
    const directory = folder()
    const old = await startReceiver(() => ({ status: 500 }))
    const before = setUp({ directory, url: old.url })
    before.add()
    await before.callbacks.whenIdle()
    await before.close()

    const receiver = await startReceiver()
    const after = setUp({ directory, url: receiver.url })
    await after.pass(5000)
    expect([old.requests.length, receiver.requests.length]).toEqual([1, 1])
  })
})

/** A transport whose answers the test gives. */
function answeredByHand() {
  const open: { job: string; answer: (status: number) => void }[] = []
  const send: CallbackTransport = ({ body }) =>
    new Promise((resolve) => {
      const job = String((JSON.parse(body) as { job_id: unknown }).job_id)
      open.push({ job, answer: (status) => resolve({ status, headers: {}, body: '' }) })
    })
  return { open, send }
}

it('a restart with another --callback-url keeps to 4 in flight for a tenant and host', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'callbacks-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const before = setUp({ directory, url: 'http://127.0.0.1:1/', settings: { delayMs: 1000 } })
  for (let nth = 0; nth < 5; nth++) before.add()
  await before.close()

  const { open, send } = answeredByHand()
  const { add, clock } = setUp({ directory, url: 'http://127.0.0.1:2/', send })
  for (let nth = 0; nth < 5; nth++) add()
  await clock.advance(1000)
  expect(open).toHaveLength(4)
})

describe('a reset', () => {
  it('forgets the callbacks of a tenant, and what is in flight leaves no trace', async () => {
    const { open, send } = answeredByHand()
    const { add, callbacks, clock, store, events } = setUp({ url: 'http://127.0.0.1:1/', send })
    add({ tenant: 7 })
    const kept = add({ tenant: 8 })
    add({ tenant: 7, notBefore: clock.now() + 1000 })
    await clock.advance(0)
    expect(open).toHaveLength(2)
    callbacks.reset(7)
    add({ tenant: 7, job: 'after', notBefore: clock.now() + 5000 })
    for (const { answer } of open) answer(200)
    await clock.advance(1000)
    await callbacks.whenIdle()
    expect(callbacks.list({ limit: 10 }).map(({ tenant, job, state }) => [tenant, job, state])).toEqual([
      [7, 'after', 'waiting'],
      [8, 'job-1', 'delivered'],
    ])
    expect(store.all('SELECT * FROM callback_attempts')).toHaveLength(1)
    const attempts = events().filter(({ type }) => type === 'callback.attempt')
    expect(attempts).toEqual([expect.objectContaining({ callback: kept })])
    callbacks.reset()
    expect(callbacks.list({ limit: 10 })).toEqual([])
    await clock.advance(10_000)
    expect(open).toHaveLength(2)
  })
})

describe('the sender', () => {
  it('has at most 16 in flight, and 4 for one tenant and host', async () => {
    const { open, send } = answeredByHand()
    const { add, clock } = setUp({ send })
    for (let tenant = 1; tenant <= 3; tenant++) {
      for (let port = 1; port <= 2; port++) {
        const url = `http://127.0.0.1:${port}/`
        for (let nth = 0; nth < 10; nth++) {
          add({ tenant, url, content: content({ jobId: `${tenant} ${port}` }) })
        }
      }
    }
    await clock.advance(0)
    expect(open).toHaveLength(16)
    const lanes = new Map<string, number>()
    for (const { job } of open) lanes.set(job, (lanes.get(job) ?? 0) + 1)
    expect(Math.max(...lanes.values())).toBeLessThanOrEqual(4)
    expect(lanes.size).toBe(6)
    for (const { answer } of open) answer(200)
    await clock.advance(0)
    expect(open).toHaveLength(32)
  })

  it('lets no tenant wait behind a large one, whatever its number of hosts', async () => {
    const { open, send } = answeredByHand()
    const { add, clock } = setUp({ send })
    for (let nth = 0; nth < 400; nth++) {
      add({ tenant: 1, url: `http://127.0.0.1:${1 + (nth % 8)}/`, content: content({ jobId: 'large' }) })
    }
    for (let nth = 0; nth < 5; nth++)
      add({ tenant: 2, url: 'http://127.0.0.1:9/', content: content({ jobId: 'small' }) })
    await clock.advance(0)
    expect(open.filter(({ job }) => job === 'small')).toHaveLength(4)
    open.find(({ job }) => job === 'small')?.answer(200)
    await clock.advance(0)
    expect(open.filter(({ job }) => job === 'small')).toHaveLength(5)
  })

  it('goes on with the others while a receiver hangs or has much to retry', async () => {
    const broken = await startReceiver(() => ({ status: 500 }))
    const hanging = await startReceiver(() => () => {})
    const good = await startReceiver()
    const { add, clock } = setUp()
    for (let nth = 0; nth < 30; nth++) {
      add({ url: hanging.url })
      add({ url: broken.url })
      add({ url: good.url })
    }
    await Promise.all([good.received(30), broken.received(30), hanging.received(4)])
    await clock.advance(0)
    expect([good.requests.length, broken.requests.length, hanging.requests.length]).toEqual([30, 30, 4])
  })

  it('delivers each of a thousand callbacks once', async () => {
    const receiver = await startReceiver()
    const { store, add, callbacks } = setUp({ url: receiver.url })
    store.tx(() => {
      for (let nth = 0; nth < 1000; nth++) add({ content: content({ jobId: nth }) })
    })
    await callbacks.whenIdle()
    const jobs = receiver.requests.map(({ body }) => (JSON.parse(body.toString()) as { job_id: number }).job_id)
    expect(jobs.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, nth) => nth))
    expect(callbacks.summary(7, 'job-1')).toMatchObject({ delivered: 1000, waiting: 0 })
  })

  it('stops in time although a receiver hangs, and sends nothing after that', async () => {
    const { open, send } = answeredByHand()
    const { add, callbacks, clock } = setUp({ url: 'http://127.0.0.1:1/', send })
    for (let nth = 0; nth < 10; nth++) add()
    await clock.advance(0)
    const stopped = callbacks.stop()
    await clock.advance(2000)
    await stopped
    for (const { answer } of open) answer(200)
    await clock.advance(60_000)
    expect(open).toHaveLength(4)
  })
})

describe('a replay', () => {
  it('of a dead callback sends it at once, signed anew, and begins the schedule again', async () => {
    let status = 500
    const receiver = await startReceiver(() => ({ status }))
    const { add, callbacks, pass } = setUp({ url: receiver.url, settings: { retryScheduleMs: [1000] } })
    const id = add()
    await pass(0)
    await pass(1000)
    expect(callbacks.get(id)).toMatchObject({ state: 'dead', attempts: 2 })

    await pass(3_600_000)
    expect(callbacks.replay(id)).toMatchObject({ state: 'waiting', attempts: 2, settledAt: null })
    await pass(0)
    expect(callbacks.get(id)).toMatchObject({ state: 'waiting', attempts: 3 })
    status = 200
    await pass(1000)
    expect(callbacks.get(id)).toMatchObject({ state: 'delivered', attempts: 4 })
    const stamps = receiver.requests.map(({ body }) => (JSON.parse(body.toString()) as { timestamp: number }).timestamp)
    expect(stamps.map((stamp) => stamp - (stamps[0] ?? 0))).toEqual([0, 1, 3601, 3602])
  })

  it('of a delivered callback sends it again; a beginning of its id is enough', async () => {
    const receiver = await startReceiver()
    const { add, callbacks, pass } = setUp({ url: receiver.url })
    const id = add()
    await pass(0)
    expect(callbacks.replay(id.slice(0, 6)).id).toBe(id)
    await pass(0)
    expect(receiver.requests).toHaveLength(2)
    expect(callbacks.get(id)).toMatchObject({ state: 'delivered', attempts: 2 })
  })

  it('of what waits does not wait for the schedule', async () => {
    const receiver = await startReceiver((nth) => ({ status: nth === 0 ? 500 : 200 }))
    const { add, callbacks, pass } = setUp({ url: receiver.url })
    const id = add()
    await pass(0)
    callbacks.replay(id)
    await pass(0)
    expect(callbacks.get(id)).toMatchObject({ state: 'delivered', attempts: 2 })
    await pass(3_600_000)
    expect(receiver.requests).toHaveLength(2)
  })

  it('of an unknown id, or of a beginning that several have, is refused', () => {
    const { add, callbacks } = setUp({ url: 'http://127.0.0.1:1/', settings: { delayMs: 1000 } })
    for (let nth = 0; nth < 17; nth++) add()
    expect(() => callbacks.replay('nobody')).toThrow(expect.objectContaining({ code: 'callback-not-found' }))
    expect(() => callbacks.replay('')).toThrow(expect.objectContaining({ code: 'callback-not-found' }))
    expect(() => callbacks.get("' OR 1=1 --")).toThrow(expect.objectContaining({ code: 'callback-not-found' }))
    const firsts = callbacks.list({ limit: 100 }).map(({ id }) => id.slice(0, 1))
    const shared = firsts.find((first, nth) => firsts.indexOf(first) !== nth) ?? ''
    expect(() => callbacks.replay(shared)).toThrow(expect.objectContaining({ code: 'callback-ambiguous' }))
  })
})

describe('the list', () => {
  it('is by tenant, job and state, the newest first, page by page', async () => {
    const { open, send } = answeredByHand()
    const { add, callbacks, clock } = setUp({ url: 'http://127.0.0.1:1/', send })
    const ids: string[] = []
    for (let nth = 0; nth < 6; nth++) ids.unshift(add({ tenant: 7 + (nth % 2), job: `job-${nth % 3}` }))
    ids.unshift(add({ url: 'http://example.com/' }))
    const idsOf = (query: Partial<Parameters<typeof callbacks.list>[0]>) =>
      callbacks.list({ limit: 100, ...query }).map(({ id }) => id)
    expect(idsOf({})).toEqual(ids)
    expect(idsOf({ limit: 3 })).toEqual(ids.slice(0, 3))
    expect(idsOf({ limit: 3, after: ids[2] })).toEqual(ids.slice(3, 6))
    expect(idsOf({ tenant: 8 })).toEqual([ids[1], ids[3], ids[5]])
    expect(idsOf({ tenant: 8, job: 'job-2' })).toEqual([ids[1]])
    expect(idsOf({ state: 'parked' })).toEqual([ids[0]])
    await clock.advance(0)
    expect(idsOf({ state: 'delivering' })).toHaveLength(6)
    expect(idsOf({ state: 'waiting' })).toEqual([])
    open[0]?.answer(200)
    await clock.advance(10)
    expect(idsOf({ state: 'delivering' })).toHaveLength(5)
    expect(idsOf({ state: 'delivered' })).toHaveLength(1)
  })
})
