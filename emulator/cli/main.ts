import { Command, CommanderError } from 'commander'
import { EmulatorError, messageOf } from '../kernel/errors.ts'
import { version } from '../version.ts'
import { Failure } from './failure.ts'
import { call, inCheckout } from './invocation.ts'

interface Entry {
  readonly summary: string
  readonly load: () => Promise<{ define(command: Command): void }>
}

/** Each command is imported only when it is the one that was asked for. */
const commands: Readonly<Record<string, Entry>> = {
  up: { summary: 'start the emulator and show what happens in it', load: () => import('./up.ts') },
  demo: { summary: 'one job of 500 through both ways in, start to end', load: () => import('./demo.ts') },
  send: { summary: 'submit a job as the plugin would, and wait for its end', load: () => import('./send.ts') },
  jobs: { summary: 'list the jobs', load: () => import('./jobs.ts') },
  job: { summary: 'show one job with its recipients, or retry its failed', load: () => import('./job.ts') },
  mails: { summary: 'list the mails in the inbox', load: () => import('./mails.ts') },
  logs: { summary: 'what happened, again or as it happens', load: () => import('./logs.ts') },
  dlq: { summary: 'what is in the dead-letter queue and why, or send it back', load: () => import('./dlq.ts') },
  faults: { summary: 'break things on purpose, by rules', load: () => import('./faults.ts') },
  callbacks: { summary: 'the delivery log of the callbacks, and replays', load: () => import('./callbacks.ts') },
  scenario: {
    summary: 'what may happen to a job, played to its end and judged',
    load: () => import('./scenario.ts'),
  },
  certificate: {
    summary: 'look at a certificate template, or verify a certificate',
    load: () => import('./certificate.ts'),
  },
  check: {
    summary: 'is this job, this Moodle, this deployment what the contract says?',
    load: () => import('./check.ts'),
  },
  contract: {
    summary: "the contract's documents, and what a change of them breaks",
    load: () => import('./contract.ts'),
  },
  worker: { summary: "the emulator's worker as a process of its own", load: () => import('./worker.ts') },
  load: { summary: 'will a deployment do it in time? measured by k6', load: () => import('./load.ts') },
  plan: {
    summary: 'will a deployment do it in time, and what would have to change',
    load: () => import('./plan.ts'),
  },
  reset: { summary: 'a clean slate, for everything or one tenant', load: () => import('./reset.ts') },
  doctor: { summary: 'what is wrong on this machine, and the line that mends it', load: () => import('./doctor.ts') },
}

const usage = `
Start here:
  offload demo                 see it work, in seconds
  offload up                   then point Moodle at http://127.0.0.1:4566
  offload send --recipients 5  or be Moodle

offload COMMAND --help shows a command's flags with examples.
Exit codes: 0 fine, 1 a check failed, 2 usage or configuration, 3 the emulator cannot be reached, 99 a load
threshold missed, 130 interrupted.
`

/** Runs one command; the exit code is left in `process.exitCode`. */
export async function run(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `offload logs | head` closes the pipe: nobody is left to tell anything.
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0)
    throw error
  })
  process.once('SIGINT', () => process.exit(130))

  const program = new Command('offload')
    .description('A cloud that fits on a laptop, for ManiReports Cloud Offload.')
    .version(version, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'show this')
    .helpCommand('help [command]', 'show how a command is used')
    .exitOverride()
    .configureHelp({ showGlobalOptions: false })
    .addHelpText('after', inCheckout ? `${usage}In a checkout: npm run -s offload -- COMMAND …\n` : usage)
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'offload: ')) })
    .showHelpAfterError(`  → ${call('--help')}`)
  const named = argv.filter((argument) => !argument.startsWith('-'))
  const wanted = named[0] === 'help' ? named[1] : named[0]
  for (const [name, { summary, load }] of Object.entries(commands)) {
    const command = program.command(name).summary(summary).helpOption('-h, --help', 'show this')
    command.showHelpAfterError(`  → ${call(`${name} --help`)}`)
    if (name === wanted) (await load()).define(command)
  }

  try {
    if (argv.length === 0) program.outputHelp()
    else await program.parseAsync(argv, { from: 'user' })
  } catch (error) {
    process.exitCode = report(error)
  }
}

/** Says on stderr what went wrong; returns the exit code. */
function report(error: unknown): number {
  // Commander has said it already; help and the version are no errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const failure = error instanceof Failure ? error : undefined
  const lines = [`offload: ${messageOf(error)}`]
  for (const text of failure?.evidence ?? []) lines.push(`  ${text}`)
  for (const text of failure?.fix ?? []) lines.push(`  → ${text}`)
  if (process.env['OFFLOAD_DEBUG'] === '1') lines.push(error instanceof Error ? (error.stack ?? '') : '')
  else if (failure === undefined && !(error instanceof EmulatorError)) {
    lines.push('  This is a defect of Offload, not of your set-up. OFFLOAD_DEBUG=1 shows where it happened.')
  }
  process.stderr.write(`${lines.join('\n')}\n`)
  return failure?.exit ?? (error instanceof EmulatorError ? 2 : 1)
}
