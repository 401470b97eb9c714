import { expect, it } from 'vitest'
import { modelSchema, type ModelInput } from '../../load/plan/model.ts'
import { planOf } from '../../load/plan/plan.ts'
import { simulate } from '../../load/plan/simulate.ts'
import { bottleneckInWords, modelInWords, remedyInWords, verdictInWords } from '../../load/plan/words.ts'

const modelOf = (input: ModelInput) => modelSchema.parse(input)

it('says that a rate is too low, which one would do, and shows it by simulation', async () => {
  const seen: number[] = []
  const plan = await planOf(modelOf({ recipients: 560, budget: '19.1s', mail: { rate: 14 } }), {
    onProgress: ({ of, done }) => void (seen[of] = done),
  })
  // (560 − 14) / 14.
  expect(plan).toMatchObject({
    verdict: 'fail',
    makespanMs: expect.closeTo(39_000, -2) as number,
    simulated: true,
    misses: [{ what: 'budget', text: 'it takes 39 seconds, the budget is 19.1 seconds' }],
    bottleneck: { name: 'mail rate', limit: '14/s', used: expect.closeTo(1, 2) as number },
    remedy: { changes: [{ setting: 'mail.rate', from: 14, to: 28 }], simulated: true, makespanMs: 19_001 },
    outcome: { sent: 560, failed: 0, retried: 0, callbacks: { delivered: 3, dead: 0 } },
  })
  expect(seen).toEqual([undefined, 500, 500])
  expect(modelInWords(plan.model)).toBe(
    '560 recipients in 3 messages of 200, 4 workers with 1 at once, 14 mails a second',
  )
  expect(verdictInWords(plan)).toBe('39 seconds, the budget is 19.1 seconds')
  expect(bottleneckInWords(plan)).toMatch(/^mail rate \(14\/s\), 100 % used: a worker waits 214 ms for its turn \(p95 /)
  expect(plan.remedy && remedyInWords(plan.remedy)).toBe('--mail-rate 28 (now 14): 19 seconds, as simulated')
})

it('lets each worker start up once, and do one recipient after the other through all its calls', async () => {
  const plan = await planOf(
    modelOf({
      recipients: 400,
      ingest: { batch: 50 },
      workers: { count: 4, start_up: '3s' },
      queue: { receive: '1s' },
      certificate: { render: '60ms', store: '40ms' },
      mail: { latency: '100ms' },
    }),
  )
  // Two rounds of (1 s + 50 × 0.2 s), once 3 s.
  expect(plan.makespanMs).toBe(25_000)
  expect(plan.estimateMs).toBe(25_000)
  expect(plan).toMatchObject({
    verdict: 'pass',
    remedy: undefined,
    bottleneck: { name: 'workers', limit: '4 workers, 1 at once each' },
    outcome: { sent: 400 },
  })
  // A message has one worker, however large it is.
  const large = await planOf(
    modelOf({ recipients: 800, ingest: { batch: 400 }, workers: { count: 2 }, mail: { latency: '100ms' } }),
  )
  expect(large.makespanMs).toBe(40_000)
  expect(bottleneckInWords(plan)).toBe(
    'workers (4 workers, 1 at once each), 88 % used: certificates 27 %, object store 18 %, mail calls 45 %, receiving 9 %; at most 18.2 recipients a second',
  )
})

it('has so many cold starts as workers, and so many callbacks at once as are said', async () => {
  const model = modelOf({
    recipients: 100,
    ingest: { batch: 10 },
    workers: { count: 4, start_up: '3s' },
    callback: { latency: '30s', at_once: 2, delay: '1s' },
  })
  const { worker, makespanMs } = await simulate(model, { seed: 'plan' })
  expect(worker.startUp).toBe(12_000)
  // Ten callbacks, two at once.
  expect(makespanMs).toBe(154_000)
})

it('retries what fails, counts what bounces, and says where callbacks are lost', async () => {
  const plan = await planOf(
    modelOf({
      recipients: 600,
      ingest: { batch: 20 },
      mail: { error_rate: 0.1, bounce_rate: 0.1 },
      callback: { error_rate: 0.6 },
    }),
  )
  const { outcome, misses, hazards } = plan
  // Of 600 about 60 fail at first, of these 6 again; and a tenth comes back.
  expect(outcome?.retried).toBeGreaterThan(45)
  expect(outcome?.retried).toBeLessThan(95)
  expect(outcome?.failed).toBeGreaterThan(40)
  expect(outcome?.failed).toBeLessThan(85)
  expect(misses.map(({ what }) => what)).toEqual(['failures', 'callbacks'])
  expect(misses[0]?.text).toMatch(/^[\d.]+ % of the recipients fail or bounce, at most 5 % may$/)
  expect(misses[1]?.text).toMatch(
    /^8\d % of the callbacks arrive, 99 % have to: the others are given up after 4 attempts$/,
  )
  expect(hazards[0]).toBe('10 % of the mails bounce: SES may pause the account from 10 %')
})

it('says what the real thing would not forgive', async () => {
  const slow = {
    recipients: 200,
    ingest: { batch: 100 },
    mail: { latency: '500ms', daily_quota: 210 },
    workers: { timeout: '40s' },
    queue: { visibility: '30s' },
  }
  const plan = await planOf(modelOf(slow))
  expect(plan.misses).toEqual([
    {
      what: 'timeout',
      text: 'a worker needs up to 50 seconds for a message, and is ended after 40 seconds: it begins again and again. Smaller batches (ingest.batch 80), or a longer timeout',
    },
  ])
  expect(plan.hazards).toEqual([
    'a worker has a message for up to 50 seconds, and after 30 seconds SQS gives it to another one too: mails go twice unless the worker renews its visibility or keeps a ledger. Set the visibility timeout to 2 minutes or more',
    'the daily quota leaves 210 mails for 200 recipients: no room for other mail that day',
  ])
  expect(plan.verdict).toBe('fail')
})

it('waits for no quota, and by arithmetic alone simulates nothing', async () => {
  const plan = await planOf(modelOf({ mail: { daily_quota: 200 } }), { recipients: 1000 })
  expect(plan).toMatchObject({ simulated: false, recipients: 1000, bottleneck: { name: 'daily quota' } })
  expect(verdictInWords(plan)).toBe('4 days (by arithmetic), the budget is 30 minutes')
  const rough = { rate: 14, bounce_rate: 0.2 }
  const quick = await planOf(modelOf({ mail: rough, callback: { error_rate: 0.5 } }), { quick: true })
  expect(quick).toMatchObject({
    verdict: 'fail',
    misses: [{ what: 'budget' }, { what: 'failures' }, { what: 'callbacks' }],
    simulated: false,
    remedy: { changes: [{ to: 28 }], simulated: false },
  })
})

it('gives the same plan for the same seed, and another for another', async () => {
  const model = modelOf({ recipients: 200, ingest: { batch: 20 }, mail: { latency: 'p50=90ms,p95=400ms' } })
  const [one, same, other] = [
    await planOf(model, { seed: '1' }),
    await planOf(model, { seed: '1' }),
    await planOf(model, { seed: '2' }),
  ]
  expect(one).toEqual(same)
  expect(other.makespanMs).not.toBe(one.makespanMs)
})
