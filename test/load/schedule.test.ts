import fc from 'fast-check'
import { expect, it } from 'vitest'
import { readSettings } from '../../load/k6/settings.ts'
import { risesOf } from '../../load/k6/rising.ts'
import { spikePhases, spikeRecipients } from '../../load/k6/spike-phases.ts'
import { kneeOf, stepOf } from '../../load/run/steps.ts'
import { percentilesOf } from '../../load/run/percentiles.ts'

it('reads what k6 is told, and names what is wrong', () => {
  expect(readSettings({})).toMatchObject({
    target: 'http://127.0.0.1:4566',
    way: 'api',
    recipients: 50_000,
    batch: 200,
  })
  expect(readSettings({ QUEUE_URL: 'https://sqs.eu-west-1.amazonaws.com/1/q', SHAPE: 'one-message' })).toMatchObject({
    way: 'sqs',
    region: 'eu-west-1',
    batch: 50_000,
  })
  expect(readSettings({ BUDGET: '90s', DURATION: '1m' })).toMatchObject({ budgetMs: 90_000, durationMs: 60_000 })
  expect(() => readSettings({ RECIPIENTS: 'many' })).toThrow('RECIPIENTS=many: must be a whole number')
  expect(() => readSettings({ DIALECT: 'klingon' })).toThrow('DIALECT=klingon: must be one of spec')
  expect(() => readSettings({ BUDGET: 'soon' })).toThrow('BUDGET=soon: must be a time')
})

it('doubles the rate while there is time, from the lowest to the highest', () => {
  expect(risesOf({ durationMs: 30_000, lowest: 28, highest: 448 }).map(({ rate }) => rate)).toEqual([
    28, 56, 112, 224, 448,
  ])
  fc.assert(
    fc.property(
      fc.integer({ min: 1000, max: 600_000 }),
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: 5000 }),
      (durationMs, lowest, more) => {
        const rises = risesOf({ durationMs, lowest, highest: lowest + more })
        expect(rises.at(-1)?.rate).toBe(lowest + more)
        expect(rises.reduce((sum, each) => sum + each.durationMs, 0)).toBeLessThanOrEqual(durationMs)
        let next = 0
        for (const { first, calls } of rises) {
          expect(first).toBe(next)
          next += calls
        }
      },
    ),
  )
})

it('makes a spike of ten times the usual rate', () => {
  const phases = spikePhases({ durationMs: 30_000, batch: 20 })
  expect(phases.map(({ rate, messages }) => [rate, messages])).toEqual([
    [28, 14],
    [280, 140],
    [28, 14],
  ])
  expect(spikeRecipients({ durationMs: 30_000, batch: 200 })).toBe(168 * 20)
})

it('finds percentiles by nearest rank', () => {
  expect(percentilesOf([])).toBeUndefined()
  expect(percentilesOf(Array.from({ length: 100 }, (_, at) => 100 - at))).toMatchObject({
    count: 100,
    mean: 50.5,
    p50: 50,
    p95: 95,
    p99: 99,
    max: 100,
  })
  expect(percentilesOf([7])).toMatchObject({ p50: 7, p99: 7, max: 7 })
})

const answers = (count: number, ms: number, ok = true, spread = 1000) =>
  Array.from({ length: count }, (_, at) => ({ at: at * (spread / count) + ms, ms, ok }))

it('finds the knee: the last rate whose answers keep up', () => {
  const base = stepOf(10, 1, answers(10, 20), undefined)
  const good = stepOf(20, 1, answers(20, 30), base.times)
  const slow = stepOf(40, 1, answers(40, 1500), base.times)
  const failing = stepOf(40, 1, answers(40, 20, false), base.times)
  const late = stepOf(40, 1, answers(40, 20, true, 2000), base.times)
  expect([base, good, slow, failing, late].map(({ holds }) => holds)).toEqual([true, true, false, false, false])
  expect(slow.why).toMatch(/a second were answered|p95/)
  expect(failing.why).toBe('40 of 40 failed')
  expect(late.why).toBe('only 20 a second were answered')
  expect(kneeOf([base, good, slow])).toBe(20)
  expect(kneeOf([base, good])).toBe(20)
  expect(kneeOf([stepOf(10, 1, [], undefined)])).toBe(0)
})
