import { expect, it } from 'vitest'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import { createLanes } from '../../emulator/worker/callbacks/lanes.ts'

it('what becomes due between the look at the lanes and the setting of the timer is not forgotten', async () => {
  const clock = virtualClock()
  const dueAt = clock.now() + 1
  const lanes = createLanes({ clock, perLane: 4, rowsOf: () => [{ seq: 1, due_at: dueAt }] })
  lanes.touch('7 host', 7, dueAt)
  const began = clock.now()
  expect(lanes.take()).toBeUndefined()
  await clock.advance(1)
  expect(lanes.nextDue(began)).toBe(dueAt)
  expect(lanes.take()).toEqual({ lane: '7 host', seq: 1 })
})
