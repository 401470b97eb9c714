import { expect, it } from 'vitest'
import { fit, fitWorkers } from '../../load/plan/fit.ts'
import { modelSchema } from '../../load/plan/model.ts'

const fitted = (report: unknown) => fit(JSON.stringify(report))
const times = (p50: number, p95: number, count = 100) => ({ count, p50, p95, p99: 3 * p95 })

it('takes what a report has seen of single calls', () => {
  const report = {
    stages: { submit: times(41.2, 88), total: times(1, 2) },
    calls: { mail: times(90, 250), render: times(0.0004, 12), callback: times(0, 10) },
    steadyRate: 12,
  }
  const found = fitted(report)
  expect(found).toMatchObject({
    ok: true,
    // Mails were measured: nothing is left to explain.
    steadyRate: undefined,
    input: {
      ingest: { latency: { p50: '41.2ms', p95: '88ms' } },
      mail: { latency: { p50: '90ms', p95: '250ms' } },
      callback: { latency: '5ms' },
    },
  })
  expect(found.ok && modelSchema.safeParse(found.input).success).toBe(true)
})

it('leaves out what was seen too seldom, and refuses what says nothing', () => {
  expect(fitted({ stages: { submit: times(1, 2, 19) } })).toMatchObject({
    ok: true,
    input: {},
    notes: ['ingest.latency: left out, 19 samples are too few (20 are needed)'],
  })
  expect(fitted({})).toMatchObject({ ok: false, reason: expect.stringContaining('nothing to fit') as string })
  expect(fitted({ calls: { mial: times(1, 2) } })).toMatchObject({ ok: false })
  expect(fitted([])).toMatchObject({ ok: false })
  expect(fit('mail: 1')).toMatchObject({ ok: false, reason: expect.stringContaining('no JSON') as string })
})

it("finds the workers' own time in what all of them did, unless the mail rate held them up", () => {
  const ran = modelSchema.parse({
    workers: { count: 10, at_once: 2 },
    certificate: { render: '300ms', store: '100ms' },
    mail: { rate: 28 },
  })
  // Twenty at once, 20 a second: a second each, of which the certificate has 0.4.
  expect(fitWorkers(ran, 20)).toMatchObject({ mailMs: 600 })
  expect(fitWorkers(ran, 27.5)).not.toHaveProperty('mailMs')
  expect(fitWorkers(ran, 27.5).note).toContain('cannot be seen')
})
