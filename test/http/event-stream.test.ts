import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import Fastify from 'fastify'
import { expect, it, onTestFinished } from 'vitest'
import { eventStream } from '../../emulator/http/control/events.ts'
import { systemClock } from '../../emulator/kernel/clock.ts'
import { createJournal } from '../../emulator/kernel/journal.ts'
import { openStore } from '../../emulator/kernel/store.ts'

async function journalOnAPort() {
  const store = openStore({})
  const journal = createJournal({ store, clock: systemClock() })
  const app = Fastify({ forceCloseConnections: true })
  /** The most that waited in memory for the client, in bytes. */
  const waited = { most: 0 }
  app.get('/events', (incoming, reply) => {
    const { raw } = reply
    const write = raw.write.bind(raw) as (chunk: string) => boolean
    raw.write = (chunk: string) => {
      const more = write(chunk)
      waited.most = Math.max(waited.most, raw.writableLength)
      return more
    }
    return eventStream(journal, incoming, reply)
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(async () => {
    await app.close()
    store.close()
  })
  const record = (count: number, reason = '') =>
    store.tx(() => {
      for (let n = 0; n < count; n++) journal.record({ type: 'job.refused', via: 'api', status: 400, reason })
    })
  const open = async (path: string, headers: Record<string, string> = {}) => {
    const call = request(`${url}${path}`, { headers })
    call.end()
    const [answer] = (await once(call, 'response')) as [IncomingMessage]
    onTestFinished(() => void answer.destroy())
    return answer
  }
  return { record, open, waited }
}

/** Reads a stream's events: `next` resolves with the ids of the next so many. */
function reader(answer: IncomingMessage) {
  let found: number[] = []
  let pending = ''
  let heard = () => {}
  answer.setEncoding('utf8').on('data', (chunk: string) => {
    const messages = (pending + chunk).split('\n\n')
    pending = messages.pop() ?? ''
    for (const message of messages) {
      const id = /^id: (\d+)$/m.exec(message)?.[1]
      if (id !== undefined) found.push(Number(id))
    }
    heard()
  })
  return {
    next: (count: number) =>
      new Promise<number[]>((resolve) => {
        heard = () => {
          if (found.length < count) return
          heard = () => {}
          resolve(found.slice(0, count))
          found = found.slice(count)
        }
        heard()
      }),
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at)

it('begins now, or after an id without a gap or a repetition, whatever is recorded meanwhile', async () => {
  const { record, open } = await journalOnAPort()
  record(2500)
  const [fresh, resumed, ahead] = await Promise.all([
    open('/events').then(reader),
    open('/events?after=1').then(reader),
    open('/events', { 'last-event-id': '999999' }).then(reader),
  ])
  record(5)
  expect(await fresh.next(5)).toEqual(range(2501, 2505))
  expect(await ahead.next(5)).toEqual(range(2501, 2505))
  expect(await resumed.next(2504)).toEqual(range(2, 2505))
})

it('a client that does not read holds little memory, and gets everything when it reads', async () => {
  const { record, open, waited } = await journalOnAPort()
  const kilobyte = 'x'.repeat(1024)
  record(10_000, kilobyte)
  // Nobody listens for its data yet, so nothing is read.
  const answer = await open('/events?after=0')
  for (let turn = 0; turn < 20; turn++) {
    record(500, kilobyte)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { next } = reader(answer)
  expect(await next(20_000)).toEqual(range(1, 20_000))
  expect(waited.most).toBeLessThan(4 * 1024 * 1024)
  record(1)
  expect(await next(1)).toEqual([20_001])
})
