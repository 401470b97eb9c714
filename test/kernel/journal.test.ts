import { expect, it, onTestFinished } from 'vitest'
import type { JournalEvent } from '../../contracts/events.ts'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import { createJournal, type JournalEntry } from '../../emulator/kernel/journal.ts'
import { openStore } from '../../emulator/kernel/store.ts'

function opened() {
  const errors: unknown[] = []
  const store = openStore({ onError: (error) => errors.push(error) })
  onTestFinished(() => store.close())
  return { store, errors, journal: createJournal({ store, clock: virtualClock(1000) }) }
}

const event = (boot: number): JournalEvent => ({ type: 'emulator.started', boot, recovered: 0 })

it('tells what has become durable, in order, and nothing of what was undone', () => {
  const { store, journal } = opened()
  const heard: JournalEntry[] = []
  const stop = journal.subscribe((entry) => heard.push(entry))
  expect(() =>
    store.tx(() => {
      journal.record(event(1))
      throw new Error('undone')
    }),
  ).toThrow('undone')
  store.tx(() => {
    journal.record(event(2))
    journal.record(event(3))
    expect(heard).toEqual([])
  })
  journal.record(event(4))
  stop()
  journal.record(event(5))
  expect(heard.map((entry) => entry.event)).toEqual([event(2), event(3), event(4)])
  expect(journal.read().slice(0, 3)).toEqual(heard)
})

it('a listener that throws harms neither the change nor the other listeners', () => {
  const { store, journal, errors } = opened()
  const heard: number[] = []
  journal.subscribe(() => {
    throw new Error('listener')
  })
  journal.subscribe(({ id }) => heard.push(id))
  journal.record(event(1))
  expect(store.tx(() => journal.record(event(2)))).toBeUndefined()
  expect(heard).toEqual([1, 2])
  expect(errors).toEqual([new Error('listener'), new Error('listener')])
})

it('reads from an id on, the oldest or the newest so many, and those of one job', () => {
  const { journal } = opened()
  const refused = (job?: string): JournalEvent => ({
    type: 'job.refused',
    via: 'api',
    status: 400,
    reason: '',
    ...(job === undefined ? {} : { job }),
  })
  for (const job of ['a', undefined, 'a', 'b', 'a']) journal.record(refused(job))
  const ids = (entries: JournalEntry[]) => entries.map(({ id }) => id)
  expect(ids(journal.read())).toEqual([1, 2, 3, 4, 5])
  expect(ids(journal.read({ after: 1, first: 2 }))).toEqual([2, 3])
  expect(ids(journal.read({ after: 1, last: 2 }))).toEqual([4, 5])
  expect(ids(journal.read({ job: 'a', last: 2 }))).toEqual([3, 5])
  expect(ids(journal.read({ job: 'a', first: 2 }))).toEqual([1, 3])
})
