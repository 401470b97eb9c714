import { nearest } from '../nearest.ts'
import type { Rules } from './section.ts'
import type { Finding } from './verdict.ts'

const demands = ['required', 'advised', 'skipped'] as const
type Demand = (typeof demands)[number]

const groupOf = (id: string): string => id.split('/')[0] ?? id

/** What the configuration asks of a case, and why; a case's own name counts before that of its group. */
function demandOf(id: string, rules: Rules): { readonly demand: Demand; readonly why: string } | undefined {
  for (const name of [id, groupOf(id)]) {
    for (const demand of demands) {
      const why = rules[demand][name]
      if (why !== undefined) return { demand, why }
    }
  }
  return undefined
}

/** Why a case is not to be run; undefined where it is. */
export function leftOut(id: string, rules: Rules): string | undefined {
  const asked = demandOf(id, rules)
  return asked?.demand === 'skipped' ? asked.why : undefined
}

/**
 * A finding as the configuration wants it judged. `blocked`: nothing could be seen of this suite, and a failure says so;
 * what was skipped for that is no failure of its own.
 */
export function asDemanded<One extends Finding>(finding: One, rules: Rules, blocked = false): One {
  const asked = demandOf(finding.id, rules)
  if (asked === undefined) return finding
  const { demand, why } = asked
  const { verdict, reason } = finding
  if (demand === 'skipped') return { ...finding, verdict: 'skip', reason: `left out: ${why}` }
  if (demand === 'advised') {
    return {
      ...finding,
      level: 'advised',
      reason: verdict === 'fail' ? `${reason}; it is only advised: ${why}` : reason,
    }
  }
  const unseen = verdict === 'skip' || verdict === 'unobserved'
  if (!unseen || blocked) return { ...finding, level: 'required' }
  return {
    ...finding,
    level: 'required',
    verdict: 'fail',
    reason: `it is required (${why}), and was ${verdict === 'skip' ? 'skipped' : 'not seen'}: ${reason}`,
    fix: finding.fix ?? 'give the check what it needs to see this, or take the case out of `required`',
  }
}

/** Names that stand for nothing, or stand twice: where they are, and what was probably meant. */
export function wrongNames(
  rules: Rules,
  cases: readonly string[],
): readonly { readonly path: readonly [Demand, string]; readonly reason: string }[] {
  const known = [...new Set([...cases, ...cases.map(groupOf)])]
  return demands.flatMap((demand, index) =>
    Object.keys(rules[demand]).flatMap((name) => {
      const path = [demand, name] as const
      const before = demands.slice(0, index).find((other) => rules[other][name] !== undefined)
      if (before !== undefined) return [{ path, reason: `stands under ${before} too` }]
      if (known.includes(name)) return []
      const meant = nearest(name, known)
      return [{ path, reason: `is no case${meant === undefined ? '' : `: ${meant} was meant?`}` }]
    }),
  )
}
