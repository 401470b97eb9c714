import { Option, type Command } from 'commander'
import { inventJob, runLabel } from '../../contracts/checks/deployment/job.ts'
import type { Deployment } from '../../scenarios/deployed.ts'
import { runCanary } from '../deployment/canary.ts'
import { createReceiver } from '../deployment/receiver.ts'
import { createSafety, isLoopback } from '../deployment/safety.ts'
import { createSubmitter } from '../deployment/submitter.ts'
import { systemClock } from '../kernel/clock.ts'
import { freshSeed } from '../kernel/ids.ts'
import { explained, keysOf, mailsOf, reachable } from './cloud-target.ts'
import { Failure } from './failure.ts'
import { durationFlag, repeated } from './options.ts'
import { runningEmulator } from './running-emulator.ts'

export interface DeploymentOptions {
  readonly target?: string
  readonly queueUrl?: string
  readonly token?: string
  readonly secret?: string
  readonly pluginToken?: string
  readonly listen: string
  readonly publicUrl?: string
  readonly mailpit?: string
  readonly mailEvents?: string
  readonly iOwnThisTarget?: boolean
  readonly allowDomain?: readonly string[]
  readonly patience: number
}

/** The flags of `check cloud` that say where a deployment is, and who sees what comes of it. */
export function withDeployment(command: Command): Command {
  const patience = new Option('--patience <time>', 'how long it may be silent before its end').argParser(durationFlag)
  return command
    .optionsGroup("On a deployment without Offload's control API (those that inject nothing; as in check cloud):")
    .option('--target <url>', 'its API Gateway: jobs go to URL/jobs')
    .option('--queue-url <url>', "its SQS queue; credentials come from AWS's usual chain")
    .option('--token <token>', 'cloud_auth_token (default: OFFLOAD_INGEST_TOKEN)')
    .option('--secret <secret>', 'cloud_callback_secret (default: OFFLOAD_CALLBACK_SECRET)')
    .option('--plugin-token <token>', "the plugin dialect's token (default: OFFLOAD_PLUGIN_TOKEN)")
    .option('--listen <host:port>', 'where callbacks are awaited (port 0 takes a free one)', '127.0.0.1:0')
    .option('--public-url <url>', 'under which the deployment reaches it: a tunnel')
    .option('--mailpit <url>', 'sees the mails: a Mailpit')
    .option('--mail-events <queue-url>', "sees the mails: a queue that gets SES's event publishing")
    .option('--i-own-this-target', 'needed beyond this machine: jobs and mails go to it')
    .option('--allow-domain <domain>', "whose mailboxes may be mailed, instead of SES's simulator", repeated)
    .addOption(patience.default(60_000, '60s'))
}

/** Undefined where none is named. Throws a Failure that says what is missing. */
export async function openDeployment(
  { target, ...options }: DeploymentOptions,
  seed = freshSeed(),
): Promise<(Deployment & { close(): void }) | undefined> {
  const { queueUrl, listen, publicUrl } = options
  const url = target ?? queueUrl
  if (url === undefined) return undefined
  try {
    const safety = createSafety({
      targets: [url, queueUrl, options.mailpit, options.mailEvents].filter((each) => each !== undefined),
      ownsTarget: options.iOwnThisTarget === true,
      allowedDomains: options.allowDomain ?? [],
      seed,
    })
    const given = { ...options, url: target, dialect: 'flow' as const }
    reachable(given, safety)
    const clock = systemClock()
    const emulator = isLoopback(new URL(url).hostname) ? await runningEmulator(url, clock) : undefined
    const { token } = keysOf(given, emulator)
    const queue = queueUrl === undefined ? undefined : createSubmitter({ kind: 'sqs', queueUrl }, { clock })
    const submitter = target === undefined ? queue : createSubmitter({ kind: 'api', url: target, token }, { clock })
    if (submitter === undefined) return undefined
    const { witness } = mailsOf(given, seed, emulator)
    const deployment: Deployment = {
      submitter,
      queue,
      oneReceiver: !listen.endsWith(':0'),
      receiver(dialect) {
        const { secret, pluginToken } = keysOf({ ...given, dialect }, emulator)
        return createReceiver({ clock, dialect, secret, token: pluginToken, listen, publicUrl })
      },
      mails: witness,
      names: safety,
      seed,
      patienceMs: options.patience,
    }
    const close = () => {
      submitter.close()
      queue?.close()
      witness.close()
    }
    try {
      await askFirst(deployment)
    } catch (error) {
      close()
      throw error
    }
    return { ...deployment, close }
  } catch (error) {
    throw explained(error)
  }
}

/** One job of one recipient before all others. Throws a Failure where it does not go its whole way. */
async function askFirst({ receiver: open, submitter, mails, names, seed, patienceMs }: Deployment): Promise<void> {
  const clock = systemClock()
  const receiver = await open('flow')
  try {
    const job = inventJob({
      names,
      dialect: 'flow',
      tenant: 1,
      name: 'canary',
      run: runLabel(seed),
      kinds: ['success'],
      callbackUrl: receiver.callbackUrl,
      now: clock.now(),
    })
    const { verdict, seen, unreachable } = await runCanary({ job, submitter, receiver, mails, clock, patienceMs })
    if (unreachable) throw new Failure(3, `nobody answers at ${submitter.url}: ${seen.answer.answer}`)
    if (!verdict.ok) throw new Failure(1, verdict.reason, { fix: [verdict.fix] })
  } finally {
    await receiver.close()
  }
}
