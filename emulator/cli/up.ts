import type { Command } from 'commander'
import type { RequestLine } from '../emulator.ts'
import { systemClock } from '../kernel/clock.ts'
import { readConfiguration } from './configuration.ts'
import { listenForInterruption } from './interruption.ts'
import { createLogLines } from './log-lines.ts'
import { examples, repeated, withJson } from './options.ts'
import { welcome } from './welcome.ts'
import { startEmulator } from './start.ts'
import { createTerminal } from './terminal.ts'

interface UpOptions extends Record<string, unknown> {
  readonly json?: boolean
  readonly config?: string
  readonly showSettings?: boolean
}

export function define(command: Command): void {
  command
    .description('Starts the emulator and shows what happens in it, until Ctrl-C.')
    .optionsGroup('Where it listens:')
    .option('--port <port>', 'everything AWS, POST /jobs and the page (default 4566; 0 takes a free one)')
    .option('--smtp-port <port>', "the inbox's SMTP (default 1025)")
    .option('--inbox-port <port>', 'the inbox, with the API of Mailpit (default 8025)')
    .option('--host <address>', 'listen on this address (default 127.0.0.1); may be repeated', repeated)
    .option('--public-url <url>', 'base URL for links that others open, e.g. http://host.docker.internal:4566')
    .optionsGroup('What it keeps:')
    .option('--data-dir <folder>', 'where the state is kept (default .offload)')
    .option('--ephemeral', 'keep nothing: a temporary state, gone at the end')
    .option('--config <file>', 'the configuration file (default offload.config.yaml, where there is one)')
    .optionsGroup('How it works:')
    .option(
      '--worker <kind>',
      'who takes the queue: builtin (default); none; lambda:URL invokes a Lambda-style endpoint; exec:COMMAND starts a handler (an event a line of JSON on stdin, its answer a line on stdout)',
    )
    .option('--seed <seed>', 'the same seed gives the same ids')
    .option('--speed <factor>', 'make delays shorter: 60 turns the 2-minute retry into 2 s (default 1)')
    .option('--faults <file>', 'break things on purpose: fault rules in YAML (offload faults --help)')
    .option('--verify-signatures', 'refuse AWS requests whose SigV4 signature is wrong')
    .optionsGroup('Callbacks to Moodle:')
    .option('--callback-url <[tenant=]url>', 'for jobs that name no callback_url; may be repeated', repeated)
    .option('--callback-delay <time>', 'wait so long after the submit (default 1s)')
    .option('--callback-connect-to <h:p:h:p>', "connect elsewhere, as curl's --connect-to; may be repeated", repeated)
    .option('--allow-callback-host <host>', 'allow a host that is not of this machine; may be repeated', repeated)
    .optionsGroup('Mail to a Mailpit instead of the embedded inbox:')
    .option('--mailpit <url>', 'its web address, e.g. http://127.0.0.1:8025')
    .option('--smtp <host:port>', 'its SMTP address, e.g. 127.0.0.1:1025')
    .optionsGroup('Output:')
    .option('--show-settings', "print Moodle's settings for every dialect and set-up, not only the most common")
  withJson(command)
  examples(command, [
    ['offload up', 'the ports that everybody knows: 4566, 1025, 8025'],
    ['offload up --port 0 --smtp-port 0 --inbox-port 0 --ephemeral', 'beside another, leaving nothing behind'],
    ['offload up --callback-url http://localhost:8000/local/manireports/ui/ajax/cloud_callback.php', 'your Moodle'],
    ['offload up --worker none', 'your own worker takes the queue'],
    ["offload up --worker exec:'python3 handler.py'", 'your own handler, started here'],
    ['offload up --json | jq .', 'the ready line, then every event as JSON'],
  ])
  command.addHelpText(
    'after',
    `
Every setting is also a variable (OFFLOAD_PORT, OFFLOAD_DATA_DIR, …) and a name in offload.config.yaml (port, data_dir, …);
flags win over variables, variables over the file. Secrets are never flags: OFFLOAD_INGEST_TOKEN, OFFLOAD_CALLBACK_SECRET,
OFFLOAD_PLUGIN_TOKEN. In the log --> came in, <-- went out to Moodle, @ is mail, * a job's status, ! advice.`,
  )
  command.action((options: UpOptions) => up(options))
}

async function up({ json, config: file, showSettings, ...flags }: UpOptions): Promise<void> {
  const clock = systemClock()
  const terminal = createTerminal({ json })
  const interruption = listenForInterruption(clock)
  const configuration = await readConfiguration({ flags: snakeCase(flags), environment: process.env, file })
  for (const warning of configuration.warnings) terminal.note(`offload: ${warning}`)

  const emulator = await startEmulator(configuration.input)
  if (json) {
    const { url, smtp, inbox, queueUrl: queue_url, dashboard } = emulator
    terminal.record({ event: 'ready', url, smtp, inbox, queue_url, dashboard, pid: process.pid })
  }
  // Node's own start is part of what somebody waits for.
  const took = Math.round(clock.monotonic())
  terminal.say(welcome({ emulator, terminal, file: configuration.file, everything: showSettings ?? false, took }))

  const rules = emulator.faults.list().map(({ name }) => name)
  if (rules.length > 0)
    terminal.say(terminal.style('yellow', `Fault rules are set (offload faults): ${rules.join('; ')}\n`))

  const lines = createLogLines(terminal)
  const unsubscribe = emulator.journal.subscribe((entry) => {
    if (json) terminal.record(entry)
    else for (const line of lines.entry(entry)) terminal.say(line)
  })
  const unlisten = emulator.onRequest((line) => {
    if (!json && isShown(line, emulator.config.worker)) for (const text of lines.request(line)) terminal.say(text)
  })

  const name = await interruption.happened
  terminal.note(`\noffload: ${name === 'SIGINT' ? 'Ctrl-C' : name}, stopping`)
  unlisten()
  await emulator.stop()
  unsubscribe()
  // What callers left open (a browser's event stream, a long poll) must not keep the process.
  process.exit(name === 'SIGINT' ? 130 : 0)
}

/** What has a line of its own (a refused job, a callback of the builtin worker) or would only make noise is left out. */
function isShown({ service, status }: RequestLine, worker: string): boolean {
  if (service === 'control' || service === 'page') return false
  if (service === 'ingest' && status >= 400 && status !== 405) return false
  return service !== 'moodle' || worker !== 'builtin'
}

function snakeCase(flags: Record<string, unknown>): Record<string, unknown> {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  return Object.fromEntries(Object.entries(flags).map(([name, value]) => [snake(name), value]))
}
