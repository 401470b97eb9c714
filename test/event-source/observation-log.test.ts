import { expect, it } from 'vitest'
import { openStore } from '../../emulator/kernel/store.ts'
import { createObservationLog, type LogEntry } from '../../emulator/worker/observer/observation-log.ts'

const mail = (at: number): LogEntry => ({ kind: 'mail', at, address: 'ann@example.com' })

it('keeps so much of a job, and says where more was seen', async () => {
  const store = openStore({})
  const onError = (error: unknown) => {
    throw error
  }
  const log = createObservationLog({ store, onError, mostEntries: 3 })
  for (let at = 0; at < 10; at++) log.add(1, mail(at))
  log.add(2, mail(0))
  for (let body = 0; body < 30; body++) log.add(3, { kind: 'shared-html', body: String(body), html: '<p>x</p>' })
  await log.drained()
  store.tx(() => log.tell(2, new Map([['mailed-twice', 'twice']])))
  const loaded = createObservationLog({ store, onError, mostEntries: 3 })
  expect(loaded.load()).toEqual([
    { jobId: 1, entries: [mail(0), mail(1), mail(2), { kind: 'cut' }], told: new Map() },
    { jobId: 2, entries: [mail(0)], told: new Map([['mailed-twice', 'twice']]) },
    expect.objectContaining({ jobId: 3 }),
  ])
  // What was cut stays so, and what is full takes no more.
  loaded.add(1, mail(11))
  loaded.forget(2)
  loaded.forget(3)
  await loaded.drained()
  expect(loaded.load().map(({ jobId, entries }) => [jobId, entries.length])).toEqual([[1, 4]])
  store.close()
})

it('keeps the html of twenty bodies that several got: one is evidence enough', async () => {
  const store = openStore({})
  const log = createObservationLog({ store, onError: () => undefined })
  for (let body = 0; body < 30; body++) log.add(1, { kind: 'shared-html', body: String(body), html: '<p>x</p>' })
  await log.drained()
  expect(log.load()[0]?.entries).toHaveLength(20)
  store.close()
})

it('reads so much at a start, of the newest jobs; of the others only what they carry', async () => {
  const store = openStore({})
  const onError = (error: unknown) => {
    throw error
  }
  const log = createObservationLog({ store, onError })
  const message: LogEntry = { kind: 'message', messageId: 'm', recipients: ['1'] }
  for (const job of [1, 2]) {
    log.add(job, message)
    for (let at = 0; at < 10; at++) log.add(job, mail(at))
  }
  await log.drained()
  for (let start = 0; start < 2; start++) {
    const loaded = createObservationLog({ store, onError, mostLoaded: 12 }).load()
    expect(loaded.map(({ jobId, entries }) => [jobId, entries.length])).toEqual([
      [1, 2],
      [2, 11],
    ])
    expect(loaded[0]?.entries).toEqual([message, { kind: 'cut' }])
  }
  store.close()
})
