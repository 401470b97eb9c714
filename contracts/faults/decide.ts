import { hash } from 'node:crypto'
import type { OperationName } from './operations.ts'
import type { Delay, Rule, Selector } from './rule.ts'

/** Whom an operation is for, as far as it knows. */
export interface Subject {
  readonly tenant?: number | undefined
  readonly job?: string | undefined
  readonly type?: string | undefined
  /** The recipient's key. */
  readonly recipient?: string | undefined
  /** Of all whom it is for; patterns are tried on each. */
  readonly addresses?: readonly string[] | undefined
  /** The recipient's place in its job, from 1; asked for only where a rule counts. */
  readonly ordinal?: (() => number) | undefined
  /** What else tells this call from another: a message's hash, an object's key. */
  readonly identity?: string | undefined
  /** From 1; where nobody counts attempts, the engine does. */
  readonly attempt?: number | undefined
}

/** From 0 to 1 (excluded), the same for the same parts. */
export function fraction(...parts: readonly (string | number)[]): number {
  return parseInt(hash('sha256', JSON.stringify(parts)).slice(0, 13), 16) / 16 ** 13
}

/** What makes a subject the one that it is, whatever the order of things. */
export function identityOf(subject: Subject): readonly (string | number)[] {
  return [subject.tenant ?? '', subject.job ?? '', subject.recipient ?? '', subject.identity ?? '']
}

/**
 * Whether the rule has chosen this subject: a function of (seed, rule, operation, tenant, job, recipient) and, for
 * windows, of the time; never of the order of things. A share chooses victims, not attempts: who is chosen stays so, and
 * `times` (see `isSpent`) says how often it is hit.
 */
export function isChosen(
  { name, when }: Rule,
  { seed, operation, subject, window }: { seed: string; operation: OperationName; subject: Subject; window: boolean },
): boolean {
  if (!window) return false
  if (!fits(when, subject)) return false
  if (when.every !== undefined || when.nth !== undefined) {
    const ordinal = subject.ordinal?.() ?? 0
    if (ordinal === 0) return false
    if (when.every !== undefined && ordinal % when.every !== 0) return false
    if (when.nth !== undefined && !when.nth.includes(ordinal)) return false
  }
  return when.share === undefined || fraction(seed, name, operation, ...identityOf(subject)) < when.share
}

function fits(when: Selector, { tenant, type, job, recipient, addresses = [] }: Subject): boolean {
  if (when.tenant !== undefined && (tenant === undefined || !when.tenant.includes(tenant))) return false
  if (when.type !== undefined && (type === undefined || !when.type.includes(type))) return false
  if (when.job !== undefined && (job === undefined || !when.job.includes(job))) return false
  if (when.recipient === undefined) return true
  const names = recipient === undefined ? addresses : [recipient, ...addresses]
  return when.recipient.some((pattern) => {
    const expression = patternOf(pattern)
    return names.some((name) => expression.test(name))
  })
}

/** `*` for any text, `?` for one character; without regard to case. */
function patternOf(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 'is')
}

/** How long it takes this time, in milliseconds. */
export function drawDelay(delay: Delay, ...identity: readonly (string | number)[]): number {
  switch (delay.kind) {
    case 'constant':
      return delay.ms
    case 'uniform':
      return Math.round(delay.from + (delay.to - delay.from) * fraction('uniform', ...identity))
    case 'lognormal': {
      // Box and Muller: two fractions make a normally distributed number.
      const radius = Math.sqrt(-2 * Math.log(1 - fraction('radius', ...identity)))
      const normal = radius * Math.cos(2 * Math.PI * fraction('angle', ...identity))
      return Math.round(delay.median * Math.exp(delay.sigma * normal))
    }
  }
}
