import fc from 'fast-check'
import { expect, it } from 'vitest'
import { estimate } from '../../load/plan/estimate.ts'
import { modelSchema, type ModelInput } from '../../load/plan/model.ts'
import { simulate } from '../../load/plan/simulate.ts'

const latency = (...values: string[]) => fc.constantFrom('0ms', ...values)

const anyModel: fc.Arbitrary<ModelInput> = fc.record({
  recipients: fc.constantFrom(500, 1000),
  ingest: fc.record({ batch: fc.constantFrom(50, 100, 200), latency: latency('100ms', '50ms..300ms', '2s') }),
  queue: fc.record({ receive: latency('20ms') }),
  workers: fc.record({
    count: fc.constantFrom(1, 2, 4, 10, 30),
    at_once: fc.constantFrom(1, 2, 10, 128),
    start_up: latency('3s'),
  }),
  certificate: fc.option(fc.record({ render: latency('50ms', '100ms..200ms'), store: latency('30ms') }), {
    nil: undefined,
  }),
  mail: fc.record({
    rate: fc.option(fc.constantFrom(5, 14, 50, 200), { nil: undefined }),
    latency: latency('50ms', '300ms', 'p50=90ms,p95=400ms'),
    error_rate: fc.constantFrom(0, 0, 0.001, 0.02),
  }),
  callback: fc.record({ latency: latency('200ms', '3s') }),
})

it('is what the simulation comes to, whatever the model', { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(anyModel, async (input) => {
      const model = modelSchema.parse(input)
      const foretold = estimate(model).makespanMs
      const { makespanMs, ended } = await simulate(model, { seed: 'arithmetic' })
      expect(ended).toBe(true)
      // Who is unlucky in the last message waits 30 s more, or not at all where half would be.
      const luck = model.mail.error_rate === 0 ? 0 : 35_000
      expect(Math.abs(makespanMs - foretold)).toBeLessThan(0.05 * makespanMs + 3000 + luck)
    }),
    { numRuns: 30 },
  )
})
