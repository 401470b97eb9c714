import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { z } from 'zod'
import { operationNames, rowOf, selectorsOf } from '../../contracts/faults/operations.ts'
import { readRules } from '../kernel/faults/read-rules.ts'
import { Failure } from './failure.ts'
import { call } from './invocation.ts'
import { examples, withJson, withTarget, type TargetOptions } from './options.ts'
import { columns } from './table.ts'
import { createTarget } from './target.ts'
import { createTerminal, type Terminal } from './terminal.ts'

const rule = z.looseObject({
  name: z.string(),
  at: z.array(z.string()),
  when: z.record(z.string(), z.unknown()),
  effect: z.looseObject({ kind: z.string() }),
  hits: z.number(),
  open: z.boolean().optional(),
})
const answer = z.looseObject({ rules: z.array(rule) })
type RuleAnswer = z.output<typeof rule>

const path = '/_offload/faults'

export function define(command: Command): void {
  command.description('Breaks things on purpose, by rules: what is to fail, for whom, and how.')

  const listing = command.command('list', { isDefault: true }).description('Lists the rules, with how often each hit.')
  withTarget(listing)
  listing.action((options: TargetOptions) => list(options))

  const setting = command
    .command('set <file>')
    .description('Replaces all rules by those of a YAML file; "-" reads standard input.')
  withTarget(setting)
  setting.action((file: string, options: TargetOptions) => set(file, options))

  const clearing = command.command('clear').description('Removes all rules.')
  withTarget(clearing)
  clearing.action((options: TargetOptions) => clear(options))

  const showing = command.command('operations').description('Lists where a fault may be, and which.')
  withJson(showing)
  showing.action((options: TargetOptions) => operations(options))

  examples(command, [
    ['offload faults', 'the rules that are set, and their hits'],
    ['offload faults set faults.yaml', 'replace them'],
    [
      `echo '[{at: worker.mail, when: {every: 10}, then: {bounce: hard}}]' | offload faults set -`,
      'every tenth bounces',
    ],
    ['offload faults operations', 'every operation with its effects and selectors'],
    ['offload faults clear', 'all is well again'],
  ])
  command.addHelpText(
    'after',
    `
A rule in YAML; the first that fits wins:
  - name: slow mail                       # optional
    at: worker.mail                       # an operation, a list, or s3.*
    when: { tenant: 7, share: 10% }       # all by default
    then: { delay: { from: 1s, to: 3s } }
Selectors: tenant, type, job, recipient (a pattern such as *@example.com), every and nth (by the recipient's place in its
job), share, times (attempts up to so many), window ({after: 10s, for: 1m} from when the rule is set).
The same seed (offload up --seed) chooses the same victims, whatever the concurrency.`,
  )
}

async function list({ url, json }: TargetOptions): Promise<void> {
  const terminal = createTerminal({ json })
  const { rules } = await createTarget(url).get(path, answer)
  show(terminal, rules, json)
}

async function set(file: string, { url, json }: TargetOptions): Promise<void> {
  const terminal = createTerminal({ json })
  const text = readText(file)
  const read = readRules(text)
  if (!read.ok) {
    const name = file === '-' ? 'standard input' : file
    const evidence = read.issues.map(
      ({ line, path: at, reason }) => `${name}${line === undefined ? '' : `:${line}`} ${at}: ${reason}`,
    )
    throw new Failure(2, `${name}: the fault rules cannot be read; none was set`, {
      evidence,
      fix: [`${call('faults operations')} lists what is possible where`],
    })
  }
  const { rules } = await createTarget(url).put(path, text, answer)
  show(terminal, rules, json)
}

async function clear({ url, json }: TargetOptions): Promise<void> {
  const terminal = createTerminal({ json })
  const { rules } = await createTarget(url).remove(path, answer)
  show(terminal, rules, json)
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new Failure(2, `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function show(terminal: Terminal, rules: readonly RuleAnswer[], json: boolean | undefined): void {
  for (const each of rules) terminal.record(each)
  if (json) return
  if (rules.length === 0) {
    terminal.say(`No fault rules. Set some: ${call('faults set FILE')}`)
    return
  }
  const rows = rules.map(({ name, at, when, effect, hits, open }) => [
    name,
    places(at),
    inWords(when) + (open === false ? ' (closed now)' : ''),
    effectInWords(effect),
    hits,
  ])
  terminal.say(columns(['rule', 'at', 'when', 'then', 'hits'], rows))
}

const value = (given: unknown): string =>
  Array.isArray(given) ? given.join('|') : typeof given === 'string' ? given : (JSON.stringify(given) ?? '')

const inWords = (when: Record<string, unknown>): string =>
  Object.entries(when).map(selectorInWords).join(', ') || 'always'

function selectorInWords([name, given]: [string, unknown]): string {
  if (name === 'share') return `share ${Math.round(Number(given) * 10_000) / 100}%`
  if (name !== 'window') return `${name} ${value(given)}`
  const window = given as { after?: number; for?: number; from?: number; until?: number }
  if (window.after !== undefined) {
    const length = window.for === undefined ? '' : `for ${seconds(window.for)}`
    return window.after === 0 ? length : `after ${seconds(window.after)} ${length}`.trimEnd()
  }
  const day = (word: string, at: number | undefined) =>
    at === undefined ? '' : `${word} ${new Date(at).toISOString()}`
  return `${day('from', window.from)} ${day('until', window.until)}`.trim()
}

function effectInWords({ kind, ...more }: RuleAnswer['effect']): string {
  return [
    kind,
    ...Object.entries(more).map(([name, given]) => (name === 'delay' ? delayInWords(given) : measure(name, given))),
  ].join(' ')
}

const seconds = (ms: unknown) => `${Number(ms) / 1000} s`

const measure = (name: string, given: unknown) => (/ms$/i.test(name) ? seconds(given) : value(given))

function delayInWords(given: unknown): string {
  const delay = given as { kind: string; ms: number; from: number; to: number; median: number; sigma: number }
  if (delay.kind === 'uniform') return `${delay.from / 1000} to ${seconds(delay.to)}`
  return delay.kind === 'lognormal' ? `about ${seconds(delay.median)} (sigma ${delay.sigma})` : seconds(delay.ms)
}

/** `s3.*` where a rule is for many of one service. */
function places(at: readonly string[]): string {
  const services = new Set(at.map((name) => name.split('.')[0]))
  return at.length > 2 && services.size === 1 ? `${[...services].join()}.* (${at.length})` : at.join(', ')
}

function operations({ json }: TargetOptions): void {
  const terminal = createTerminal({ json })
  for (const name of operationNames) {
    const { effects, codes } = rowOf(name)
    const selectors = selectorsOf(name, effects[0] ?? 'error')
    terminal.record({ operation: name, effects, selectors, codes })
    if (json) continue
    terminal.say(terminal.style('bold', name))
    terminal.say(`  then: ${effects.join(', ')}`)
    if (codes.length > 0) terminal.say(`  error: ${codes.join(', ')}`)
    terminal.say(`  when: ${selectors.join(', ')}`)
  }
}
