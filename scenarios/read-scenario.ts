import { isNode, isSeq, type Document, type LineCounter } from 'yaml'
import { z } from 'zod'
import type { JournalEventType } from '../contracts/events.ts'
import { nearest } from '../contracts/nearest.ts'
import type { ConfigInput } from '../emulator/config.ts'
import { readRules } from '../emulator/kernel/faults/read-rules.ts'
import { lineOf, writtenPath } from '../emulator/kernel/yaml-path.ts'
import { readYaml } from '../emulator/kernel/yaml.ts'
import { scenarioSchema, type Scenario, type Step, type StepObject } from './schema.ts'

export interface ScenarioIssue {
  /** From 1. */
  readonly line: number
  /** Such as `expect.jobs.import.sent`. */
  readonly path: string
  readonly reason: string
}

/** A scenario whose settings and fault rules are as they were written: the emulator reads them itself. */
export interface ReadScenario extends Omit<Scenario, 'config' | 'faults' | 'steps'> {
  readonly config: ConfigInput
  readonly faults: readonly unknown[]
  readonly steps: readonly ReadStep[]
  /** The line of a path, or of the nearest around it. */
  readonly lineOf: (path: readonly PropertyKey[]) => number
}

export type ReadStep =
  | Exclude<Step, object>
  | (Omit<StepObject, 'restart' | 'faults'> & { restart?: ConfigInput; faults?: readonly unknown[] })

export type Read =
  | { readonly ok: true; readonly scenario: ReadScenario }
  | { readonly ok: false; readonly issues: readonly ScenarioIssue[] }

/** A scenario from YAML; what is wrong comes with its line and what was probably meant. */
export function readScenario(text: string, fileName: string): Read {
  const yaml = readYaml(text)
  if (!yaml.ok) return { ok: false, issues: [{ line: yaml.line, path: '', reason: yaml.reason }] }
  const { document, lines, value: raw } = yaml
  const lineAt = (path: readonly PropertyKey[]) => lineOf(document, lines, path) ?? 1
  const parsed = scenarioSchema.safeParse(raw)
  const found = [
    ...faultIssues(document, lines, text),
    ...(parsed.success ? meaning(parsed.data, fileName) : parsed.error.issues.flatMap((issue) => explain(issue, raw))),
  ]
  if (found.length > 0 || !parsed.success) {
    const issues = found
      .map((each) =>
        'line' in each ? each : { line: lineAt(each.path), path: writtenPath(each.path), reason: each.reason },
      )
      .toSorted((a, b) => a.line - b.line)
    return { ok: false, issues: issues.slice(0, 20) }
  }
  const { config = {}, faults = [], steps = [] } = raw as Partial<Pick<ReadScenario, 'config' | 'faults' | 'steps'>>
  const { steps: read } = parsed.data
  return {
    ok: true,
    scenario: {
      ...parsed.data,
      config,
      faults,
      steps:
        read === undefined
          ? [{ submit: Object.keys(parsed.data.jobs) }, { wait: 'end' }]
          : read.map((step, index) => asWritten(step, steps[index])),
      lineOf: lineAt,
    },
  }
}

function asWritten(step: Step, raw: ReadStep | undefined): ReadStep {
  if (typeof step === 'string' || typeof raw !== 'object') return step as Exclude<Step, object>
  const { restart, faults, ...rest } = step
  return {
    ...rest,
    ...(restart === undefined || raw.restart === undefined ? {} : { restart: raw.restart }),
    ...(faults === undefined || raw.faults === undefined ? {} : { faults: raw.faults }),
  }
}

interface Found {
  readonly path: readonly PropertyKey[]
  readonly reason: string
}

/** What no schema can say: names that stand for nothing. */
function meaning({ name, jobs, steps = [], expect }: Scenario, fileName: string): Found[] {
  const found: Found[] = []
  const known = new Set(Object.keys(jobs))
  const submitted = new Set<string>()
  const knowing = (job: string, path: readonly PropertyKey[], names: ReadonlySet<string> = known) => {
    if (names.has(job)) return
    const meant = nearest(job, [...names])
    const hint = meant === undefined ? ` there are ${[...names].join(', ') || 'none'}` : ` ${meant} was meant?`
    found.push({ path, reason: `there is no job "${job}":${hint}` })
  }
  if (name !== fileName) found.push({ path: ['name'], reason: `must be "${fileName}", as its file is named` })
  for (const [job, { people_of: other, recipients, bounces, addresses }] of Object.entries(jobs)) {
    if (other !== undefined) knowing(other, ['jobs', job, 'people_of'])
    const special = bounces + Object.values(addresses).reduce<number>((sum, each) => sum + (each ?? 0), 0)
    if (special > recipients)
      found.push({ path: ['jobs', job], reason: `has ${recipients} recipients and ${special} special addresses` })
  }
  for (const [index, step] of steps.entries()) {
    if (typeof step === 'string') continue
    const at = ['steps', index]
    step.submit?.forEach((job) => knowing(job, [...at, 'submit']))
    step.submit?.forEach((job) => submitted.add(job))
    if (step.post !== undefined) knowing(step.post.job, [...at, 'post', 'job'])
    if (step.retry !== undefined) {
      knowing(step.retry.job, [...at, 'retry', 'job'], submitted)
      known.add(step.retry.as)
      submitted.add(step.retry.as)
    }
    if (step.replay !== undefined) knowing(step.replay.job, [...at, 'replay', 'job'], submitted)
    if (step.open !== undefined) knowing(step.open.certificate_of, [...at, 'open', 'certificate_of'], submitted)
  }
  for (const job of Object.keys(expect.jobs)) knowing(job, ['expect', 'jobs', job])
  const types = eventTypes as readonly string[]
  for (const type of Object.keys(expect.events)) {
    if (types.includes(type)) continue
    const meant = nearest(type, types)
    found.push({
      path: ['expect', 'events', type],
      reason: `is no type of entry in the journal${meant === undefined ? '' : `: ${meant} was meant?`}`,
    })
  }
  return found
}

/** A record, so that a type that is missing here does not compile. */
const everyType: Readonly<Record<JournalEventType, true>> = {
  'job.accepted': true,
  'job.duplicate': true,
  'job.submitted': true,
  'job.refused': true,
  'job.advice': true,
  'job.status': true,
  'job.finding': true,
  'message.dead': true,
  'certificate.stored': true,
  'mail.accepted': true,
  'mail.found': true,
  'mail.ambiguous': true,
  'mail.feedback': true,
  'recipient.outcome': true,
  'recipient.retry': true,
  'pass.ended': true,
  'callback.created': true,
  'callback.attempt': true,
  'callback.settled': true,
  'moodle.submitted': true,
  'moodle.duplicate': true,
  'moodle.callback': true,
  'state.reset': true,
  'emulator.started': true,
  'worker.invoked': true,
  'mail.submitted': true,
  'mail.refused': true,
  'mail.reported': true,
  'fault.injected': true,
  'faults.set': true,
  'worker.restarted': true,
  'callback.replayed': true,
  'alarm.changed': true,
  'mail.webhook-lost': true,
}
const eventTypes = Object.keys(everyType)

/** The rules' own reader says best what is wrong with them; it gets them where they stand, so its lines are right. */
function faultIssues(document: Document, lines: LineCounter, text: string): ScenarioIssue[] {
  const places: (readonly PropertyKey[])[] = [['faults']]
  const steps = document.get('steps')
  if (isSeq(steps)) steps.items.forEach((_, index) => places.push(['steps', index, 'faults']))
  return places.flatMap((path) => {
    const rules = rulesAt(document, lines, text, path)
    if (rules === '') return []
    const read = readRules(rules)
    if (read.ok) return []
    return read.issues.map(({ line = 1, path: inner, reason }) => ({
      line,
      path: `${writtenPath(path)}${inner}`,
      reason,
    }))
  })
}

/** The text of the rules at a path, on its own lines. */
function rulesAt(document: Document, lines: LineCounter, text: string, path: readonly PropertyKey[]): string {
  const node = document.getIn(path, true)
  if (!isNode(node) || node.range == null) return ''
  const [begin, end] = node.range
  const { line, col } = lines.linePos(begin)
  return `${'\n'.repeat(line - 1)}${' '.repeat(col - 1)}${text.slice(begin, end)}`
}

function explain(issue: z.core.$ZodIssue, raw: unknown): Found[] {
  const { path } = issue
  // The rules' own reader has said it.
  if (path.includes('faults')) return []
  const given = path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    raw,
  )
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = knownAt(path)
      return issue.keys.map((key) => {
        const meant = nearest(key, known)
        const hint =
          meant === undefined ? (known.length > 0 ? `: there are ${known.join(', ')}` : '') : `: ${meant} was meant?`
        return { path: [...path, key], reason: `is not known here${hint}` }
      })
    }
    case 'invalid_union': {
      const named = issue.errors.find(([first]) => first?.code === 'invalid_value' && first.path.length === 0)
      if (typeof given === 'string' && named !== undefined && issue.message === 'Invalid input') {
        return named.flatMap((inner) => explain({ ...inner, path }, raw))
      }
      const [branch] = issue.errors.toSorted((a, b) => depthOf(b) - depthOf(a))
      if (branch === undefined || depthOf(branch) === 0 || !/invalid input/i.test(issue.message))
        return [{ path, reason: issue.message }]
      return branch.flatMap((inner) => explain({ ...inner, path: [...path, ...inner.path] }, raw))
    }
    case 'invalid_value': {
      const values = issue.values.map(String)
      const meant = typeof given === 'string' ? nearest(given, values) : undefined
      const hint = meant === undefined ? `must be one of ${values.join(', ')}` : `${meant} was meant?`
      return [{ path, reason: `${JSON.stringify(given)}: ${hint}` }]
    }
    case 'invalid_type':
      return [
        { path, reason: given === undefined ? 'is missing' : `${JSON.stringify(given)}: must be ${issue.expected}` },
      ]
    default:
      return [{ path, reason: issue.message }]
  }
}

const depthOf = (issues: readonly z.core.$ZodIssue[]) =>
  Math.max(0, ...issues.map(({ path, code }) => path.length * 2 + (code === 'unrecognized_keys' ? 1 : 0)))

/** The names that are possible at a path. */
function knownAt(path: readonly PropertyKey[]): string[] {
  let at: unknown = scenarioSchema
  for (const key of path) at = inside(at, key)
  at = bare(at)
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}

function inside(schema: unknown, key: PropertyKey): unknown {
  const at = bare(schema)
  if (at instanceof z.ZodObject) return (at.shape as Record<PropertyKey, unknown>)[key]
  if (at instanceof z.ZodArray) return at.element
  if (at instanceof z.ZodRecord) return at.valueType
  return undefined
}

function bare(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return bare(schema.unwrap())
  if (schema instanceof z.ZodUnion) return bare(schema.options.find((option) => bare(option) instanceof z.ZodObject))
  return schema
}
