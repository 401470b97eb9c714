import { expect, it } from 'vitest'
import { everyLaw } from './every-law.ts'
import type { LifeStep } from '../../scenarios/schema.ts'
import type { Case } from './run-case.ts'

const job: LifeStep = {
  afterMs: 0,
  what: 'job',
  dialect: 'spec',
  mode: 'api',
  tenant: 1,
  recipients: 2,
  bounces: 1,
  certificate: false,
  shape: 'batches',
}
const messages: LifeStep = { afterMs: 1000, what: 'messages', mode: 'api', job: 0, order: [0], key: false }
const quiet: Case = { seed: 1, rate: 1000, batchSize: 5, concurrency: 4, faults: [], steps: [] }

/** What simulations have found, as small as it can be. */
const found: readonly (readonly [what: string, drawn: Partial<Case>])[] = [
  [
    'an idempotency key that was first used for what was known already',
    { steps: [messages, { ...messages, key: true, order: [0, 1] }] },
  ],
  [
    'a retry of a retry, for which the first job waits too',
    { steps: [job, { afterMs: 60_000, what: 'retry' }, { afterMs: 60_000, what: 'retry-last' }] },
  ],
  [
    'a retry of a job that has not ended',
    {
      rate: 1,
      batchSize: 2,
      steps: [
        { ...job, recipients: 7, bounces: 2 },
        { afterMs: 3900, what: 'retry' },
      ],
    },
  ],
  [
    'a kill and a start in the same millisecond',
    { rate: 1, steps: [job, { afterMs: 0, what: 'kill-later', entries: 1 }, job] },
  ],
]

it.each(found)('keeps every law with %s', async (_what, drawn) => {
  await expect(everyLaw({ ...quiet, ...drawn })).resolves.toBeUndefined()
})
