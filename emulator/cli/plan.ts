import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { foretell } from '../../load/plan/estimate.ts'
import { fit, fitWorkers } from '../../load/plan/fit.ts'
import { flagOf, settings } from '../../load/plan/flags.ts'
import type { Model, ModelInput } from '../../load/plan/model.ts'
import { planOf, type Plan } from '../../load/plan/plan.ts'
import { laidOver, readModel } from '../../load/plan/read-model.ts'
import {
  bottleneckInWords,
  leastInWords,
  modelInWords,
  remedyInWords,
  stageRows,
  verdictInWords,
} from '../../load/plan/words.ts'
import { writtenPath } from '../kernel/yaml-path.ts'
import { messageOf } from '../kernel/errors.ts'
import { Failure } from './failure.ts'
import { listenForInterruption } from './interruption.ts'
import { systemClock } from '../kernel/clock.ts'
import { examples, withJson } from './options.ts'
import { createProgress } from './progress.ts'
import { columns } from './table.ts'
import { createTerminal, type Terminal } from './terminal.ts'

interface PlanFlags extends Record<string, unknown> {
  readonly model?: string
  readonly fit?: string
  readonly certificate?: boolean
  readonly quick?: boolean
  readonly seed?: string
  readonly json?: boolean
}

/** Of a missed budget, as k6 has it. */
const missed = 99

const groups: Readonly<Record<string, string>> = {
  recipients: 'What is asked:',
  mail: 'Mail:',
  workers: 'Workers:',
  ingest: 'Submission and queue:',
  certificate: 'Certificates:',
  callback: 'Callbacks:',
}

export function define(command: Command): void {
  command.description(
    'Foretells, on a virtual clock, whether a deployment mails so many recipients in time, what holds it up, and which ' +
      'setting to change by how much. What is not said takes no time, never fails and has no limit.',
  )
  for (const [path, flag, description] of settings) {
    const group = groups[path.split('.')[0] ?? '']
    if (group !== undefined) command.optionsGroup(group)
    command.option(flag, description)
    if (path === 'recipients') continue
    if (path === 'certificate.store') command.option('--certificate', 'with a certificate for each')
  }
  command
    .optionsGroup('Where it comes from:')
    .option('--model <file>', 'all of these from a YAML file; flags win over it')
    .option('--fit <report>', 'latencies from a recorded run: the JSON report of offload load')
    .optionsGroup('How:')
    .option('--quick', 'by arithmetic alone, in no time; as it is for more than 100,000 recipients')
    .option('--seed <seed>', 'other draws of the same distributions')
  withJson(command)
  examples(command, [
    ['offload plan --mail-rate 14', "SES's usual rate: misses half an hour, and says what would do"],
    [
      'offload plan --mail-rate 28 --workers 10 --mail-latency p50=90ms,p95=250ms',
      'ten workers, one mail at a time each',
    ],
    ['offload plan --certificate --render-latency 80ms..200ms --store-latency 40ms --workers 20', 'with certificates'],
    ['offload plan --model deployment.yaml --recipients 100000 --budget 1h', 'a deployment from a file'],
    ['offload plan --model deployment.yaml --fit offload-load.json', 'with the latencies of a run that was recorded'],
  ])
  command.addHelpText(
    'after',
    `
<d> is a time (120ms), a range (80ms..200ms) or a lognormal by its percentiles (p50=90ms,p95=250ms). The file has the same
settings as a tree: mail: { rate: 14 }, workers: { count: 10, at_once: 1 }; load/plan/README.md shows all.
Exits 0 where the budget is kept, 99 where it is missed, 2 where the model is wrong.`,
  )
  command.action((flags: PlanFlags) => plan(flags))
}

async function plan(flags: PlanFlags): Promise<void> {
  const terminal = createTerminal({ json: flags.json })
  const model = modelOf(flags, terminal)
  terminal.say(modelInWords(model))
  if (terminal.live) terminal.note(`  ${foretell(model)}, by arithmetic`)
  const progress = await createProgress(terminal)
  void listenForInterruption(systemClock()).happened.then(() => {
    progress.stop()
    process.exit(130)
  })
  const planned = await planOf(model, {
    seed: flags.seed,
    quick: flags.quick,
    onProgress: ({ of, done, total }) =>
      progress.update(of === 1 ? 'simulating it   ' : 'and with a change', done, total),
  })
  progress.stop()
  const { verdict, ...rest } = planned
  terminal.record({ id: 'plan/budget', verdict, ...rest })
  if (!terminal.json) say(terminal, planned)
  process.exitCode = verdict === 'pass' ? 0 : missed
}

function say({ say: line, style }: Terminal, planned: Plan): void {
  const { verdict, misses, remedy, least, hazards, outcome } = planned
  const passed = verdict === 'pass'
  line(`\n${passed ? style('green', '✓') : style('red', '✗')} ${verdictInWords(planned)}`)
  // The first line says it of the budget.
  for (const { what, text } of misses) if (what !== 'budget') line(`  ${style('red', text)}`)
  line(`  Bottleneck: ${bottleneckInWords(planned)}`)
  if (remedy !== undefined) line(`  → ${remedyInWords(remedy)}`)
  else if (!passed && planned.makespanMs > planned.budgetMs) line('  → no single setting that is known here would do')
  if (least !== undefined) line(`  ${leastInWords(least)}`)
  for (const text of hazards) line(`  ${style('yellow', '!')} ${text}`)
  line(`\n${columns(['stage', 'limit', 'alone', 'used', 'seen'], stageRows(planned))}`)
  if (outcome !== undefined && outcome.failed + outcome.retried > 0) {
    line(`\n${outcome.sent} sent, ${outcome.failed} failed or bounced, ${outcome.retried} attempts retried`)
  }
}

/** The model from its file, what was fitted over it, and the flags over both. */
function modelOf(flags: PlanFlags, terminal: Terminal): Model {
  const { model: file, fit: report } = flags
  const text = file === undefined ? '' : textOf(file, '--model')
  const given = inputOf(flags)
  if (report === undefined) return checked(text, given, file)
  const fitted = fit(textOf(report, '--fit'))
  if (!fitted.ok) throw new Failure(2, `${report}: ${fitted.reason}`)
  const { notes, input, steadyRate } = fitted
  terminal.say(`fitted from ${report}:`)
  for (const note of notes) terminal.say(`  ${note}`)
  const over = laidOver(input, given) as ModelInput
  const model = checked(text, over, file)
  if (steadyRate === undefined || given.mail?.latency !== undefined) return model
  const workers = fitWorkers(model, steadyRate)
  terminal.say(`  ${workers.note}`)
  if (!('mailMs' in workers)) return model
  return { ...model, mail: { ...model.mail, latency: { kind: 'constant', ms: workers.mailMs } } }
}

function checked(text: string, over: ModelInput, file: string | undefined): Model {
  const read = readModel(text, over)
  if (read.ok) return read.model
  const lines = read.issues.map(({ line, path, text: reason }) => {
    if (line !== undefined) return `${file}:${line} ${reason}`
    return `${flagOf(writtenPath(path)) ?? 'the model'}: ${reason.replace(`${writtenPath(path)}: `, '')}`
  })
  throw new Failure(2, file === undefined ? 'a flag is wrong' : `${file} cannot be used`, { evidence: lines })
}

/** The flags as they were written, at their places in the model. */
function inputOf(flags: PlanFlags): ModelInput {
  let input: unknown = flags.certificate === true ? { certificate: {} } : {}
  for (const [path, flag] of settings) {
    const value = flags[camelCase(flag)]
    if (value === undefined) continue
    const [section = '', name] = path.split('.')
    input = laidOver(input, name === undefined ? { [section]: value } : { [section]: { [name]: value } })
  }
  return input as ModelInput
}

/** As commander names it: `--mail-rate <n>` → `mailRate`. */
const camelCase = (flag: string) =>
  flag.replace(/^--| .*$/g, '').replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())

function textOf(path: string, flag: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Failure(2, `${flag} ${path} cannot be read: ${messageOf(error)}`)
  }
}
