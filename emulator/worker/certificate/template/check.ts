import type { z } from 'zod'
import { nearest } from '../../../../contracts/nearest.ts'
import { itemSchemas, layoutSchema, type Item, type LayoutFile } from './schema.ts'
import type { Source } from './source.ts'
import type { TemplateProblem } from './template.ts'

export interface CheckedLayout {
  readonly layout: LayoutFile
  readonly items: readonly Item[]
}

/** Collects what is wrong, with the place in the file where it stands. */
export interface Complaints {
  readonly problems: TemplateProblem[]
  add(path: readonly PropertyKey[], reason: string, fix?: string, part?: 'key' | 'value'): void
}

export function createComplaints(file: string, source: Source): Complaints {
  const problems: TemplateProblem[] = []
  return {
    problems,
    add(path, reason, fix, part) {
      problems.push({ file, ...source.place(path, part), reason, ...(fix === undefined ? {} : { fix }) })
    },
  }
}

/** The file's value as a layout; undefined where something is wrong, which is then among the complaints. */
export function checkLayout(source: Source, complaints: Complaints): CheckedLayout | undefined {
  if (!isRecord(source.value)) {
    complaints.add([], 'a template is a map of names and values', 'Begin with "page: A4", then "items:"')
    return undefined
  }
  const layout = check(layoutSchema, source.value, [], 'a template', source, complaints)
  const raw = source.value['items']
  const items = Array.isArray(raw)
    ? raw.map((item, index) => checkItem(item, ['items', index], source, complaints))
    : []
  if (layout === undefined || complaints.problems.length > 0) return undefined
  return { layout, items: items.filter((item) => item !== undefined) }
}

type ItemType = keyof typeof itemSchemas
const types = Object.keys(itemSchemas)
const isType = (type: unknown): type is ItemType => typeof type === 'string' && Object.hasOwn(itemSchemas, type)

function checkItem(
  item: unknown,
  path: readonly PropertyKey[],
  source: Source,
  complaints: Complaints,
): Item | undefined {
  const list = `${types.slice(0, -1).join(', ')} or ${types.at(-1)}`
  if (!isRecord(item)) {
    complaints.add(path, 'an item is a map', `Begin it with "- type:", which is ${list}`)
    return undefined
  }
  const { type } = item
  if (!isType(type)) {
    const meant = typeof type === 'string' ? nearest(type, types) : types.find((name) => name in item)
    const fix = meant === undefined ? `Write ${list}` : `Write "type: ${meant}"`
    if (type === undefined) complaints.add(path, 'the item has no type', fix)
    else complaints.add([...path, 'type'], `there is no item of the type ${shown(type)}`, fix)
    return undefined
  }
  return check<Item>(itemSchemas[type], item, path, `a ${type}`, source, complaints)
}

function check<T>(
  schema: z.ZodType<T> & { readonly shape: object },
  value: unknown,
  path: readonly PropertyKey[],
  what: string,
  source: Source,
  complaints: Complaints,
): T | undefined {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  for (const issue of parsed.error.issues) complain(issue, { schema, value, path, what, source, complaints })
  return undefined
}

interface Checked {
  readonly schema: { readonly shape: object }
  readonly value: unknown
  readonly path: readonly PropertyKey[]
  readonly what: string
  readonly source: Source
  readonly complaints: Complaints
}

function complain(issue: z.core.$ZodIssue, { schema, value, path, what, source, complaints }: Checked): void {
  const at = [...path, ...issue.path]
  if (issue.code === 'unrecognized_keys') {
    const known = issue.path.length === 0 ? Object.keys(schema.shape) : []
    for (const key of issue.keys) {
      const meant = known.length === 0 ? undefined : nearest(key, known)
      const fix =
        meant === undefined ? (known.length === 0 ? undefined : `Known are ${known.join(', ')}`) : `Write ${meant}`
      complaints.add([...at, key], `"${key}" is no key of ${what}`, fix, 'key')
    }
    return
  }
  const name = issue.path.map(String).join('.')
  const given = issue.path.reduce<unknown>(
    (inner, part) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<PropertyKey, unknown>)[part] : undefined,
    value,
  )
  if (given === undefined) {
    complaints.add(at, `${what} must have ${name}`)
    return
  }
  const { line } = source.place(at, 'key')
  if (given === null) {
    // `color: #16263f` is a key without a value, and a comment.
    const comment = /:\s+(#[0-9a-f]{3,6})\s*$/i.exec(source.line(line))?.[1]
    const fix =
      comment === undefined ? undefined : `A # begins a comment: put the colour into quotes, ${name}: '${comment}'`
    complaints.add(at, `${name} has no value`, fix, 'key')
    return
  }
  if (typeof given === 'object' && issue.code === 'invalid_type' && issue.expected === 'string') {
    const [first] = Object.keys(given)
    const fix = `Braces without quotes are a map: put the text into quotes, ${name}: '{${first ?? 'fullname'}}'`
    complaints.add(at, `${name} must be text`, Array.isArray(given) ? undefined : fix)
    return
  }
  const reason = issue.message.startsWith('must') ? issue.message : rangeOf(issue)
  complaints.add(at, `${name} ${reason}, and is ${shown(given)}`)
}

function rangeOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'too_small') return `must be at least ${issue.minimum}`
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}`
  return `must be something else (${issue.message})`
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
