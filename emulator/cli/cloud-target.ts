import { deploymentCases, runLabel, type DeploymentCase } from '../../contracts/checks/deployment/index.ts'
import type { Dialect } from '../../contracts/job.ts'
import { createCertificates, createLinkOpener, readPdf } from '../check/certificates.ts'
import { checkCloud, type CloudTarget } from '../check/cloud.ts'
import { secretsOf } from '../check/curl.ts'
import { createQueueWatch } from '../check/dead-letters.ts'
import { describeCloud, type DescribedCloud } from '../check/describe-cloud.ts'
import { UnreachableError } from '../check/target.ts'
import { configSchema } from '../config.ts'
import { createMailWitness, type MailWitness } from '../deployment/mails.ts'
import { createReceiver, isWildcard } from '../deployment/receiver.ts'
import { createSafety, isLoopback, type Safety } from '../deployment/safety.ts'
import { createSubmitter, type Way } from '../deployment/submitter.ts'
import { systemClock } from '../kernel/clock.ts'
import { EmulatorError } from '../kernel/errors.ts'
import { freshSeed } from '../kernel/ids.ts'
import { Failure } from './failure.ts'
import { call } from './invocation.ts'
import { runningEmulator, type RunningEmulator } from './running-emulator.ts'

/** A deployment as a person names it: the flags of `check cloud`. Times are milliseconds. */
export interface CloudOptions {
  readonly url?: string | undefined
  readonly workerUrl?: string | undefined
  readonly queueUrl?: string | undefined
  readonly region?: string | undefined
  readonly token?: string | undefined
  readonly secret?: string | undefined
  readonly pluginToken?: string | undefined
  readonly dialect: Dialect
  readonly tenant: number
  readonly listen: string
  readonly publicUrl?: string | undefined
  readonly mailpit?: string | undefined
  readonly mailEvents?: string | undefined
  readonly iOwnThisTarget?: boolean | undefined
  readonly allowDomain?: readonly string[] | undefined
  readonly patience: number
  readonly firstRetry?: number | undefined
  readonly callbackTimeout: number
  readonly settle: number
  readonly throughput: number
  readonly concurrency: number
  readonly seed?: string | undefined
}

export interface OpenCloud {
  /** For people. */
  readonly name: string
  /** Where callbacks are awaited, and by whom mails are seen. */
  readonly about: readonly string[]
  readonly seed: string
  /** What was not given, for the summary line. */
  readonly why: readonly string[]
  /** Runs cases, the canary first. Throws a Failure where nobody answers. */
  results(cases: readonly DeploymentCase[]): AsyncGenerator<DescribedCloud>
  close(): Promise<void>
}

/** The cases that say something about a dialect. */
export const cloudCasesOf = (dialect: Dialect, cases: readonly DeploymentCase[] = deploymentCases): DeploymentCase[] =>
  cases.filter(({ except }) => except[dialect] === undefined)

/** Throws a Failure that says what is missing. */
export async function openCloud(options: CloudOptions): Promise<OpenCloud> {
  const closing: (() => void | Promise<void>)[] = []
  const close = async () => {
    for (const each of closing.splice(0).toReversed()) await each()
  }
  try {
    return { ...(await prepare(options, closing)), close }
  } catch (error) {
    await close()
    throw explained(error)
  }
}

async function prepare(
  options: CloudOptions,
  closing: (() => void | Promise<void>)[],
): Promise<Omit<OpenCloud, 'close'>> {
  const { dialect, tenant, queueUrl, region, publicUrl, seed = freshSeed() } = options
  const target = targetOf(options)
  const safety = createSafety({
    targets: [target.url, queueUrl, options.mailpit, options.mailEvents].filter((url) => url !== undefined),
    ownsTarget: options.iOwnThisTarget === true,
    allowedDomains: options.allowDomain ?? [],
    seed,
  })
  reachable(options, safety)
  const clock = systemClock()
  const emulator = isLoopback(new URL(target.url).hostname) ? await runningEmulator(target.url, clock) : undefined
  const keys = keysOf(options, emulator)
  const { kind, url } = target
  const way: Way = kind === 'sqs' ? { kind, queueUrl: url, region } : { kind, url, token: keys.token }
  const submitter = createSubmitter(way, { clock })
  closing.push(submitter.close)
  const queue = queueUrl === undefined ? undefined : createSubmitter({ kind: 'sqs', queueUrl, region }, { clock })
  const watch = queueUrl === undefined ? undefined : createQueueWatch({ queueUrl, region, clock })
  if (queue !== undefined && watch !== undefined) closing.push(queue.close, watch.close)
  const receiver = await createReceiver({
    clock,
    dialect,
    secret: keys.secret,
    token: keys.pluginToken,
    listen: options.listen,
    publicUrl,
  })
  closing.push(receiver.close)
  const mails = mailsOf(options, seed, emulator)
  closing.push(mails.witness.close)

  const { speed = 1, retry_policy_ms: [retry = 5000] = [] } = emulator ?? {}
  const cloud: CloudTarget = {
    dialect,
    tenant,
    token: keys.token,
    submitter,
    queue,
    receiver,
    mails: mails.witness,
    names: safety,
    seed,
    certificates: createCertificates({ clock, open: createLinkOpener(clock), read: readPdf }),
    deadLetter: watch?.find,
    clock,
    patience: {
      outcome: options.patience,
      firstRetry: options.firstRetry ?? retry / speed,
      hang: options.callbackTimeout,
      settle: options.settle,
    },
    speed,
    throughput: options.throughput,
    concurrency: options.concurrency,
  }
  const flags = flagsOf(options)
  const secrets = secretsOf({
    OFFLOAD_INGEST_TOKEN: keys.token,
    OFFLOAD_CALLBACK_SECRET: keys.secret,
    OFFLOAD_PLUGIN_TOKEN: keys.pluginToken,
  })
  return {
    name: submitter.url,
    about: [`callbacks to ${receiver.callbackUrl}`, mails.about],
    seed,
    why: [
      ...(queueUrl === undefined ? ['no --queue-url'] : []),
      ...(kind === 'sqs' ? ['no --url'] : []),
      ...(mails.witness.sees === 'nothing' ? ['no --mailpit, no --mail-events'] : []),
    ],
    async *results(cases) {
      const shown = { kind, url: submitter.url, token: keys.token, queueUrl }
      try {
        for await (const result of checkCloud(cloud, cases)) {
          const again = call(`check cloud ${flags.join(' ')} --only ${result.id}`)
          yield describeCloud(result, { way: shown, secrets, again })
        }
      } catch (error) {
        throw explained(error)
      }
    },
  }
}

/** The flags of this run again; secrets come from the environment. */
function flagsOf({ url, workerUrl, queueUrl, dialect, publicUrl, listen, ...others }: CloudOptions): string[] {
  const named = {
    url,
    'worker-url': workerUrl,
    'queue-url': queueUrl,
    region: others.region,
    dialect,
    ...(publicUrl === undefined ? {} : { listen, 'public-url': publicUrl }),
    mailpit: others.mailpit,
    'mail-events': others.mailEvents,
  }
  const words = Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${value}`]))
  return others.iOwnThisTarget === true ? [...words, '--i-own-this-target'] : words
}

function targetOf({ url, workerUrl, queueUrl }: CloudOptions): { kind: Way['kind']; url: string } {
  if (url !== undefined && workerUrl !== undefined)
    throw new Failure(2, '--url and --worker-url are two ways in: give one')
  if (url !== undefined) return { kind: 'api', url }
  if (workerUrl !== undefined) return { kind: 'worker-url', url: workerUrl }
  if (queueUrl !== undefined) return { kind: 'sqs', url: queueUrl }
  throw new Failure(2, 'a way in is missing', {
    fix: [
      '--url https://ID.execute-api.eu-west-1.amazonaws.com/prod (an API Gateway: /jobs is added)',
      '--worker-url https://worker.example.workers.dev',
      '--queue-url https://sqs.eu-west-1.amazonaws.com/123456789012/manireports-jobs',
      '--url http://127.0.0.1:4566 --queue-url http://127.0.0.1:4566/000000000000/manireports-jobs (an emulator)',
    ],
  })
}

/** A deployment elsewhere cannot call an address of this machine. */
export function reachable(
  { listen, publicUrl }: Pick<CloudOptions, 'listen' | 'publicUrl'>,
  { loopback }: Safety,
): void {
  if (loopback || publicUrl !== undefined) return
  const host = listen.replace(/:\d+$/, '')
  if (!isLoopback(host) && !isWildcard(host)) return
  throw new Failure(2, `the deployment cannot call ${listen} of this machine back`, {
    fix: [
      '--listen 127.0.0.1:8099 --public-url https://… with the address that a tunnel gives (cloudflared tunnel --url http://127.0.0.1:8099, ngrok http 8099)',
      'or --listen 0.0.0.0:8099 --public-url http://THIS-HOST:8099 where it is reachable by itself',
    ],
  })
}

/** Flags, then the environment; an emulator on this machine has development defaults. */
export function keysOf(
  {
    url,
    workerUrl,
    dialect,
    ...given
  }: Pick<CloudOptions, 'url' | 'workerUrl' | 'dialect' | 'token' | 'secret' | 'pluginToken'>,
  emulator: RunningEmulator | undefined,
) {
  const defaults = emulator === undefined ? undefined : configSchema.parse({})
  const token = given.token ?? (process.env['OFFLOAD_INGEST_TOKEN'] || defaults?.ingest_token)
  const secret = given.secret ?? (process.env['OFFLOAD_CALLBACK_SECRET'] || defaults?.cloud_callback_secret)
  const pluginToken = given.pluginToken ?? (process.env['OFFLOAD_PLUGIN_TOKEN'] || defaults?.plugin_token)
  const missing = (flag: string, variable: string, what: string) =>
    new Failure(2, `${flag} is missing: ${what}`, {
      fix: [`export ${variable}=…, so that it stays out of the shell's history`],
    })
  if ((url ?? workerUrl) !== undefined && token === undefined) {
    throw missing('--token', 'OFFLOAD_INGEST_TOKEN', 'the deployment takes jobs with it (cloud_auth_token)')
  }
  if (dialect === 'plugin' ? pluginToken === undefined : dialect === 'spec' && secret === undefined) {
    throw dialect === 'plugin'
      ? missing('--plugin-token', 'OFFLOAD_PLUGIN_TOKEN', "callbacks carry the company's token")
      : missing('--secret', 'OFFLOAD_CALLBACK_SECRET', 'callbacks are signed with it (cloud_callback_secret)')
  }
  return { token: token ?? '', secret: secret ?? '', pluginToken: pluginToken ?? '' }
}

export function mailsOf(
  { mailpit, mailEvents, region }: Pick<CloudOptions, 'mailpit' | 'mailEvents' | 'region'>,
  seed: string,
  emulator: RunningEmulator | undefined,
): { witness: MailWitness; about: string } {
  const run = runLabel(seed)
  const inbox = mailpit ?? (mailEvents === undefined ? emulator?.inbox : undefined)
  if (inbox !== undefined)
    return { witness: createMailWitness({ kind: 'mailpit', url: inbox }), about: `mails seen in ${inbox}` }
  if (mailEvents !== undefined) {
    const ours = (address: string) => address.includes(run)
    return {
      witness: createMailWitness({ kind: 'ses-events', queueUrl: mailEvents, region, ours }),
      about: `mails seen by SES's events in ${mailEvents}`,
    }
  }
  return { witness: createMailWitness({ kind: 'none' }), about: 'mails are not seen (--mailpit, --mail-events)' }
}

export function explained(error: unknown): unknown {
  if (error instanceof UnreachableError) return new Failure(3, error.message)
  if (!(error instanceof EmulatorError)) return error
  if (error.code === 'target-not-owned' || error.code === 'bad-target') return new Failure(2, error.message)
  if (error.code === 'port-taken') return new Failure(2, error.message, { fix: ['take another: --listen 127.0.0.1:0'] })
  return error.code === 'bad-address' ? new Failure(2, `--listen: ${error.message}`) : error
}
