import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { modelSchema } from '../../load/plan/model.ts'
import { simulate } from '../../load/plan/simulate.ts'
import { createSimulator } from '../../load/plan/simulator.ts'
import { emptyFolder, ndjson, offload } from '../cli/offload.ts'

vi.setConfig({ testTimeout: 900_000 })

describe('offload plan', () => {
  it('passes 50,000 in half an hour with nothing but 28 mails a second, and exits 99 with 14', async () => {
    const passes = await offload(['plan', '--mail-rate', '28'])
    expect(passes).toMatchObject({ code: 0, stderr: '' })
    expect(passes.stdout).toContain('✓ 29.7 minutes, the budget is 30 minutes')
    expect(passes.stdout).toContain('Bottleneck: mail rate (28/s), 100 % used')
    expect(passes.stdout).toContain('--mail-rate 28 is the least that does')

    const fails = await offload(['plan', '--mail-rate', '14', '--json'])
    expect(fails.code).toBe(99)
    expect(ndjson(fails.stdout)).toEqual([
      expect.objectContaining({
        id: 'plan/budget',
        verdict: 'fail',
        recipients: 50_000,
        simulated: true,
        makespanMs: expect.closeTo(((50_000 - 14) / 14) * 1000, -2) as number,
        misses: [{ what: 'budget', text: 'it takes 59.5 minutes, the budget is 30 minutes' }],
        bottleneck: expect.objectContaining({ name: 'mail rate' }) as object,
        remedy: {
          changes: [{ setting: 'mail.rate', from: 14, to: 28, unit: 'per second' }],
          simulated: true,
          makespanMs: expect.closeTo(((50_000 - 28) / 28) * 1000, -2) as number,
        },
        outcome: expect.objectContaining({ sent: 50_000, failed: 0 }) as object,
      }),
    ])
  })

  it('reads a model from a file and latencies from a report, with flags over both', async () => {
    const cwd = emptyFolder()
    writeFileSync(join(cwd, 'deployment.yaml'), 'mail: { rate: 20 }\nworkers: { count: 8 }\nrecipients: 1000\n')
    writeFileSync(
      join(cwd, 'report.json'),
      JSON.stringify({ stages: { submit: { count: 250, p50: 41.2, p95: 88 } }, steadyRate: 10, other: [] }),
    )
    const args = ['plan', '--model', 'deployment.yaml', '--fit', 'report.json', '--mail-rate', '14', '--json']
    const { code, stdout, stderr } = await offload(args, { cwd })
    expect(code).toBe(0)
    expect(stderr).toContain('ingest.latency: p50 41.2ms, p95 88ms of 250')
    expect(stderr).toContain('mail.latency: 800ms, what 10 recipients a second of 8 workers with 1 at once leave')
    expect(ndjson(stdout)).toEqual([
      expect.objectContaining({
        verdict: 'pass',
        bottleneck: expect.objectContaining({ name: 'workers' }) as object,
        model: expect.objectContaining({
          recipients: 1000,
          mail: expect.objectContaining({ rate: 14, latency: { kind: 'constant', ms: 800 } }) as object,
          workers: expect.objectContaining({ count: 8 }) as object,
        }) as object,
      }),
    ])
  })

  it('exits 2 where the model is wrong, and says where', async () => {
    const cwd = emptyFolder()
    writeFileSync(join(cwd, 'deployment.yaml'), 'recipients: 10\nmail:\n  rat: 14\n')
    writeFileSync(join(cwd, 'report.json'), '{"figures": 1}')
    const [file, flag, missing, report] = await Promise.all([
      offload(['plan', '--model', 'deployment.yaml'], { cwd }),
      offload(['plan', '--workers', '0', '--mail-latency', 'sometimes'], { cwd }),
      offload(['plan', '--model', 'nowhere.yaml'], { cwd }),
      offload(['plan', '--fit', 'report.json'], { cwd }),
    ])
    expect(file).toMatchObject({ code: 2, stdout: '' })
    expect(file.stderr).toContain('deployment.yaml:3 mail.rat: is not known here: rate was meant?')
    expect(flag).toMatchObject({ code: 2, stdout: '' })
    expect(flag.stderr).toContain('--workers: "0": must be a whole number from 1 to 1000')
    expect(flag.stderr).toContain('--mail-latency: "sometimes": must be a time (120ms)')
    expect(missing.stderr).toContain('--model nowhere.yaml cannot be read: ENOENT')
    expect(report.stderr).toContain('report.json: it has neither stages.submit, nor calls, nor a steadyRate')
    expect([missing.code, report.code]).toEqual([2, 2])
  })
})

it('simulates in a thread what it would here', async () => {
  const model = modelSchema.parse({ recipients: 5000, workers: { count: 20 }, mail: { latency: 'p50=90ms,p95=250ms' } })
  const [here, there] = [
    await simulate(model, { seed: '1' }),
    await createSimulator({ threads: true })(model, { seed: '1' }),
  ]
  expect(there).toEqual(here)
})
