import { Option, type Command } from 'commander'
import { dialects, jobTypes } from '../../contracts/job.ts'
import { systemClock } from '../kernel/clock.ts'
import { accountOf, type Account } from './account.ts'
import { health, submitted } from './answers.ts'
import { Failure } from './failure.ts'
import { watchJob, type JobRefInTarget } from './job-watch.ts'
import { examples, timeoutOption, whole, withTarget, type TargetOptions } from './options.ts'
import { call } from './invocation.ts'
import { createProgress, doneOf } from './progress.ts'
import { columns } from './table.ts'
import { createTarget, type Target } from './target.ts'
import { createTerminal, type Terminal } from './terminal.ts'

interface SendOptions extends TargetOptions {
  readonly type: string
  readonly recipients: number
  readonly bounces: number
  readonly certificate?: boolean
  readonly mode?: 'api' | 'sqs'
  readonly dialect?: string
  readonly shape: string
  readonly tenant?: number
  readonly event?: string
  readonly file?: string
  readonly timeout: number
}

export function define(command: Command): void {
  command
    .description(
      'Submits a job as the plugin would, to invented people; waits until every recipient has its outcome and every ' +
        'callback its answer, and says what came of it.',
    )
    .addOption(new Option('--type <type>', 'what kind of job').choices(jobTypes).default('csv_import'))
    .option('--recipients <n>', 'how many people', whole(1, 1_000_000), 10)
    .option('--bounces <n>', 'how many of them have an address that bounces', whole(0, 1_000_000), 0)
    .option('--certificate', 'with a certificate for each')
    .addOption(
      new Option('--mode <mode>', "the way in: POST /jobs, or SQS (default: the emulator's cloud_mode)").choices([
        'api',
        'sqs',
      ]),
    )
    .addOption(
      new Option('--dialect <dialect>', "the form of the contract (default: the emulator's dialect, spec)").choices(
        dialects,
      ),
    )
    .addOption(
      new Option('--shape <shape>', 'how recipients are cut into messages')
        .choices(['batches', 'one-message', 'one-recipient-jobs'])
        .default('batches'),
    )
    .option(
      '--tenant <n>',
      'the company (default 1; with --file: what the job says)',
      whole(0, Number.MAX_SAFE_INTEGER),
    )
    .option('--event <name>', 'what happened in Moodle: the same event mails nobody twice')
    .option('--file <job.json>', 'send this job instead, word for word (- is stdin)')
    .addOption(timeoutOption())
  withTarget(command)
  examples(command, [
    ['offload send', 'ten people of a CSV import'],
    ['offload send --recipients 500 --certificate --bounces 2', 'with certificates and two bounces'],
    ['offload send --mode sqs --dialect plugin', 'as the plugin in use today does it'],
    ['offload send --file job.json --json', 'your own job; the result as JSON'],
  ])
  command.addHelpText(
    'after',
    '\nExits 1 where a message was refused, a callback was not taken, the job did not complete, or time ran out.',
  )
  command.action((options: SendOptions) => send(options))
}

interface Sent {
  readonly jobs: readonly JobRefInTarget[]
  /** Why not everything was taken. */
  readonly reasons: readonly string[]
}

async function send(options: SendOptions): Promise<void> {
  const clock = systemClock()
  const terminal = createTerminal(options)
  const target = createTarget(options.url)
  const { inbox, queue_url: queueUrl } = await target.get('/_offload/health', health)

  const began = clock.monotonic()
  const secondsSince = () => (clock.monotonic() - began) / 1000
  const { file, mode, tenant } = options
  const { sendFile } = await import('./send-file.ts')
  const { jobs, reasons } =
    file === undefined
      ? await sendInvented(target, options)
      : await sendFile({ target, file, mode: mode ?? 'api', queueUrl, tenant, clock })
  const problems = [...reasons]
  if (jobs.length === 0 && problems.length === 0)
    terminal.note('Nothing was sent: everybody had the mail of this event already.')

  const progress = await createProgress(terminal)
  const accounts: Account[] = []
  try {
    for (const [index, ref] of jobs.entries()) {
      const watched = await watchJob({
        target,
        clock,
        ref,
        deadline: began + options.timeout,
        progress: (job) => {
          if (jobs.length === 1) progress.update('recipients', doneOf(job), job.totals.recipients)
          else progress.update('jobs', index + 1, jobs.length)
        },
      })
      problems.push(...watched.reasons)
      const { job } = watched
      if (job === undefined) continue
      accounts.push(await accountOf({ target, inbox, ref, job, seconds: secondsSince() }))
      if (job.settled && job.status !== 'completed') {
        problems.push(`job ${job.job_id} ended as ${job.status}; why: ${call(`job ${job.job_id}`)}`)
      }
    }
  } finally {
    progress.stop()
  }

  for (const account of accounts) terminal.record(account)
  if (!terminal.json && accounts.length > 0) terminal.say(shown(accounts))
  conclude(terminal, problems)
}

async function sendInvented(target: Target, options: SendOptions): Promise<Sent> {
  const { type, recipients, bounces, certificate = false, mode, dialect, shape, tenant = 1, event } = options
  if (bounces > recipients) throw new Failure(2, `--bounces ${bounces}: there are only ${recipients} recipients`)
  const request = {
    type,
    recipients,
    bounces,
    certificate,
    shape,
    tenant,
    ...(mode !== undefined && { mode }),
    ...(dialect !== undefined && { dialect }),
    ...(event !== undefined && { event }),
  }
  const answer = await target.post('/_offload/send', request, submitted)
  const said = answer.error === undefined ? '' : `: ${answer.error}`
  return {
    jobs: answer.accepted === 0 ? [] : answer.jobIds.map((job) => ({ job, tenant })),
    reasons: [
      ...(answer.refused > 0 ? [`${answer.refused} recipients were refused${said}`] : []),
      ...(answer.local > 0 ? [`${answer.local} recipients were left to Moodle's own mail${said}`] : []),
    ],
  }
}

function shown(accounts: readonly Account[]): string {
  return columns(
    ['job', 'recipients', 'sent', 'failed', 'certificates', 'mails', 'callbacks', 'seconds'],
    accounts.map((each) => [
      String(each.job_id),
      each.recipients,
      each.sent,
      each.failed,
      each.certificates,
      each.mails,
      `${each.callbacks.delivered} delivered${each.callbacks.refused > 0 ? `, ${each.callbacks.refused} refused` : ''}`,
      each.seconds,
    ]),
  )
}

/** Says what is wrong, each thing once, and leaves the exit code. */
function conclude(terminal: Terminal, problems: readonly string[]): void {
  const different = [...new Set(problems)]
  for (const problem of different.slice(0, 10)) terminal.note(`offload: ${problem}`)
  if (different.length > 10) terminal.note(`offload: and ${different.length - 10} more`)
  if (different.length > 0) process.exitCode = 1
}
