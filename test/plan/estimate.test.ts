import { describe, expect, it } from 'vitest'
import { mend } from '../../load/plan/advice.ts'
import { estimate, foretell, spanInWords } from '../../load/plan/estimate.ts'
import { modelSchema, type ModelInput } from '../../load/plan/model.ts'

const modelOf = (input: ModelInput = {}) => modelSchema.parse(input)
const bottleneckOf = (input: ModelInput) => estimate(modelOf(input)).bottleneck?.name

describe('the arithmetic', () => {
  it('foretells 50,000 at 14 and at 28 mails a second', () => {
    expect(foretell(modelOf({ mail: { rate: 14 } }))).toBe('rate 14/s: 59.5 minutes, cannot pass')
    expect(foretell(modelOf({ mail: { rate: 28 } }))).toBe('rate 28/s: 29.7 minutes, passes')
    expect(foretell(modelOf())).toBe('nothing in the model takes time: 0 ms, passes')
  })

  it('names what takes longest', () => {
    expect(bottleneckOf({})).toBeUndefined()
    expect(bottleneckOf({ mail: { rate: 14 } })).toBe('mail rate')
    expect(bottleneckOf({ mail: { rate: 28, latency: '500ms' } })).toBe('workers')
    expect(bottleneckOf({ mail: { rate: 100, latency: '100ms' }, certificate: { render: '400ms' } })).toBe(
      'certificate',
    )
    expect(bottleneckOf({ certificate: { render: '10ms', store: '400ms' } })).toBe('object store')
    expect(bottleneckOf({ mail: { rate: 100 }, ingest: { latency: '3s' } })).toBe('ingest')
    expect(bottleneckOf({ mail: { rate: 100 }, ingest: { rate: 20 } })).toBe('ingest')
    expect(bottleneckOf({ mail: { rate: 100 }, callback: { latency: '20s' } })).toBe('callback')
    expect(bottleneckOf({ mail: { rate: 100, daily_quota: 50_000, sent_today: 1 } })).toBe('daily quota')
    expect(bottleneckOf({ recipients: 100, workers: { start_up: '2m' } })).toBe('start-up')
    expect(bottleneckOf({ recipients: 100, mail: { rate: 100, error_rate: 0.1 } })).toBe('retries')
  })

  it('lets a worker do its recipients one after the other, or some at once, but no more than a message has', () => {
    const slow: ModelInput = { recipients: 1000, workers: { count: 5, at_once: 1 }, mail: { latency: '1s' } }
    const workersMs = (workers: ModelInput['workers']) =>
      estimate(modelOf({ ...slow, workers })).stages.find(({ name }) => name === 'workers')?.aloneMs
    expect(workersMs({ count: 5 })).toBe(200_000)
    expect(workersMs({ count: 5, at_once: 10 })).toBe(20_000)
    expect(workersMs({ count: 5, at_once: 1000 })).toBe(1000)
    // Five messages: more workers than that have nothing to do, four need two rounds.
    expect(workersMs({ count: 100 })).toBe(200_000)
    expect(workersMs({ count: 4 })).toBe(400_000)
  })

  it('waits days for a daily quota', () => {
    const { makespanMs } = estimate(modelOf({ mail: { daily_quota: 20_000, sent_today: 5000 } }))
    expect(spanInWords(makespanMs)).toBe('2 days')
  })
})

describe('the advice', () => {
  const changed = (input: ModelInput) =>
    mend(modelOf(input))?.changes.map(({ setting, from, to }) => `${setting} ${from} → ${to}`)

  it('is the least change that keeps the budget', () => {
    expect(changed({ mail: { rate: 28 } })).toEqual([])
    expect(changed({ mail: { rate: 14 } })).toEqual(['mail.rate 14 → 28'])
    expect(changed({ mail: { rate: 2 }, recipients: 9000 })).toEqual(['mail.rate 2 → 5'])
    expect(changed({ mail: { latency: '500ms' } })).toEqual(['workers.count 4 → 14'])
    expect(changed({ mail: { daily_quota: 50_000, sent_today: 200 } })).toEqual(['mail.daily_quota 50000 → 50200'])
    expect(changed({ ingest: { latency: '20s' } })).toEqual(['ingest.batch 200 → 556'])
    expect(changed({ ingest: { rate: 20 } })).toEqual(['ingest.rate 20 → 28'])
    expect(changed({ callback: { latency: '60s' } })).toEqual(['callback.at_once 4 → 9'])
    expect(changed({ recipients: 100, workers: { start_up: '1h' } })).toEqual(['workers.start_up 3600000 → 1800000'])
  })

  it('names another setting that would do as well', () => {
    const [change] = mend(modelOf({ mail: { latency: '500ms' } }))?.changes ?? []
    expect(change).toMatchObject({ setting: 'workers.count', or: { setting: 'workers.at_once', to: 4 } })
    expect(estimate(modelOf({ mail: { latency: '500ms' }, workers: { at_once: 4 } })).makespanMs).toBeLessThan(
      1_800_000,
    )
    expect(estimate(modelOf({ mail: { latency: '500ms' }, workers: { at_once: 3 } })).makespanMs).toBeGreaterThan(
      1_800_000,
    )
  })

  it('is more than one where more than one holds it up', () => {
    expect(changed({ mail: { rate: 14, latency: '500ms' } })).toEqual(['workers.count 4 → 14', 'mail.rate 14 → 28'])
  })

  it('is more at once where a single message takes too long', () => {
    expect(changed({ budget: '1m', recipients: 1000, workers: { count: 5 }, mail: { latency: '1s' } })).toEqual([
      'workers.at_once 1 → 4',
    ])
  })

  it('is none where no setting would do', () => {
    expect(changed({ budget: '100ms', recipients: 1, callback: { delay: '1s' } })).toBeUndefined()
    expect(changed({ budget: '4s', mail: { error_rate: 0.1 } })).toBeUndefined()
  })
})
