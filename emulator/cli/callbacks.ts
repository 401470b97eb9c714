import type { Command } from 'commander'
import { z } from 'zod'
import { call } from './invocation.ts'
import { examples, whole, withTarget, type TargetOptions } from './options.ts'
import { columns } from './table.ts'
import { createTarget, type Target } from './target.ts'
import { createTerminal, type Terminal } from './terminal.ts'

interface ListOptions extends TargetOptions {
  readonly job?: string
  readonly state?: string
  readonly last: number
}

const callback = z.looseObject({
  id: z.string(),
  job: z.string(),
  state: z.string(),
  updates: z.number(),
  attempts: z.number(),
  url: z.string().nullable(),
  reason: z.string().nullable(),
  words: z.string().nullable(),
})
const list = z.looseObject({ callbacks: z.array(callback) })
const detail = callback.extend({
  body: z.string(),
  log: z.array(
    z.looseObject({ at: z.number(), status: z.number().nullable(), milliseconds: z.number(), words: z.string() }),
  ),
})

const states = ['waiting', 'delivering', 'delivered', 'dead', 'parked']

export function define(command: Command): void {
  command.description('The delivery log of the callbacks to Moodle, and replays of them, signed anew.')
  const listing = command
    .command('list', { isDefault: true })
    .description('Lists the callbacks, newest first, with what became of each.')
    .option('--job <id>', 'of one job')
    .option('--state <state>', states.join(', '))
    .option('--last <n>', 'how many', whole(1, 1000), 20)
  withTarget(listing)
  listing.action((options: ListOptions) => listCallbacks(options))

  const showing = command.command('show <id>').description('Shows one callback: its body, and every attempt.')
  withTarget(showing)
  showing.action((id: string, options: TargetOptions) => show(id, options))

  const replaying = command.command('replay <id>').description('Sends one callback again now, stamped and signed anew.')
  withTarget(replaying)
  replaying.action((id: string, options: TargetOptions) => replay(id, options))

  examples(command, [
    ['offload callbacks', 'the newest, and what Moodle answered'],
    ['offload callbacks list --state dead', 'those that were given up'],
    ['offload callbacks show c7f2', 'the beginning of an id is enough'],
    ['offload callbacks replay c7f2', 'once more, after the cause is mended'],
  ])
}

const path = (id: string) => `/_offload/callbacks/${encodeURIComponent(id)}`

const outcome = ({ state, reason, words }: z.output<typeof callback>) => (state === 'parked' ? reason : words) ?? ''

async function listCallbacks({ url, json, job, state, last }: ListOptions): Promise<void> {
  const terminal = createTerminal({ json })
  const query = new URLSearchParams({ limit: String(last), ...(job && { job }), ...(state && { state }) })
  const { callbacks } = await createTarget(url).get(`/_offload/callbacks?${query.toString()}`, list)
  for (const each of callbacks) terminal.record(each)
  if (json) return
  if (callbacks.length === 0) {
    terminal.say('No callback yet.')
    return
  }
  const rows = callbacks.map((each) => [
    each.id.slice(0, 8),
    each.job,
    each.state,
    each.updates,
    each.attempts,
    outcome(each),
  ])
  terminal.say(columns(['callback', 'job', 'state', 'updates', 'attempts', 'what came of it'], rows))
}

async function show(id: string, { url, json }: TargetOptions): Promise<void> {
  const terminal = createTerminal({ json })
  const found = await createTarget(url).get(path(id), detail)
  terminal.record(found)
  if (!json) sayDetail(terminal, found)
}

function sayDetail(terminal: Terminal, found: z.output<typeof detail>): void {
  terminal.say(`${terminal.style('bold', found.id)}  ${found.state}, job ${found.job}, to ${found.url ?? 'no address'}`)
  if (found.state === 'parked') terminal.say(outcome(found))
  const rows = found.log.map(({ at, status, milliseconds, words }) => [
    new Date(at).toLocaleString('sv-SE'),
    status ?? 'no answer',
    milliseconds,
    words,
  ])
  if (rows.length > 0) terminal.say(columns(['at', 'status', 'ms', 'in words'], rows))
  terminal.say(`\n${found.body}\n\nSend it again: ${call(`callbacks replay ${found.id.slice(0, 8)}`)}`)
}

async function replay(id: string, { url, json }: TargetOptions): Promise<void> {
  const terminal = createTerminal({ json })
  const target: Target = createTarget(url)
  const again = await target.post(`${path(id)}/replay`, {}, callback)
  terminal.record(again)
  if (!json) terminal.say(`callback ${again.id.slice(0, 8)} is sent again; its answer: ${call('logs')}`)
}
