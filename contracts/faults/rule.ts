import { z } from 'zod'
import { duration, shift } from '../duration.ts'
import { jobTypes } from '../job.ts'
import { nearest } from '../nearest.ts'
import {
  effectNames,
  isOperation,
  operationNames,
  rowOf,
  selectorsOf,
  wildcards,
  type EffectName,
  type OperationName,
  type SelectorName,
} from './operations.ts'

/** How long something takes; a delay, scaled by `--speed`. Milliseconds. */
export type Delay =
  | { readonly kind: 'constant'; readonly ms: number }
  | { readonly kind: 'uniform'; readonly from: number; readonly to: number }
  /** Half of them take longer than `median`; `sigma` is the spread of the logarithm. */
  | { readonly kind: 'lognormal'; readonly median: number; readonly sigma: number }

export type Effect =
  | { readonly kind: 'error'; readonly code: string }
  | { readonly kind: 'throttle'; readonly retryAfterMs: number }
  | { readonly kind: 'delay' | 'late' | 'reorder' | 'out-of-order'; readonly delay: Delay }
  | { readonly kind: 'clock-skew'; readonly ms: number }
  | { readonly kind: 'crash'; readonly when: 'before' | 'after' }
  | { readonly kind: 'bounce'; readonly bounce: 'hard' | 'soft'; readonly told: 'at-once' | 'after-sent' }
  | { readonly kind: Bare }

/** Effects that need no word more. */
const bare = [
  'hang',
  'reset',
  'answer-lost',
  'duplicate',
  'complaint',
  'account-paused',
  'drop',
  'early',
  'twice',
  'bad-signature',
  'stale-timestamp',
  'altered-body',
  'wrong-secret',
] as const
type Bare = (typeof bare)[number]

/** Effects that have a usual measure. */
const measured = ['throttle', 'reorder', 'out-of-order', 'bounce'] as const

export interface Selector {
  readonly tenant?: readonly number[]
  readonly type?: readonly string[]
  readonly job?: readonly string[]
  /** Patterns with `*` and `?` over a recipient's address or key. */
  readonly recipient?: readonly string[]
  /** By the recipient's ordinal in its job, from 1. */
  readonly every?: number
  readonly nth?: readonly number[]
  /** 0 to 1. */
  readonly share?: number
  /** Attempts up to this one. */
  readonly times?: number
  readonly window?: Window
}

/** Epoch milliseconds, the end excluded; `after` and `until` count from when the rule was set. */
export type Window =
  { readonly from?: number; readonly until?: number } | { readonly after: number; readonly for?: number }

export interface Rule {
  readonly name: string
  readonly at: readonly OperationName[]
  readonly when: Selector
  readonly effect: Effect
}

const delayInput = z.union(
  [
    duration,
    z.strictObject({ from: duration, to: duration }),
    z.strictObject({ median: duration, sigma: z.number().min(0).max(3).default(0.5) }),
  ],
  { error: 'must be a time (2s), a range ({from: 1s, to: 3s}) or a lognormal ({median: 800ms, sigma: 0.5})' },
)

const effectObject = z.strictObject({
  error: z.union([z.string().min(1), z.int()], { error: 'must be a code of the protocol' }).optional(),
  throttle: z.strictObject({ 'retry-after': duration }).optional(),
  delay: delayInput.optional(),
  late: delayInput.optional(),
  reorder: delayInput.optional(),
  'out-of-order': delayInput.optional(),
  'clock-skew': shift.optional(),
  crash: z.enum(['before', 'after']).optional(),
  bounce: z.enum(['hard', 'soft', 'hard-at-once', 'soft-at-once']).optional(),
})

const several = <Item extends z.ZodType>(item: Item) =>
  z
    .union([item, z.array(item).min(1)])
    .transform((value) => (Array.isArray(value) ? value : [value]) as z.output<Item>[])

const time = z.union([z.iso.datetime({ offset: true }), z.int()]).transform((value) => new Date(value).getTime())

const share = z.union([z.number(), z.string().regex(/^\d+(\.\d+)?%$/)], { error: 'must be a share such as 0.1 or 10%' })

const when = z.strictObject({
  tenant: several(z.int().min(0)).optional(),
  type: several(z.enum(jobTypes)).optional(),
  job: several(z.union([z.string(), z.int()]).transform(String)).optional(),
  recipient: several(z.string().min(1).max(200)).optional(),
  every: z.int().min(1).optional(),
  nth: several(z.int().min(1)).optional(),
  share: share
    .transform((value) => (typeof value === 'number' ? value : Number(value.slice(0, -1)) / 100))
    .refine((value) => value >= 0 && value <= 1, 'must be from 0 to 1, or from 0% to 100%')
    .optional(),
  times: z.int().min(1).optional(),
  window: z
    .union(
      [
        z.strictObject({ from: time.optional(), until: time.optional() }),
        z.strictObject({ after: duration, for: duration.optional() }),
        z.strictObject({ for: duration }).transform((value) => ({ after: 0, ...value })),
      ],
      { error: 'must be {after: 10s, for: 1m} from when the rule is set, or {from, until} as 2026-01-31T12:00:00Z' },
    )
    .optional(),
})

const at = z.enum([...operationNames, ...wildcards] as [string, ...string[]])

/** One rule as a person writes it. */
export const ruleInput = z
  .strictObject({
    name: z
      .string()
      .regex(/^[\w+@. :-]{1,80}$/, 'must be at most 80 letters, digits, spaces and + - _ . : @')
      .optional(),
    at: several(at),
    when: when.optional(),
    // oxlint-disable-next-line unicorn/no-thenable -- what a person writes: at, when, then
    then: z.union([z.enum([...bare, ...measured]), effectObject]),
  })
  .superRefine(check)

export type RuleInput = z.input<typeof ruleInput>
type Parsed = z.output<typeof ruleInput>

const defaults: Readonly<Record<(typeof measured)[number], Effect>> = {
  throttle: { kind: 'throttle', retryAfterMs: 1000 },
  reorder: { kind: 'reorder', delay: { kind: 'uniform', from: 1000, to: 10_000 } },
  'out-of-order': { kind: 'out-of-order', delay: { kind: 'uniform', from: 1000, to: 10_000 } },
  bounce: { kind: 'bounce', bounce: 'hard', told: 'after-sent' },
}

function delayOf(given: z.output<typeof delayInput>): Delay {
  if (typeof given === 'number') return { kind: 'constant', ms: given }
  return 'median' in given ? { kind: 'lognormal', ...given } : { kind: 'uniform', ...given }
}

function effectOf(then: Parsed['then']): Effect | undefined {
  if (typeof then === 'string') {
    return Object.hasOwn(defaults, then) ? defaults[then as keyof typeof defaults] : { kind: then as Bare }
  }
  const [named, ...others] = Object.entries(then).filter(([, value]) => value !== undefined)
  if (named === undefined || others.length > 0) return undefined
  const kind = named[0] as keyof typeof then
  switch (kind) {
    case 'error':
      return { kind, code: String(then.error) }
    case 'throttle':
      return { kind, retryAfterMs: then.throttle?.['retry-after'] ?? 1000 }
    case 'clock-skew':
      return { kind, ms: then['clock-skew'] ?? 0 }
    case 'crash':
      return { kind, when: then.crash ?? 'before' }
    case 'bounce': {
      const [bounce, , once] = (then.bounce ?? 'hard').split('-') as ['hard' | 'soft', 'at'?, 'once'?]
      return { kind, bounce, told: once === undefined ? 'after-sent' : 'at-once' }
    }
    default:
      return { kind, delay: delayOf(then[kind] ?? 0) }
  }
}

/** Wildcards stand for the operations of their service where the effect is possible. */
function placesOf(names: readonly string[], effect: EffectName): OperationName[] {
  const places = names.flatMap((name) => {
    if (isOperation(name)) return [name]
    const service = name.slice(0, -1)
    return operationNames.filter((each) => each.startsWith(service) && rowOf(each).effects.includes(effect))
  })
  return [...new Set(places)]
}

const quoted = (names: readonly string[]) => names.join(', ')

/** Refuses what cannot work, with what can. */
function check({ at: names, when: selectors = {}, then }: Parsed, context: z.RefinementCtx): void {
  const refuse = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message })
  const effect = effectOf(then)
  if (effect === undefined) return refuse(['then'], `must name exactly one effect of ${quoted(effectNames)}`)
  const { kind } = effect
  const possibleAt = operationNames.filter((name) => rowOf(name).effects.includes(kind))
  for (const name of names) {
    if (placesOf([name], kind).length === 0) {
      refuse(['then'], `${kind} cannot happen at ${name}; it can at ${quoted(summary(possibleAt))}`)
    } else if (isOperation(name) && !rowOf(name).effects.includes(kind)) {
      const there = quoted(rowOf(name).effects)
      refuse(
        ['then'],
        `${kind} cannot happen at ${name}: possible there are ${there}; ${kind} can at ${quoted(summary(possibleAt))}`,
      )
    }
  }
  for (const place of placesOf(names, kind)) {
    const known = selectorsOf(place, kind)
    for (const [selector, value] of Object.entries(selectors)) {
      if (value === undefined || known.includes(selector as SelectorName)) continue
      const hint = selector === 'every' || selector === 'nth' ? ` (it counts a job's recipients: write share)` : ''
      return refuse(['when', selector], `${place} cannot tell ${selector}${hint}: it knows ${quoted(known)}`)
    }
    if (effect.kind !== 'error') continue
    const { codes } = rowOf(place)
    if (codes.includes(effect.code)) continue
    const meant = nearest(effect.code, codes)
    const hint = meant === undefined ? '' : ` (${meant} was meant?)`
    return refuse(['then', 'error'], `${effect.code} is no error of ${place}${hint}: it has ${quoted(codes)}`)
  }
}

/** Services of which all operations are in the list are named by their wildcard. */
function summary(names: readonly OperationName[]): string[] {
  return [
    ...new Set(
      names.map((name) => {
        const service = `${name.split('.')[0]}.`
        const all = operationNames.filter((each) => each.startsWith(service))
        return all.length > 2 && all.every((each) => names.includes(each)) ? `${service}*` : name
      }),
    ),
  ]
}

/** Rules as the engine works with them; each has a name of its own. */
export function rulesOf(parsed: readonly Parsed[]): Rule[] {
  const taken = new Map<string, number>()
  return parsed.map(({ name, at: names, when: selectors = {}, then }) => {
    const effect = effectOf(then)
    if (effect === undefined) throw new Error('a rule without an effect was let through')
    const given = name ?? `${names[0]} ${effect.kind}`
    const nth = (taken.get(given) ?? 0) + 1
    taken.set(given, nth)
    return {
      name: nth === 1 ? given : `${given} ${nth}`,
      at: placesOf(names, effect.kind),
      when: Object.fromEntries(Object.entries(selectors).filter(([, value]) => value !== undefined)),
      effect,
    }
  })
}
