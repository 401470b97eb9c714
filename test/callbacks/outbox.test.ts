import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { CallbackAnswer, CallbackTransport } from '../../emulator/worker/callbacks/transport.ts'
import { startReceiver } from './receiver.ts'
import { setUp } from './set-up.ts'

const accepted: CallbackAnswer = { status: 200, headers: {}, body: '' }

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

describe('a reset', () => {
  it('forgets the callbacks of a tenant, and those in flight leave no trace', async () => {
    const answers: (() => void)[] = []
    const send: CallbackTransport = () => new Promise((resolve) => answers.push(() => resolve(accepted)))
    const { add, callbacks, pass, store, events } = setUp({ url: 'http://127.0.0.1:1/', send })
    add({ tenant: 7 })
    add({ tenant: 8 })
    await pass(0).catch(() => {})
  })
})

describe('the sender', () => {
  it('has at most 16 in flight, 4 for a tenant and host, and serves the tenants by turns', async () => {
    const served: number[] = []
    const answers: (() => void)[] = []
    const send: CallbackTransport = ({ body }) =>
      new Promise((resolve) => {
        served.push((JSON.parse(body) as { job_id: number }).job_id)
        answers.push(() => resolve(accepted))
      })
    expect([send, served, answers]).toHaveLength(3)
  })
})
