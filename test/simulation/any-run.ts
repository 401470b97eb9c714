import fc from 'fast-check'
import { dialects } from '../../contracts/job.ts'
import type { LifeStep } from '../../scenarios/schema.ts'
import type { Case } from './run-case.ts'

const afterMs = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 200_000 }))
const mode = fc.constantFrom('api' as const, 'sqs' as const)

const job = fc.record({
  afterMs,
  what: fc.constant('job' as const),
  dialect: fc.constantFrom(...dialects),
  mode,
  tenant: fc.integer({ min: 1, max: 2 }),
  recipients: fc.integer({ min: 1, max: 9 }),
  bounces: fc.integer({ min: 0, max: 2 }),
  certificate: fc.integer({ min: 0, max: 15 }).map((drawn) => drawn === 15),
  shape: fc.constantFrom('batches' as const, 'one-message' as const, 'one-recipient-jobs' as const),
})
const messages = fc.record({
  afterMs,
  what: fc.constant('messages' as const),
  mode,
  job: fc.integer({ min: 0, max: 1 }),
  order: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 5 }),
  key: fc.boolean(),
})
const plain = fc.record({
  afterMs,
  what: fc.constantFrom(
    'replay' as const,
    'retry' as const,
    'retry-last' as const,
    'restart' as const,
    'kill' as const,
  ),
})
const killLater = fc.record({
  afterMs,
  what: fc.constant('kill-later' as const),
  entries: fc.integer({ min: 1, max: 40 }),
})
const step: fc.Arbitrary<LifeStep> = fc.oneof(
  { weight: 6, arbitrary: job },
  { weight: 3, arbitrary: messages },
  { weight: 2, arbitrary: plain },
  { weight: 1, arbitrary: killLater },
)

/** Rules of which the system must recover; a few at once. */
const faults = fc.subarray(
  [
    '- { at: ingest.submit, when: { share: 0.3, times: 1 }, then: { error: 503 } }',
    '- { at: ingest.submit, when: { share: 0.3, times: 2 }, then: answer-lost }',
    '- { at: ingest.submit, when: { share: 0.3, times: 1 }, then: reset }',
    '- { at: ingest.submit, when: { share: 0.3, times: 1 }, then: duplicate }',
    '- { at: sqs.SendMessage, when: { share: 0.3, times: 1 }, then: answer-lost }',
    '- { at: sqs.SendMessage, when: { share: 0.3, times: 1 }, then: duplicate }',
    '- { at: worker.receive, when: { share: 0.3, times: 1 }, then: duplicate }',
    '- { at: worker.receive, when: { share: 0.3, times: 1 }, then: { crash: after } }',
    '- { at: worker.admit, when: { share: 0.3, times: 1 }, then: { crash: before } }',
    '- { at: worker.lease, when: { share: 0.3, times: 1 }, then: { crash: after } }',
    '- { at: worker.certificate, when: { share: 0.3, times: 1 }, then: { error: failed } }',
    '- { at: worker.objects, when: { share: 0.3, times: 1 }, then: answer-lost }',
    '- { at: worker.mail, when: { share: 0.3, times: 2 }, then: { error: 451 } }',
    '- { at: worker.mail, when: { share: 0.2 }, then: { error: 451 } }',
    '- { at: worker.mail, when: { share: 0.2 }, then: { error: 550 } }',
    '- { at: worker.mail, when: { share: 0.2, times: 1 }, then: answer-lost }',
    '- { at: worker.mail, when: { share: 0.2, times: 1 }, then: hang }',
    '- { at: worker.mail, when: { share: 0.2 }, then: { bounce: hard } }',
    '- { at: worker.mail, when: { share: 0.2 }, then: { bounce: soft } }',
    '- { at: worker.mail, when: { share: 0.1, times: 1 }, then: { crash: before } }',
    '- { at: worker.mail, when: { share: 0.1, times: 1 }, then: { crash: after } }',
    '- { at: worker.mail, when: { share: 0.1, times: 1 }, then: duplicate }',
    '- { at: worker.conclude, when: { share: 0.2, times: 1 }, then: { crash: before } }',
    '- { at: worker.conclude, when: { share: 0.2, times: 1 }, then: { crash: after } }',
    '- { at: worker.delete, when: { share: 0.3, times: 1 }, then: { crash: before } }',
    '- { at: callback.attempt, when: { share: 0.3, times: 2 }, then: { error: 503 } }',
    '- { at: callback.attempt, when: { share: 0.3 }, then: { error: 500 } }',
    '- { at: callback.attempt, when: { share: 0.3 }, then: { error: 410 } }',
    '- { at: callback.attempt, when: { share: 0.3, times: 1 }, then: { throttle: { retry-after: 40s } } }',
    '- { at: callback.attempt, when: { share: 0.3, times: 1 }, then: answer-lost }',
    '- { at: callback.attempt, when: { share: 0.3, times: 1 }, then: hang }',
    '- { at: callback.attempt, when: { share: 0.3, times: 1 }, then: reset }',
    '- { at: callback.attempt, when: { share: 0.3, times: 1 }, then: drop }',
    '- { at: callback.attempt, when: { share: 0.2 }, then: twice }',
    '- { at: callback.attempt, when: { share: 0.3 }, then: { late: 60s } }',
    '- { at: callback.attempt, when: { share: 0.3 }, then: { out-of-order: 20s } }',
    '- { at: callback.attempt, when: { share: 0.3 }, then: early }',
    '- { at: callback.attempt, when: { share: 0.3, times: 1 }, then: bad-signature }',
    '- { at: callback.attempt, when: { share: 0.3, times: 1 }, then: stale-timestamp }',
    '- { at: callback.attempt, when: { share: 0.3, times: 1 }, then: altered-body }',
    '- { at: callback.attempt, when: { share: 0.3, times: 1 }, then: wrong-secret }',
  ],
  { maxLength: 4 },
)

export const anyRun: fc.Arbitrary<Case> = fc.record({
  seed: fc.integer({ min: 0, max: 1_000_000 }),
  rate: fc.constantFrom(1, 14, 1000),
  batchSize: fc.integer({ min: 1, max: 5 }),
  concurrency: fc.constantFrom(1, 4, 16),
  faults,
  steps: fc.array(step, { minLength: 1, maxLength: 6 }),
})
