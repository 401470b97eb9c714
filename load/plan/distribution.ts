import { z } from 'zod'
import { fraction } from '../../contracts/faults/decide.ts'
import type { Delay } from '../../contracts/faults/rule.ts'
import { duration } from '../../contracts/duration.ts'

/** How long a call takes, milliseconds: as the fault rules' delays are, so that both mean the same. */
export type Distribution = Delay

/** The 95th percentile of a standard normal distribution. */
const z95 = 1.6449

const never: Distribution = { kind: 'constant', ms: 0 }

export const isZero = (distribution: Distribution): boolean => distribution.kind === 'constant' && distribution.ms === 0

/** A lognormal by what is measured of it. */
export function lognormal(p50: number, p95: number): Distribution {
  if (p50 <= 0) return never
  return p95 <= p50
    ? { kind: 'constant', ms: p50 }
    : { kind: 'lognormal', median: p50, sigma: Math.log(p95 / p50) / z95 }
}

export function meanOf(distribution: Distribution): number {
  switch (distribution.kind) {
    case 'constant':
      return distribution.ms
    case 'uniform':
      return (distribution.from + distribution.to) / 2
    case 'lognormal':
      return distribution.median * Math.exp(distribution.sigma ** 2 / 2)
  }
}

/** What all but a share of them stay under; `share` from 0.5 on. */
export function quantileOf(distribution: Distribution, share: number): number {
  switch (distribution.kind) {
    case 'constant':
      return distribution.ms
    case 'uniform':
      return distribution.from + (distribution.to - distribution.from) * share
    case 'lognormal': {
      // An approximation of the normal quantile, good to a hundredth.
      const z = 5.5556 * (1 - ((1 - share) / share) ** 0.1186)
      return distribution.median * Math.exp(distribution.sigma * z)
    }
  }
}

/** The same form with another mean. */
export function scaled(distribution: Distribution, mean: number): Distribution {
  const before = meanOf(distribution)
  const factor = before === 0 ? 0 : mean / before
  switch (distribution.kind) {
    case 'constant':
      return { kind: 'constant', ms: mean }
    case 'uniform':
      return { kind: 'uniform', from: distribution.from * factor, to: distribution.to * factor }
    case 'lognormal':
      return { ...distribution, median: distribution.median * factor }
  }
}

/** One draw, milliseconds, not rounded: the same for the same identity. */
export function draw(distribution: Distribution, ...identity: readonly (string | number)[]): number {
  switch (distribution.kind) {
    case 'constant':
      return distribution.ms
    case 'uniform':
      return distribution.from + (distribution.to - distribution.from) * fraction('uniform', ...identity)
    case 'lognormal': {
      // Box and Muller: two fractions make a normally distributed number.
      const radius = Math.sqrt(-2 * Math.log(1 - fraction('radius', ...identity)))
      const normal = radius * Math.cos(2 * Math.PI * fraction('angle', ...identity))
      return distribution.median * Math.exp(distribution.sigma * normal)
    }
  }
}

/** `120ms`, `80ms..200ms`, `p50 90ms p95 250ms`. */
export function distributionInWords(distribution: Distribution): string {
  switch (distribution.kind) {
    case 'constant':
      return milliseconds(distribution.ms)
    case 'uniform':
      return `${milliseconds(distribution.from)}..${milliseconds(distribution.to)}`
    case 'lognormal':
      return `p50 ${milliseconds(distribution.median)} p95 ${milliseconds(distribution.median * Math.exp(distribution.sigma * z95))}`
  }
}

const milliseconds = (ms: number) => (ms >= 10_000 ? `${round(ms / 1000)}s` : `${round(ms)}ms`)
const round = (value: number) => Number(value.toPrecision(3))

/** A duration in milliseconds, from 0 to a day. */
const time = duration.refine((value) => value <= 86_400_000, 'must be at most 24h')

const percentiles = z
  .strictObject({ p50: time, p95: time })
  .refine(({ p50, p95 }) => p95 >= p50, 'p95 must not be less than p50')
  // Wider than that nobody measures, and a single draw would decide everything.
  .refine(({ p50, p95 }) => p95 <= p50 * 100, 'p95 must be at most 100 times p50')

const range = z
  .strictObject({ from: time, to: time })
  .refine(({ from, to }) => to >= from, '"to" must not be less than "from"')

const how =
  'must be a time (120ms), a range (80ms..200ms, or {from: 80ms, to: 200ms}) or percentiles (p50=90ms,p95=250ms, or {p50: 90ms, p95: 250ms})'

/** What a person writes for a distribution, in a file or behind a flag. */
export const distribution = z.unknown().transform((value, context): Distribution => {
  const refuse = (message: string) => {
    context.addIssue({ code: 'custom', message: `${JSON.stringify(value) ?? 'nothing'}: ${message}` })
    return z.NEVER
  }
  const shaped = typeof value === 'string' ? shapeOf(value) : value
  if (typeof shaped === 'number' || typeof shaped === 'string') {
    const read = time.safeParse(shaped)
    if (read.success) return { kind: 'constant', ms: read.data }
    return refuse(/^[\d.]+(ms|s|m|h)?$/.test(String(shaped)) ? (read.error.issues[0]?.message ?? how) : how)
  }
  if (typeof shaped !== 'object' || shaped === null) return refuse(how)
  if ('p50' in shaped) {
    const read = percentiles.safeParse(shaped)
    return read.success ? lognormal(read.data.p50, read.data.p95) : refuse(reasonOf(read.error))
  }
  const read = range.safeParse(shaped)
  return read.success ? { kind: 'uniform', ...read.data } : refuse(reasonOf(read.error))
})

/** Of objections about the shape none says how it should be. */
const reasonOf = ({ issues: [issue] }: z.ZodError) => (issue?.code === 'custom' ? issue.message : how)

function shapeOf(text: string): unknown {
  const [, from, to] = /^(.+?)\.\.(.+)$/.exec(text.trim()) ?? []
  if (from !== undefined && to !== undefined) return { from: from.trim(), to: to.trim() }
  const pairs = text.split(/[\s,]+/).map((part) => part.split('='))
  return pairs.length > 0 && pairs.every((pair) => pair.length === 2)
    ? (Object.fromEntries(pairs) as unknown)
    : text.trim()
}
