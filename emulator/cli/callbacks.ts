import { Option, type Command } from 'commander'
import { z } from 'zod'
import { alterationNames } from '../../contracts/alterations.ts'
import { nearest } from '../../contracts/nearest.ts'
import { Failure } from './failure.ts'
import { call } from './invocation.ts'
import { examples, repeated, whole, withTarget, type TargetOptions } from './options.ts'
import { columns } from './table.ts'
import { createTarget, type Target } from './target.ts'
import { createTerminal, type Terminal } from './terminal.ts'

interface ReplayOptions extends TargetOptions {
  readonly times?: number
  readonly concurrency?: number
  readonly asSent?: boolean
  readonly to?: string
  readonly tamper: readonly string[]
}

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

const probe = z.looseObject({
  id: z.string(),
  url: z.string(),
  answers: z.array(
    z.looseObject({
      tamper: z.string().nullable(),
      altered: z.boolean(),
      status: z.number().nullable(),
      words: z.string(),
      milliseconds: z.number(),
      response: z.string().nullable(),
    }),
  ),
})
type Probe = z.output<typeof probe>

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

  const replaying = command
    .command('replay <id>')
    .description('Sends one callback again now; with an option beside the outbox, showing the answers side by side.')
    .option('--times <n>', 'so many requests, of each kind', whole(1, 1000))
    .option('--concurrency <n>', 'so many at once', whole(1, 50))
    .option('--as-sent', 'byte for byte as it was sent last, instead of stamped and signed anew')
    .option('--to <url>', 'to another receiver (the hosts that callbacks may reach)')
    .addOption(
      new Option('--tamper <name>', `made wrong in a named way; may be repeated: all, ${alterationNames.join(', ')}`)
        .argParser(repeated)
        .default([], 'none'),
    )
  withTarget(replaying)
  replaying.action((id: string, options: ReplayOptions) => replay(id, options))

  examples(command, [
    ['offload callbacks', 'the newest, and what Moodle answered'],
    ['offload callbacks list --state dead', 'those that were given up'],
    ['offload callbacks show c7f2', 'the beginning of an id is enough'],
    ['offload callbacks replay c7f2', 'once more, after the cause is mended'],
    ['offload callbacks replay c7f2 --times 10 --concurrency 10', 'ten at once: is it applied once?'],
    ['offload callbacks replay c7f2 --as-sent', 'the very bytes of the last attempt'],
    ['offload callbacks replay c7f2 --tamper all', 'every alteration: all must be refused (exit 1 where one is not)'],
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

async function replay(id: string, options: ReplayOptions): Promise<void> {
  const { url, json, times, concurrency, asSent, to, tamper } = options
  const terminal = createTerminal({ json })
  const target: Target = createTarget(url)
  const beside = [times, concurrency, asSent, to].some((given) => given !== undefined) || tamper.length > 0
  if (!beside) {
    const again = await target.post(`${path(id)}/replay`, {}, callback)
    terminal.record(again)
    if (!json) terminal.say(`callback ${again.id.slice(0, 8)} is sent again; its answer: ${call('logs')}`)
    return
  }
  const asked = {
    times: times ?? 1,
    concurrency: concurrency ?? 1,
    tamper: tamperings(tamper),
    as_sent: asSent === true,
    ...(to === undefined ? {} : { to }),
  }
  const probed = await target.post(`${path(id)}/probe`, asked, probe)
  for (const each of probed.answers) terminal.record(each)
  if (!json) sayAnswers(terminal, probed)
  // Not told from a good one: whoever can alter a callback can forge one.
  if (wronglyAccepted(probed).length > 0) process.exitCode = 1
}

function tamperings(given: readonly string[]): readonly string[] {
  if (given.includes('all')) return alterationNames
  for (const name of given) {
    if ((alterationNames as readonly string[]).includes(name)) continue
    const meant = nearest(name, alterationNames)
    throw new Failure(
      2,
      `--tamper ${name}: there is no such alteration${meant === undefined ? '' : `; ${meant} was meant?`}`,
      {
        evidence: [`there are ${alterationNames.join(', ')}`],
      },
    )
  }
  return given
}

const wronglyAccepted = ({ answers }: Probe) =>
  answers.filter(({ altered, status }) => altered && status !== null && status < 300)

function sayAnswers(terminal: Terminal, probed: Probe): void {
  const { answers } = probed
  terminal.say(`callback ${probed.id.slice(0, 8)} to ${probed.url}`)
  const rows = answers.map(({ tamper, altered, status, milliseconds, words, response }, index) => [
    index + 1,
    tamper === null ? 'as it is' : altered ? tamper : `${tamper} (nothing to alter)`,
    status ?? 'no answer',
    Math.round(milliseconds),
    answerText(status, words, response),
  ])
  terminal.say(columns(['#', 'sent', 'status', 'ms', 'answer'], rows))
  const kinds = new Set(answers.map(({ tamper, status, response }) => JSON.stringify([tamper, status, response])))
  const sorts = new Set(answers.map(({ tamper }) => tamper)).size
  if (answers.length > sorts) {
    terminal.say(kinds.size === sorts ? 'The same answer each time.' : 'The answers differ.')
  }
  const names = [...new Set(wronglyAccepted(probed).map(({ tamper }) => tamper))]
  if (names.length > 0) terminal.say(terminal.style('red', `Accepted although it was altered: ${names.join(', ')}.`))
}

const shownAnswer = 100

/** What a receiver that answers in JSON says is wrong. */
function reasonIn(response: string): string | undefined {
  try {
    const said = z.object({ reason: z.string().min(1) }).safeParse(JSON.parse(response))
    return said.success ? said.data.reason : undefined
  } catch {
    return undefined
  }
}

function answerText(status: number | null, words: string, response: string | null): string {
  const said = status === null || response === null || response === '' ? words : (reasonIn(response) ?? response)
  const text = said.replace(/\s+/g, ' ')
  return text.length > shownAnswer ? `${text.slice(0, shownAnswer)}…` : text
}
