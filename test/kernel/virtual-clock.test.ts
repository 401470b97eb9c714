import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { outside, sleep, systemClock, virtualClock } from '../../emulator/kernel/clock.ts'

it('goes from timer to timer until it is told that it is enough', async () => {
  const clock = virtualClock(0)
  const fired: number[] = []
  for (const at of [30, 10, 20]) clock.at(at, () => fired.push(at))
  expect(await clock.run({ until: () => fired.length === 2 })).toBe(true)
  expect([fired, clock.now()]).toEqual([[10, 20], 20])
  expect(await clock.run({ until: () => false, limitMs: 5 })).toBe(false)
  expect([fired, clock.now()]).toEqual([[10, 20], 20])
  expect(await clock.run({ until: () => false })).toBe(false)
  expect([fired, clock.now()]).toEqual([[10, 20, 30], 30])
})

it('lets work of any depth end before time goes on', async () => {
  const clock = virtualClock(0)
  const seen: string[] = []
  const deep = async () => {
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    seen.push(`work at ${clock.now()}`)
  }
  clock.at(1, () => void deep())
  clock.at(2, () => seen.push(`timer at ${clock.now()}`))
  await clock.advance(10)
  expect(seen).toEqual(['work at 1', 'timer at 2'])
})

it('is not held up by another that is told to move at the same time', async () => {
  const clocks = [virtualClock(0), virtualClock(0), virtualClock(0)]
  const fired: number[] = []
  clocks.forEach((clock, nth) => clock.at(5, () => fired.push(nth)))
  await Promise.all([...clocks, ...clocks].map((clock) => clock.advance(10)))
  expect(fired.toSorted()).toEqual([0, 1, 2])
})

it('stands still while something outside is waited for, whose results come in the order of its beginning', async () => {
  const clock = virtualClock(0)
  const seen: string[] = []
  const slow = async (name: string, files: number) => {
    for (let n = 0; n < files; n++) await readFile(new URL(import.meta.url))
    return name
  }
  clock.at(1, () => {
    for (const [name, files] of [['long', 20] as const, ['short', 1] as const]) {
      void outside(clock, () => slow(name, files)).then((ended) => seen.push(`${ended} at ${clock.now()}`))
    }
  })
  clock.at(2, () => seen.push(`timer at ${clock.now()}`))
  await clock.advance(10)
  expect(seen).toEqual(['long at 1', 'short at 1', 'timer at 2'])
  const failing = outside(clock, () => Promise.reject(new Error('no')))
  await expect(Promise.all([failing, clock.settle()])).rejects.toThrow('no')
  expect(await outside(systemClock(), () => slow('real', 1))).toBe('real')
})

it('fires what is not cancelled, in order of time and then of setting, however many there are', async () => {
  const timer = fc.record({ at: fc.integer({ min: 0, max: 50 }), cancelled: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(fc.array(timer, { maxLength: 300 }), async (drawn) => {
      const clock = virtualClock(0)
      const fired: [at: number, index: number][] = []
      const set = drawn.map(({ at }, index) => clock.at(at, () => fired.push([clock.now(), index])))
      drawn.forEach(({ cancelled }, index) => {
        if (cancelled) set[index]?.cancel()
      })
      await clock.advance(50)
      const kept = drawn.flatMap(({ at, cancelled }, index) => (cancelled ? [] : [[at, index] as const]))
      expect(fired).toEqual(kept.toSorted(([a, i], [b, j]) => a - b || i - j))
    }),
    { numRuns: 30 },
  )
})

it('is in whole milliseconds, and never before the time that was asked for', async () => {
  const clock = virtualClock(0)
  const woken = sleep(clock, 0.4).then(() => clock.now())
  await clock.advance(1)
  expect(await woken).toBe(1)
})
