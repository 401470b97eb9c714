import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { distribution, draw, lognormal, meanOf } from '../../load/plan/distribution.ts'
import { modelSchema } from '../../load/plan/model.ts'
import { readModel } from '../../load/plan/read-model.ts'

/** A model in which anything may stand anywhere. */
const value = fc.oneof(
  fc.constantFrom('p50=1s,p95=2s', '1s..2s', '5%', 14, -1, null, true, '1h', []),
  fc.string(),
  fc.integer(),
)
const modelish = fc
  .dictionary(
    fc.constantFrom(...Object.keys(modelSchema.shape)),
    fc.oneof(
      value,
      fc.dictionary(fc.constantFrom('rate', 'latency', 'count', 'batch', 'render', 'error_rate', 'p50', 'from'), value),
    ),
  )
  .map((model) => JSON.stringify(model))

describe('a model', () => {
  it('is read from YAML, with values laid over it', () => {
    const text = `
mail:
  rate: 14
  latency: { p50: 90ms, p95: 250ms }
workers: { count: 10 }
certificate: { render: 80ms..200ms, store: 40ms }
budget: 1h
`
    const read = readModel(text, {
      mail: { rate: '28', error_rate: '2%' },
      certificate: { render: { p50: '1s', p95: '2s' } },
    })
    expect(read).toMatchObject({
      ok: true,
      model: {
        recipients: 50_000,
        budget: 3_600_000,
        mail: { rate: 28, error_rate: 0.02, latency: { kind: 'lognormal', median: 90 } },
        workers: { count: 10, at_once: 1 },
        certificate: { render: { kind: 'lognormal', median: 1000 }, store: { kind: 'constant', ms: 40 } },
      },
    })
    expect(readModel('')).toEqual({ ok: true, model: modelSchema.parse({}) })
  })

  it('says what is wrong, on which line', () => {
    const wrong = (text: string) => {
      const read = readModel(text)
      return read.ok ? [] : read.issues.map(({ line, text: reason }) => `${line} ${reason}`)
    }
    expect(wrong('mail:\n  rate: fast\n')).toEqual(['2 mail.rate: "fast": must be a number from 1 to 1000000'])
    expect(wrong('mail:\n  rat: 14\n')).toEqual(['2 mail.rat: is not known here: rate was meant?'])
    expect(wrong('workers: 4\n')).toEqual([
      '1 workers: must be a map of settings: count, at_once, start_up, timeout, messages',
    ])
    expect(wrong('recipients: 5\nworkers:\n  count: 1.5\n  at_once: 0\n')).toEqual([
      '3 workers.count: 1.5: must be a whole number from 1 to 1000',
      '4 workers.at_once: 0: must be a whole number from 1 to 1000',
    ])
    expect(wrong('mail: { error_rate: 120% }')).toEqual([
      '1 mail.error_rate: "120%": must be from 0 to 1, or from 0% to 100%',
    ])
    expect(wrong('budget: soon')).toEqual(['1 budget: "soon" is no duration: write 500ms, 5s, 2m or 1h'])
    expect(wrong('mail: [\n')).toHaveLength(1)
    expect(wrong('mail: *nothing\n')).toEqual(['1 no YAML: *nothing names no anchor before it'])
    expect(wrong('- 14\n')).toEqual([
      '1 must be a map of settings: recipients, budget, ingest, queue, workers, certificate, mail, callback',
    ])
    const latency = (text: string) => wrong(`mail:\n  rate: 14\n  latency: ${text}\n`)
    expect(latency('{ p50: 2s, p95: 1s }')).toEqual([
      '3 mail.latency: {"p50":"2s","p95":"1s"}: p95 must not be less than p50',
    ])
    expect(latency('2s..1s')).toEqual(['3 mail.latency: "2s..1s": "to" must not be less than "from"'])
    for (const text of ['often', '[1, 2]', '{ p50: 1s }', '{ from: 1s }', 'p50=1s,p99=2s', 'true', '-5s']) {
      expect(latency(text)[0]).toContain('must be a time (120ms), a range')
    }
  })

  it('is no crash, whatever is in the file', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), modelish), (text) => {
        const read = readModel(text)
        if (read.ok) return
        expect(read.issues.length).toBeGreaterThan(0)
        for (const { text: reason } of read.issues) expect(reason).not.toMatch(/undefined|Invalid input/)
      }),
    )
  })
})

describe('a distribution', () => {
  const drawn = (text: unknown) => {
    const read = distribution.parse(text)
    const draws = Array.from({ length: 20_000 }, (_, nth) => draw(read, 'seed', nth)).toSorted((a, b) => a - b)
    return {
      read,
      mean: draws.reduce((sum, ms) => sum + ms, 0) / draws.length,
      p50: draws[10_000] ?? 0,
      p95: draws[19_000] ?? 0,
    }
  }

  it('is drawn as it was written', () => {
    expect(drawn('120ms')).toMatchObject({ mean: 120, p50: 120 })
    expect(drawn(0.5).mean).toBe(500)
    const uniform = drawn('80ms..200ms')
    expect(uniform.mean).toBeCloseTo(140, -1)
    expect(uniform.mean / meanOf(uniform.read)).toBeCloseTo(1, 1)
    const log = drawn('p50=90ms,p95=250ms')
    expect(log.p50 / 90).toBeCloseTo(1, 1)
    expect(log.p95 / 250).toBeCloseTo(1, 1)
    expect(log.mean / meanOf(log.read)).toBeCloseTo(1, 1)
    expect(distribution.parse({ p50: '90ms', p95: '250ms' })).toEqual(log.read)
  })

  it('is constant where its percentiles are one', () => {
    expect(lognormal(90, 90)).toEqual({ kind: 'constant', ms: 90 })
    expect(distribution.parse('p50=0,p95=0')).toEqual({ kind: 'constant', ms: 0 })
  })
})
