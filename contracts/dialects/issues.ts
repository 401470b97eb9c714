import type { z } from 'zod'
import type { Issue } from '../job.ts'

/** How many issues a refusal names one by one. */
const named = 20

/** Collects what is wrong with a message; names the first ones and counts the rest. */
export interface Issues {
  readonly count: number
  add(path: string, reason: string, fix?: string): void
  list(): readonly Issue[]
}

export function collectIssues(): Issues {
  const first: Issue[] = []
  let count = 0
  return {
    get count() {
      return count
    },
    add(path, reason, fix) {
      count++
      if (first.length < named) first.push(fix === undefined ? { path, reason } : { path, reason, fix })
    },
    list() {
      if (count <= first.length) return first
      const more = count - first.length
      return [...first, { path: '', reason: `and ${more} more ${more === 1 ? 'issue' : 'issues'} of the same message` }]
    },
  }
}

type ZodIssue = z.core.$ZodIssue

/** `recipients[3].email`; a name that is no identifier is quoted. */
export function pathText(path: readonly PropertyKey[], base = ''): string {
  let text = base
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else if (/^[A-Za-z_$][\w$]*$/.test(String(part))) text += (text === '' ? '' : '.') + String(part)
    else text += `[${JSON.stringify(String(part).slice(0, 60))}]`
  }
  return text
}

/** A zod issue in words. `value` is what stands at the issue's path; its content is never repeated. */
export function reasonOf(issue: ZodIssue, value: unknown): string {
  if (value === undefined) return 'is missing'
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${article(issue.expected)}, not ${kindOf(value)}`
    case 'too_big':
      if (issue.maximum === Number.MAX_SAFE_INTEGER)
        return 'is an integer beyond 2^53, whose last digits are already lost'
      return issue.origin === 'string'
        ? `is longer than ${issue.maximum} characters`
        : `must be at most ${issue.maximum}`
    case 'too_small':
      if (issue.origin === 'string') return 'is empty'
      if (issue.origin === 'array') return 'is empty'
      return `must be at least ${issue.minimum}`
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`
    default:
      return issue.message
  }
}

/** What a value is, without saying what it holds. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'an object'
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string'
  if (typeof value === 'boolean') return String(value)
  return typeof value === 'number' && !Number.isInteger(value) ? 'a number with a fraction' : `a ${typeof value}`
}

function article(expected: string): string {
  const words: Record<string, string> = { array: 'a list', object: 'an object', record: 'an object', int: 'an integer' }
  return words[expected] ?? `a ${expected}`
}

export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let inner = value
  for (const part of path) {
    if (typeof inner !== 'object' || inner === null) return undefined
    inner = (inner as Record<PropertyKey, unknown>)[part]
  }
  return inner
}
