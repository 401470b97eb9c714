import fc from 'fast-check'
import { it } from 'vitest'
import { anyRun } from '../simulation/any-run.ts'
import { everyLaw } from '../simulation/every-law.ts'

// Two files of one kind, so that two processes share the work.
it('keeps every law in a thousand runs', { timeout: 180_000 }, () =>
  fc.assert(fc.asyncProperty(anyRun, everyLaw), { numRuns: 1000, seed: 1 }),
)
