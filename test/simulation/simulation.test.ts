import fc from 'fast-check'
import { expect, it } from 'vitest'
import { anyRun } from './any-run.ts'
import { everyLawIn } from './every-law.ts'
import { runCase } from './run-case.ts'

it('keeps every law, whatever happens', { timeout: 60_000 }, () => everyLawIn(15, 20_260_101))

it('is the same twice', { timeout: 60_000 }, async () => {
  const same = fc.asyncProperty(anyRun, async (drawn) => {
    const [one, two] = [await runCase(drawn), await runCase(drawn)]
    expect(two.journal === one.journal).toBe(true)
  })
  await fc.assert(same, { numRuns: 5, seed: 20_260_102 })
})
