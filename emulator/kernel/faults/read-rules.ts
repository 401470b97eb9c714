import { isMap } from 'yaml'
import { z } from 'zod'
import { effectNames, operationNames, selectorNames } from '../../../contracts/faults/operations.ts'
import { ruleInput } from '../../../contracts/faults/rule.ts'
import { nearest } from '../../../contracts/nearest.ts'
import { lineOf, writtenPath } from '../yaml-path.ts'
import { readYaml } from '../yaml.ts'
import type { ParsedRule } from './faults.ts'

export interface RuleIssue {
  /** From 1; undefined where it is the whole text. */
  readonly line?: number
  /** Such as `faults[0].then.error`. */
  readonly path: string
  readonly reason: string
}

export type ReadRules =
  | { readonly ok: true; readonly rules: readonly ParsedRule[] }
  | { readonly ok: false; readonly issues: readonly RuleIssue[] }

const noEffect = 'must name exactly one effect'

const list = z.array(ruleInput).max(200)

/** Fault rules from YAML (or JSON, which is YAML): a list, or a map whose `faults` is one. */
export function readRules(text: string): ReadRules {
  const read = readYaml(text)
  if (!read.ok) return { ok: false, issues: [{ line: read.line, path: '', reason: read.reason }] }
  const { document, lines, value } = read
  const root = isMap(document.contents) && document.contents.items.length === 1 ? ['faults'] : []
  const rules = root.length === 0 ? value : (value as Record<string, unknown>)['faults']
  const parsed = list.safeParse(rules ?? (value === null ? [] : rules))
  if (parsed.success) return { ok: true, rules: parsed.data }
  const issues = parsed.error.issues
    .flatMap((issue) => explain(issue, rules))
    .map(({ path, reason }): RuleIssue => {
      const at = lineOf(document, lines, [...root, ...path])
      return { ...(at === undefined ? {} : { line: at }), path: writtenPath([...root, ...path]), reason }
    })
  // Where an effect is misspelt, that there is none needs no saying.
  const told = issues.filter(
    ({ path, reason }) => !reason.startsWith(noEffect) || !issues.some((other) => other.path.startsWith(`${path}.`)),
  )
  return { ok: false, issues: told.slice(0, 20) }
}

interface Explained {
  readonly path: readonly PropertyKey[]
  readonly reason: string
}

const ruleNames = ['name', 'at', 'when', 'then']

function explain(issue: z.core.$ZodIssue, rules: unknown): Explained[] {
  const { path } = issue
  const given = valueAt(rules, path)
  switch (issue.code) {
    case 'unrecognized_keys': {
      const parent = path.at(-1)
      const known: readonly string[] =
        parent === 'then' ? effectNames : parent === 'when' ? selectorNames : path.length <= 1 ? ruleNames : []
      const what = parent === 'then' ? 'effect' : parent === 'when' ? 'selector' : 'name in a rule'
      return issue.keys.map((key) => ({ path: [...path, key], reason: `is no ${what}${hint(key, known)}` }))
    }
    case 'invalid_union': {
      const branch = bestBranch(issue.errors, given)
      if (branch === undefined) return [{ path, reason: issue.message }]
      return branch.flatMap((inner) => explain({ ...inner, path: [...path, ...inner.path] }, rules))
    }
    case 'invalid_value': {
      const known = issue.values.map(String)
      if (path[1] === 'at') return [{ path, reason: `${shown(given)} is no operation${hint(String(given), known)}` }]
      if (path.at(-1) === 'then') return [{ path, reason: notAnEffect(String(given)) }]
      return [{ path, reason: `${shown(given)}: must be one of ${known.join(', ')}` }]
    }
    case 'invalid_type':
      if (path.length === 0) return [{ path, reason: 'must be a list of rules, or a map whose "faults" is one' }]
      if (given === undefined) return [{ path, reason: 'is missing' }]
      return [{ path, reason: `${shown(given)}: must be ${article(issue.expected)}` }]
    default:
      return [{ path, reason: issue.message }]
  }
}

function notAnEffect(given: string): string {
  const example = { error: 'CODE', delay: '2s', late: '10m', 'clock-skew': '10m', crash: 'before' }[given]
  if (example !== undefined) return `${given} needs to know more: write { ${given}: ${example} }`
  return `${shown(given)} is no effect${hint(given, effectNames)}`
}

/** Of a union's branches the one that was meant: the one whose first objection lies deepest, or is about the value. */
function bestBranch(branches: readonly (readonly z.core.$ZodIssue[])[], given: unknown) {
  const depth = (issues: readonly z.core.$ZodIssue[]) =>
    Math.max(...issues.map(({ code, path }) => path.length * 2 + (code === 'invalid_type' ? 0 : 1)))
  const fitting = branches.filter((issues) => {
    const [first] = issues
    const structure = typeof given === 'object' && given !== null
    return (
      first !== undefined &&
      !(structure && first.path.length === 0 && ['invalid_type', 'invalid_value'].includes(first.code))
    )
  })
  return fitting.toSorted((a, b) => depth(b) - depth(a))[0]
}

function hint(name: string, known: readonly string[]): string {
  const meant = nearest(name, known)
  if (meant !== undefined) return `: ${meant} was meant?`
  const shown = known === operationNames || known.length > 40 ? [...new Set(known.map(serviceOf))] : known
  return shown.length === 0 ? '' : `: there are ${shown.join(', ')}`
}

const serviceOf = (name: string) => `${name.split('.')[0]}.…`
const shown = (value: unknown) => JSON.stringify(value) ?? 'nothing'
const article = (name: string) => (/^[aeiou]/.test(name) ? `an ${name}` : `a ${name}`)

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  )
}
