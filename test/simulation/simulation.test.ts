import fc from 'fast-check'
import { expect, it } from 'vitest'
import { anyRun } from './any-run.ts'
import { runCase, type Case } from './run-case.ts'

const given = process.env['OFFLOAD_SIMULATION']

it.runIf(given !== undefined)('lives the given case', async () => {
  const lived = await runCase(JSON.parse(given ?? '') as Case)
  expect({ ended: lived.ended, failed: lived.failed }).toEqual({ ended: true, failed: [] })
})

it('keeps every law, whatever happens', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(anyRun, async (drawn) => {
      const { ended, failed } = await runCase(drawn)
      expect({ ended, failed }).toEqual({ ended: true, failed: [] })
    }),
    { numRuns: Number(process.env['OFFLOAD_SIMULATION_RUNS'] ?? 25), seed: 20_260_101 },
  )
})

it('is the same twice', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(anyRun, async (drawn) => {
      const [one, two] = [await runCase(drawn), await runCase(drawn)]
      expect(two.journal === one.journal).toBe(true)
    }),
    { numRuns: 5, seed: 20_260_102 },
  )
})
