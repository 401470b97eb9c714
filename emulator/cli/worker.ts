import { Option, type Command } from 'commander'
import { shownUrl } from '../../contracts/shown-url.ts'
import type { Config } from '../config.ts'
import { systemClock } from '../kernel/clock.ts'
import { EmulatorError, messageOf } from '../kernel/errors.ts'
import { version } from '../version.ts'
import { isAtAws } from '../worker-process/aws.ts'
import type { WorkerProcess, WorkerProcessOptions } from '../worker-process/worker-process.ts'
import { readConfiguration } from './configuration.ts'
import { Failure, type ExitCode } from './failure.ts'
import { listenForInterruption } from './interruption.ts'
import { createLogLines } from './log-lines.ts'
import { durationFlag, examples, repeated, whole, withJson } from './options.ts'
import { createTerminal, type Terminal } from './terminal.ts'

interface WorkerFlags {
  readonly queueUrl: string
  readonly bucket: string
  readonly smtp: string
  readonly ledger: string
  readonly mailpit?: string
  readonly mailFrom?: string
  readonly mailRate?: number
  readonly concurrency?: number
  readonly visibility: number
  readonly verifyUrl?: string
  readonly endpointUrl?: string
  readonly region?: string
  readonly callbackUrl?: string[]
  readonly callbackDelay?: string
  readonly callbackConnectTo?: string[]
  readonly allowCallbackHost?: string[]
  readonly iOwnThisTarget?: boolean
  readonly config?: string
  readonly json?: boolean
}

export function define(command: Command): void {
  command
    .description(
      "The emulator's worker as a process of its own: takes jobs from a queue, stores certificates in a bucket, mails by " +
        'SMTP, calls Moodle back. Several of them may share one ledger; one that dies loses nothing.',
    )
    .optionsGroup('What it works with:')
    .requiredOption('--queue-url <url>', 'the queue of the jobs')
    .requiredOption('--bucket <name>', 'the bucket of the certificates')
    .requiredOption('--smtp <host:port>', 'the mail server, on this machine or in a private network')
    .requiredOption('--ledger <file>', 'what was done and is still to be done; one file for all workers of a machine')
    .option('--mailpit <url>', 'the Mailpit behind the mail server, asked what went out before a crash')
    .option('--endpoint-url <url>', "where S3 is (default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the queue's host)")
    .option('--region <region>', "default: the one in the queue's URL, then AWS_REGION or the profile's")
    .optionsGroup('How it works:')
    .option('--concurrency <n>', 'messages that are worked on at once (default 4)', whole(1, 64))
    .addOption(
      new Option('--visibility <time>', 'hide a message from others for so long, again and again')
        .argParser(durationFlag)
        .default(30_000, '30s'),
    )
    .option(
      '--mail-rate <n>',
      'mails a second that this process sends (default: as many as it can)',
      whole(1, 1_000_000),
    )
    .option('--mail-from <sender>', '"Name <address>"')
    .option(
      '--verify-url <url>',
      "what the links in QR codes begin with (default: the queue's host, unless that is AWS)",
    )
    .option('--i-own-this-target', 'take messages from a queue at AWS')
    .option('--config <file>', 'the configuration file (default offload.config.yaml, where there is one)')
    .optionsGroup('Callbacks to Moodle:')
    .option('--callback-url <[tenant=]url>', 'for jobs that name no callback_url; may be repeated', repeated)
    .option('--callback-delay <time>', 'wait so long before the first attempt (default 1s)')
    .option('--callback-connect-to <h:p:h:p>', "connect elsewhere, as curl's --connect-to; may be repeated", repeated)
    .option('--allow-callback-host <host>', 'allow a host that is not of this machine; may be repeated', repeated)
    .optionsGroup('Output:')
  withJson(command)
  const local = '--bucket manireports-certificates --smtp 127.0.0.1:1025 --ledger ledger.db'
  examples(command, [
    [
      `offload worker --queue-url http://127.0.0.1:4566/000000000000/manireports-jobs ${local}`,
      'beside offload up --worker none; run it twice for two workers',
    ],
    [
      `offload worker --queue-url http://127.0.0.1:4566/000000000000/manireports-jobs ${local} --mailpit http://127.0.0.1:8025`,
      'after a crash, mails are looked up before they are sent again',
    ],
    [
      'offload worker --queue-url https://sqs.eu-west-1.amazonaws.com/123456789012/jobs --bucket my-bucket --smtp 127.0.0.1:1025 --ledger ledger.db --verify-url https://moodle.example.com --i-own-this-target',
      "a queue and a bucket at AWS, with the credentials of the SDK's usual chain",
    ],
  ])
  command.addHelpText(
    'after',
    `
Credentials come from the AWS SDK's usual chain (AWS_ACCESS_KEY_ID, AWS_PROFILE, …); an emulator takes any, such as test and
test. Secrets are never flags: OFFLOAD_CALLBACK_SECRET signs callbacks, OFFLOAD_PLUGIN_TOKEN goes into the plugin dialect's.
Retries, locale, issuer, templates and settings per tenant come from offload.config.yaml or OFFLOAD_*, as for offload up.
SIGINT and SIGTERM end it when what it has begun is written down. Mail never leaves for the internet.`,
  )
  command.action((flags: WorkerFlags) => work(flags))
}

async function work(flags: WorkerFlags): Promise<void> {
  const terminal = createTerminal(flags)
  const { config, warnings } = await readConfiguration({
    flags: {
      smtp: flags.smtp,
      mailpit: flags.mailpit,
      mail_from: flags.mailFrom,
      callback_url: flags.callbackUrl,
      callback_delay: flags.callbackDelay,
      callback_connect_to: flags.callbackConnectTo,
      allow_callback_host: flags.allowCallbackHost,
    },
    environment: process.env,
    file: flags.config,
  })
  for (const warning of warnings) terminal.note(`offload: ${warning}`)
  const clock = systemClock({ speed: config.speed })
  const options: WorkerProcessOptions = {
    ...optionsOf(flags, config),
    clock,
    onRecovered: (recipients) =>
      terminal.note(`offload: ${recipients} recipients of a worker that died go on here (mails are looked up first)`),
    onError: onceInAWhile(terminal, () => clock.monotonic()),
  }
  const interruption = listenForInterruption(clock)
  const worker = await startWorker(options)
  terminal.record({
    event: 'ready',
    worker: worker.name,
    queue_url: options.queueUrl,
    bucket: options.bucket,
    smtp: options.smtp,
    ledger: options.ledger,
    pid: process.pid,
  })
  if (!terminal.json) terminal.say(welcome({ worker, options, config, terminal }))

  const lines = createLogLines(terminal)
  const unsubscribe = worker.journal.subscribe((entry) => {
    if (terminal.json) terminal.record(entry)
    else for (const line of lines.entry(entry)) terminal.say(line)
  })
  const name = await interruption.happened
  terminal.note(`\noffload: ${name === 'SIGINT' ? 'Ctrl-C' : name}, stopping`)
  await worker.stop()
  unsubscribe()
  process.exit(name === 'SIGINT' ? 130 : 0)
}

function optionsOf(
  flags: WorkerFlags,
  config: Config,
): Omit<WorkerProcessOptions, 'clock' | 'onRecovered' | 'onError'> {
  const queueUrl = urlOf('--queue-url', flags.queueUrl, 'http://127.0.0.1:4566/000000000000/manireports-jobs')
  const atAws = isAtAws(queueUrl.href)
  if (atAws && flags.iOwnThisTarget !== true) {
    throw new Failure(2, `${flags.queueUrl} is a queue at AWS, and whoever takes its messages takes them from others`, {
      evidence: [`their mails would go to ${flags.smtp}, and nowhere else`],
      fix: ['--i-own-this-target, where that is meant'],
    })
  }
  const verifyUrl = flags.verifyUrl ?? (atAws ? undefined : queueUrl.origin)
  if (verifyUrl === undefined) {
    throw new Failure(2, 'nobody would know where a certificate can be verified: its QR code links there', {
      fix: ['--verify-url https://…'],
    })
  }
  const ofTenant = (tenant: number) => config.tenants[String(tenant)] ?? {}
  const rate = flags.mailRate ?? config.worker_mail_rate
  return {
    queueUrl: queueUrl.href,
    bucket: flags.bucket,
    s3Endpoint: s3EndpointOf(flags),
    region: flags.region,
    ledger: flags.ledger,
    smtp: flags.smtp,
    mailpit: config.mailpit,
    mailFrom: config.mail_from,
    mailRate: rate,
    concurrency: flags.concurrency ?? config.worker_concurrency,
    visibilityMs: visibilityOf(flags.visibility),
    verifyBase: urlOf('--verify-url', verifyUrl, 'https://moodle.example.com').href.replace(/\/+$/, ''),
    templates: config.certificate_templates,
    settingsOf: (tenant) => ({
      presignedUrlTtlSeconds: ofTenant(tenant).presigned_url_ttl ?? config.presigned_url_ttl,
      certificateDelivery: config.certificate_delivery,
      locale: ofTenant(tenant).locale ?? config.locale,
      issuer: ofTenant(tenant).issuer ?? config.issuer,
    }),
    callbacks: {
      targetOf: (tenant) => ({
        url: ofTenant(tenant).callback_url ?? config.callback_url,
        secret: ofTenant(tenant).cloud_callback_secret ?? config.cloud_callback_secret,
        token: ofTenant(tenant).plugin_token ?? config.plugin_token,
      }),
      delayMs: config.callback_delay,
      timeoutMs: config.callback_timeout,
      retryScheduleMs: config.cloud_retry_policy,
      connectTo: config.callback_connect_to,
      allowHosts: config.allow_callback_host,
      perHost: config.callback_concurrency,
      command: 'offload worker',
    },
    retrySchedule: config.cloud_retry_policy,
    bounceWindowMs: config.bounce_window,
  }
}

/** The flag, else the variables that the AWS SDK and CLI know; one that is set to nothing is not set. */
function s3EndpointOf({ endpointUrl }: WorkerFlags): string | undefined {
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL } = process.env
  const places = Object.entries({ '--endpoint-url': endpointUrl, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL })
  const [name, text] = places.find(([, value = '']) => value !== '') ?? []
  if (name === undefined || text === undefined) return undefined
  return urlOf(name, text, 'http://127.0.0.1:4566').href.replace(/\/+$/, '')
}

function urlOf(flag: string, text: string, example: string): URL {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text)
  throw new Failure(2, `${flag} ${text}: must be a URL such as ${example}`)
}

function visibilityOf(milliseconds: number): number {
  if (milliseconds >= 2000 && milliseconds <= 43_200_000) return milliseconds
  throw new Failure(2, '--visibility must be from 2 s to 12 hours, as SQS has it')
}

/** Starts it; what keeps it from starting becomes a Failure with its way out. */
async function startWorker(options: WorkerProcessOptions): Promise<WorkerProcess> {
  const { startWorkerProcess } = await import('../worker-process/worker-process.ts')
  try {
    return await startWorkerProcess(options)
  } catch (error) {
    if (!(error instanceof EmulatorError)) throw error
    const exit: ExitCode = /unreachable/.test(error.code) ? 3 : 2
    throw new Failure(exit, error.message, { fix: fixOf(error, options) })
  }
}

function fixOf({ code, message }: EmulatorError, { queueUrl, s3Endpoint, bucket }: WorkerProcessOptions): string[] {
  switch (code) {
    case 'queue-not-found':
      return ['aws sqs list-queues shows those that there are; offload up prints the URL of its own']
    case 'bucket-not-found':
      return [
        `S3 was asked at ${s3Endpoint ?? (isAtAws(queueUrl) ? 'AWS' : "the queue's host")}: --endpoint-url, where ${bucket} is elsewhere`,
      ]
    case 'aws-unreachable':
      return [
        `is it running? ${(message.startsWith('the bucket') ? s3Endpoint : undefined) ?? new URL(queueUrl).origin} must answer (offload up --worker none)`,
      ]
    case 'aws-refused':
      if (message.includes('no AWS credentials')) {
        return ['an emulator takes any: export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test']
      }
      return message.includes('no AWS region') ? ["the emulator's is us-east-1"] : []
    case 'smtp-host-public':
      return ["name a Mailpit, or the emulator's inbox: --smtp 127.0.0.1:1025"]
    default:
      return []
  }
}

/** The same words again and again (a queue that is away) are said once in so long. */
const repeatedAfterMs = 30_000

function onceInAWhile(terminal: Terminal, now: () => number): (error: unknown) => void {
  const said = new Map<string, number>()
  return (error) => {
    const text = error instanceof EmulatorError ? messageOf(error) : ((error as Error).stack ?? String(error))
    // Ids and counts are other ones each time.
    const kind = text.replace(/[0-9a-f-]{16,}|\(tried \d+ times\)/g, '')
    const before = said.get(kind)
    if (before !== undefined && now() - before < repeatedAfterMs) return
    if (said.size > 100) said.clear()
    said.set(kind, now())
    terminal.note(`offload: ${text}`)
  }
}

function welcome({
  worker,
  options,
  config,
  terminal,
}: {
  worker: WorkerProcess
  options: WorkerProcessOptions
  config: Config
  terminal: Terminal
}): string {
  const { deadLetters } = worker
  const rows = [
    ['queue', options.queueUrl],
    [
      'dead letters',
      deadLetters ?? 'nowhere: what cannot be processed comes again until it expires (give the queue a RedrivePolicy)',
    ],
    ['objects', `${options.bucket} at ${worker.s3Place}`],
    ['mail', `smtp://${options.smtp}, from ${options.mailFrom}`],
    [
      'after a crash',
      options.mailpit === undefined
        ? 'what may have been mailed is mailed again (--mailpit: it would be looked up)'
        : `mails are looked up at ${options.mailpit}`,
    ],
    ['ledger', `${options.ledger}, as ${worker.name}`],
    [
      'callbacks to',
      config.callback_url === undefined
        ? "each job's callback_url; without one they wait (--callback-url)"
        : shownUrl(config.callback_url),
    ],
  ] as const
  const width = Math.max(...rows.map(([name]) => name.length))
  return [
    terminal.style('bold', `Offload ${version}: the worker is ready`),
    '',
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    '',
    'Stop: Ctrl-C',
    '',
  ].join('\n')
}
