import { meanOf, scaled, type Distribution } from './distribution.ts'
import { attemptsEach, chainOf, estimate, messageTimeOf, passesOf } from './estimate.ts'
import { largestBatch, messagesOf, mostAtOnce, mostWorkers, slotsOf, submissionOf, type Model } from './model.ts'

/** One setting of the model, with another value. */
export interface Change {
  /** Such as `mail.rate`. */
  readonly setting: string
  readonly from: number
  readonly to: number
  /** Times are milliseconds: the mean. */
  readonly unit: 'per second' | 'per day' | 'recipients' | 'workers' | 'at once' | 'milliseconds'
  /** Another setting that would do as well, by arithmetic. */
  readonly or?: { readonly setting: string; readonly to: number }
}

export interface Mended {
  readonly changes: readonly Change[]
  readonly model: Model
}

const mostChanges = 8

/**
 * The least changes with which a model keeps its budget, by arithmetic: always of what takes longest. `extraMs` is what
 * the arithmetic is known to forget. Undefined where no setting that is known here would do.
 */
export function mend(model: Model, extraMs = 0): Mended | undefined {
  const changes = new Map<string, Change>()
  let current = model
  for (let round = 0; round < mostChanges; round++) {
    const { makespanMs, stages } = estimate(current)
    if (makespanMs + extraMs <= current.budget) return { changes: [...changes.values()], model: current }
    const slowest = stages.reduce((a, b) => (b.aloneMs > a.aloneMs ? b : a))
    const allowedMs = current.budget - extraMs - (makespanMs - slowest.aloneMs)
    const change = allowedMs <= 0 ? undefined : changeOf(current, slowest.name, allowedMs)
    if (change === undefined) return undefined
    const before = changes.get(change.setting)
    changes.set(change.setting, { ...change, from: before?.from ?? change.from })
    current = withChange(current, change)
  }
  return undefined
}

/** How far the setting that decides could be taken back while the budget is kept, by arithmetic. */
export function leastOf(model: Model): { readonly setting: string; readonly value: number } | undefined {
  const { makespanMs, bottleneck } = estimate(model)
  if (bottleneck === undefined) return undefined
  const allowedMs = model.budget - (makespanMs - bottleneck.aloneMs)
  if (bottleneck.name === 'mail rate') {
    return { setting: 'mail.rate', value: changeOf(model, bottleneck.name, allowedMs)?.to ?? 1 }
  }
  if (['workers', 'certificate', 'object store', 'mail call'].includes(bottleneck.name)) {
    const rounds = Math.max(1, Math.floor(allowedMs / messageTimeOf(model)))
    return { setting: 'workers.count', value: Math.ceil(messagesOf(model) / rounds) }
  }
  return undefined
}

/** What makes one stage take no longer than it may. */
function changeOf(model: Model, stage: string, allowedMs: number): Change | undefined {
  const { recipients, ingest, workers, mail, callback } = model
  const mails = recipients * attemptsEach(mail.error_rate)
  switch (stage) {
    case 'mail rate': {
      // One second's worth goes at once.
      const to = roundedUp(mails / (allowedMs / 1000 + 1))
      return { setting: 'mail.rate', from: mail.rate ?? to, to, unit: 'per second' }
    }
    case 'daily quota': {
      const to = mail.sent_today + Math.ceil(mails)
      return { setting: 'mail.daily_quota', from: mail.daily_quota ?? to, to, unit: 'per day' }
    }
    case 'workers':
    case 'certificate':
    case 'object store':
    case 'mail call':
      return workersFor(model, allowedMs)
    case 'ingest': {
      const each = meanOf(submissionOf(model))
      if (ingest.rate !== undefined && each > meanOf(ingest.latency)) {
        const to = roundedUp((messagesOf(model) * ingest.batch * 1000) / allowedMs)
        return { setting: 'ingest.rate', from: ingest.rate, to, unit: 'per second' }
      }
      const batch = Math.ceil(recipients / Math.max(1, Math.floor(allowedMs / each)))
      if (batch > ingest.batch && batch <= largestBatch && allowedMs >= each) {
        return { setting: 'ingest.batch', from: ingest.batch, to: batch, unit: 'recipients' }
      }
      return {
        setting: 'ingest.latency',
        from: each,
        to: Math.floor(allowedMs / messagesOf(model)),
        unit: 'milliseconds',
      }
    }
    case 'callback': {
      const each = meanOf(callback.latency)
      const to = Math.ceil((passesOf(model) * attemptsEach(callback.error_rate) * each) / allowedMs)
      if (to > mostAtOnce) return undefined
      return {
        setting: 'callback.at_once',
        from: callback.at_once,
        to: Math.max(to, callback.at_once + 1),
        unit: 'at once',
      }
    }
    case 'start-up':
      return {
        setting: 'workers.start_up',
        from: meanOf(workers.start_up),
        to: Math.floor(allowedMs),
        unit: 'milliseconds',
      }
    default:
      return undefined
  }
}

/** More workers, or more recipients at once in each; where a single message takes too long, only these. */
function workersFor(model: Model, allowedMs: number): Change | undefined {
  const { workers, ingest } = model
  const rounds = Math.floor(allowedMs / messageTimeOf(model))
  const count = rounds < 1 ? Infinity : Math.ceil(messagesOf(model) / rounds)
  const chain = Object.values(chainOf(model)).reduce((sum, ms) => sum + ms, 0)
  const perMessage = allowedMs / Math.ceil(messagesOf(model) / workers.count) - meanOf(model.queue.receive)
  const slots = Math.max(slotsOf(model) + 1, Math.ceil((Math.min(ingest.batch, model.recipients) * chain) / perMessage))
  const atOnce =
    perMessage > 0 && slots <= Math.min(ingest.batch, mostAtOnce)
      ? { setting: 'workers.at_once', to: slots }
      : undefined
  if (count > workers.count && count <= mostWorkers) {
    return {
      setting: 'workers.count',
      from: workers.count,
      to: count,
      unit: 'workers',
      ...(atOnce === undefined ? {} : { or: atOnce }),
    }
  }
  return atOnce && { ...atOnce, from: workers.at_once, unit: 'at once' }
}

/** 27.78 → 28; 4.167 → 4.2. */
const roundedUp = (rate: number) =>
  rate >= 10 ? Math.ceil(rate - 1e-9) : Math.max(1, Math.ceil(rate * 10 - 1e-9) / 10)

function withChange(model: Model, { setting, to }: Change): Model {
  const [section, name] = setting.split('.') as [keyof Model, string]
  const below = model[section] as Record<string, unknown>
  const before = below[name]
  const value = typeof before === 'object' ? scaled(before as Distribution, to) : to
  return { ...model, [section]: { ...below, [name]: value } }
}
