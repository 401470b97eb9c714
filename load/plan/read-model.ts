import { z } from 'zod'
import { nearest } from '../../contracts/nearest.ts'
import { lineOf, writtenPath } from '../../emulator/kernel/yaml-path.ts'
import { readYaml } from '../../emulator/kernel/yaml.ts'
import { modelSchema, type Model, type ModelInput } from './model.ts'

export interface ModelIssue {
  /** From 1; undefined where the value did not come from the file. */
  readonly line?: number
  readonly path: readonly PropertyKey[]
  /** Such as `mail.rate: must be a number`. */
  readonly text: string
}

export type ReadModel =
  { readonly ok: true; readonly model: Model } | { readonly ok: false; readonly issues: readonly ModelIssue[] }

/** The model of a deployment from YAML, with values laid over it; what is wrong comes with its line. */
export function readModel(text: string, over: ModelInput = {}): ReadModel {
  const yaml = readYaml(text)
  if (!yaml.ok) return { ok: false, issues: [{ line: yaml.line, path: [], text: yaml.reason }] }
  const { document, lines } = yaml
  const written = yaml.value ?? {}
  const inFile = modelSchema.safeParse(written)
  if (!inFile.success) {
    const issues = inFile.error.issues.flatMap((issue) => explain(issue, written))
    const located = issues.map((issue) => {
      const line = lineOf(document, lines, issue.path)
      return { ...issue, ...(line === undefined ? {} : { line }) }
    })
    return { ok: false, issues: located.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)).slice(0, 20) }
  }
  const merged = laidOver(written, over)
  const read = modelSchema.safeParse(merged)
  if (read.success) return { ok: true, model: read.data }
  return { ok: false, issues: read.error.issues.flatMap((issue) => explain(issue, merged)) }
}

/** Objects are merged; every other value, and a distribution, replaces the one below. */
export function laidOver(below: unknown, over: unknown): unknown {
  if (over === undefined) return below
  if (!isObject(below) || !isObject(over) || 'p50' in over || 'from' in over) return over
  const names = new Set([...Object.keys(below), ...Object.keys(over)])
  return Object.fromEntries([...names].map((name) => [name, laidOver(below[name], over[name])]))
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const notATime = 'must be a time: write 500ms, 5s, 2m or 1h'

function explain(issue: z.core.$ZodIssue, raw: unknown): ModelIssue[] {
  const { path } = issue
  const say = (reason: string, at = path): ModelIssue => ({
    path: at,
    text: at.length === 0 ? reason : `${writtenPath(at)}: ${reason}`,
  })
  if (issue.code === 'unrecognized_keys') {
    const known = knownAt(path)
    return issue.keys.map((key) => {
      const meant = nearest(key, known)
      return say(
        `is not known here: ${meant === undefined ? `there are ${known.join(', ')}` : `${meant} was meant?`}`,
        [...path, key],
      )
    })
  }
  if (issue.code === 'invalid_type' && issue.expected === 'object') {
    const known = knownAt(path)
    return [say(`must be a map of settings${known.length === 0 ? '' : `: ${known.join(', ')}`}`)]
  }
  // Of a duration, which is text or a number of seconds, and is neither.
  const reason = issue.code === 'invalid_union' && issue.message === 'Invalid input' ? notATime : issue.message
  const given = path.reduce<unknown>((value, key) => (isObject(value) ? value[String(key)] : undefined), raw)
  return [
    say(
      given === undefined || reason.startsWith(JSON.stringify(given)) ? reason : `${JSON.stringify(given)}: ${reason}`,
    ),
  ]
}

/** The names that are possible at a path. */
function knownAt(path: readonly PropertyKey[]): string[] {
  let at: unknown = modelSchema
  for (const key of path) {
    at = at instanceof z.ZodObject ? (at.shape as Record<PropertyKey, unknown>)[key] : undefined
    while (at instanceof z.ZodPrefault || at instanceof z.ZodOptional || at instanceof z.ZodDefault) at = at.unwrap()
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}
