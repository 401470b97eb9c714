import fc from 'fast-check'
import { expect, it } from 'vitest'
import { anyRun } from './any-run.ts'
import { everyLaw } from './every-law.ts'
import { runCase, type Case } from './run-case.ts'

const given = process.env['OFFLOAD_SIMULATION']

// Not a skipped test: it is there only where a case is given.
if (given !== undefined) it('lives the given case', () => everyLaw(JSON.parse(given) as Case))

it('keeps every law, whatever happens', { timeout: 60_000 }, () =>
  fc.assert(fc.asyncProperty(anyRun, everyLaw), { numRuns: 25, seed: 20_260_101 }),
)

it('is the same twice', { timeout: 60_000 }, async () => {
  const same = fc.asyncProperty(anyRun, async (drawn) => {
    const [one, two] = [await runCase(drawn), await runCase(drawn)]
    expect(two.journal === one.journal).toBe(true)
  })
  await fc.assert(same, { numRuns: 5, seed: 20_260_102 })
})
