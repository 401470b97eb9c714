import type { DeploymentDescription } from '../../emulator/deployment/description.ts'
import { messageOf } from '../k6/bodies.ts'
import { addressOf, jobIdOf } from '../k6/people.ts'
import { estimate, foretell } from '../plan/estimate.ts'
import { modelSchema, type Model } from '../plan/model.ts'
import { costOf, usualUsage, type Cost } from './cost.ts'
import { groupsOf, type LoadPlan } from './plan.ts'
import type { Prices } from './prices.ts'
import { submissionWords, usageOf } from './run-load.ts'
import { count, number, time } from './words.ts'

/** What a run would send, cost and come to. Nothing is sent. */
export interface DryRun {
  readonly sends: readonly string[]
  /** What was read of the deployment, and what could not be. */
  readonly deployment: readonly string[]
  readonly cost: Cost
  /** `rate 14/s: 59.5 minutes, cannot pass`. */
  readonly foretold: string
  readonly passes: boolean
  readonly makespanMs: number
  /** What would keep it from passing, or go wrong. */
  readonly obstacles: readonly string[]
  readonly warnings: readonly string[]
}

/** Sums up a plan and a deployment's description. Pure. */
export function dryRun(
  plan: LoadPlan,
  description: DeploymentDescription | undefined,
  prices: Prices,
  callbackUrl: string,
): DryRun {
  const { ses, queue, lambda } = description ?? {}
  const model = modelOf(plan, description)
  const { makespanMs } = estimate(model)
  const obstacles = [
    ...(ses?.seen === true && !ses.sendingEnabled ? ['SES does not send for this account: sending is paused'] : []),
    ...(ses?.seen === true && ses.dailyQuota > 0 && ses.dailyQuota - ses.sentToday < model.recipients
      ? [
          `SES's daily quota has ${number(Math.max(0, ses.dailyQuota - ses.sentToday))} of ${number(ses.dailyQuota)} mails left, ` +
            `and ${number(model.recipients)} are needed`,
        ]
      : []),
    ...(lambda?.seen === true && !lambda.enabled
      ? [`the event source of ${lambda.name} is disabled: nobody takes the queue`]
      : []),
  ]
  return {
    sends: sendsOf(plan, callbackUrl),
    deployment: deploymentLines(description),
    cost: costOf(
      usageOf(plan, {
        batchSize: lambda?.seen === true ? lambda.batchSize : usualUsage.batchSize,
        memoryMb: lambda?.seen === true ? lambda.memoryMb : usualUsage.memoryMb,
      }),
      prices,
    ),
    foretold: `${unknown(plan, description)}${foretell(model)}`,
    passes: makespanMs <= plan.budgetMs && obstacles.length === 0,
    makespanMs,
    obstacles,
    warnings: warningsOf(plan, description),
  }

  function warningsOf({ address }: LoadPlan, given: DeploymentDescription | undefined): string[] {
    if (given === undefined) return []
    const found: string[] = []
    if (ses?.seen === true && ses.sandbox && !address.endsWith('@simulator.amazonses.com')) {
      found.push('SES is in its sandbox: it sends to verified addresses and to its simulator alone')
    }
    if (queue?.seen === true && queue.maxReceiveCount === undefined) {
      found.push('the queue has no dead-letter queue: a message that cannot be worked on comes back until it expires')
    }
    if (queue?.seen === true && queue.waiting + queue.inFlight > 0) {
      found.push(`${count(queue.waiting + queue.inFlight, 'message')} are in the queue already: somebody uses it`)
    }
    if (queue?.seen === true && lambda?.seen === true && queue.visibilitySeconds < lambda.timeoutSeconds) {
      found.push(
        `the queue's visibility timeout (${queue.visibilitySeconds} s) is shorter than the function's (${lambda.timeoutSeconds} s): ` +
          'a message comes again while it is worked on; AWS asks for six times as long',
      )
    }
    if (lambda?.seen === true && !lambda.reportsBatchItemFailures && lambda.batchSize > 1) {
      found.push('the event source does not report batch item failures: one bad message brings its whole batch again')
    }
    return found
  }
}

/** The deployment as `offload plan` has it; what was not read takes no time. */
function modelOf(plan: LoadPlan, description: DeploymentDescription | undefined): Model {
  const { ses, queue, lambda } = description ?? {}
  const own = plan.target.kind === 'own' ? plan.target.settings : undefined
  const rate = own?.worker_mail_rate ?? (ses?.seen === true && ses.rate >= 1 ? ses.rate : undefined)
  const workers =
    lambda?.seen === true
      ? (lambda.maximumConcurrency ?? lambda.reservedConcurrency ?? 1000)
      : own === undefined
        ? undefined
        : 4
  return modelSchema.parse({
    recipients: groupsOf(plan).reduce((sum, { recipients }) => sum + recipients, 0),
    budget: `${plan.budgetMs}ms`,
    ingest: { batch: Math.min(plan.batch, 2000), rate: plan.rate },
    ...(queue?.seen === true ? { queue: { visibility: Math.max(1, queue.visibilitySeconds) } } : {}),
    workers: {
      ...(workers === undefined ? {} : { count: Math.max(1, Math.min(1000, workers)) }),
      ...(own === undefined ? {} : { at_once: 128 }),
      ...(lambda?.seen === true ? { timeout: lambda.timeoutSeconds, messages: lambda.batchSize } : {}),
    },
    ...(plan.certificates ? { certificate: {} } : {}),
    mail: {
      ...(rate === undefined ? {} : { rate: Math.max(1, Number(rate)) }),
      ...(ses?.seen === true && ses.dailyQuota > 0
        ? { daily_quota: Math.floor(ses.dailyQuota), sent_today: Math.floor(ses.sentToday) }
        : {}),
    },
  })
}

/** What was not read has no limit in the model: that is no promise. */
function unknown({ target }: LoadPlan, description: DeploymentDescription | undefined): string {
  if (target.kind === 'own') return ''
  if (description === undefined) return 'nothing is known of its limits; by the submission alone: '
  const unread = [...(description.ses.seen ? [] : ["SES's rate"]), ...(description.lambda.seen ? [] : ['the workers'])]
  return unread.length === 0 ? '' : `${unread.join(' and ')} not known; else: `
}

function sendsOf(plan: LoadPlan, callbackUrl: string): string[] {
  const groups = groupsOf(plan)
  const messages = groups.reduce((sum, { recipients, batch }) => sum + Math.ceil(recipients / batch), 0)
  const recipients = groups.reduce((sum, group) => sum + group.recipients, 0)
  const [first] = groups
  if (first === undefined) return []
  const { body } = messageOf({ ...plan, ...first, callbackUrl }, 0, new Date(0).toISOString())
  return [
    submissionWords(plan),
    `${count(messages, 'message')} of up to ${number(Buffer.byteLength(body))} bytes, ${count(recipients, 'recipient')}, at most ${number(plan.rate)} a second (${time((recipients / plan.rate) * 1000)})`,
    `to addresses such as ${addressOf(first, 0)}`,
    `job ${String(jobIdOf(first, 0))}${first.shape === 'one-recipient-jobs' ? ' and so on' : ''} of tenant ${plan.tenant}, which no Moodle holds`,
    `callbacks to ${callbackUrl}`,
    ...(plan.target.kind === 'given'
      ? ['before all that one canary: a job of one recipient, which must come back']
      : []),
  ]
}

function deploymentLines(description: DeploymentDescription | undefined): string[] {
  if (description === undefined) return []
  const { ses, queue, lambda } = description
  return [
    ses.seen
      ? `SES: ${number(ses.rate)} mails a second, ${number(Math.max(0, ses.dailyQuota - ses.sentToday))} of ${number(ses.dailyQuota)} left today${ses.sandbox ? ', in the sandbox' : ''}`
      : `not read: ${ses.reason}`,
    queue.seen
      ? `queue: visibility ${queue.visibilitySeconds} s, ${queue.maxReceiveCount === undefined ? 'no dead-letter queue' : `a dead letter after ${queue.maxReceiveCount} receives`}, ${number(queue.waiting)} waiting`
      : `not read: ${queue.reason}`,
    lambda.seen
      ? `Lambda ${lambda.name}: timeout ${lambda.timeoutSeconds} s, ${lambda.memoryMb} MB, ${concurrencyWords(lambda)}, batches of ${lambda.batchSize}`
      : `not read: ${lambda.reason}`,
  ]
}

function concurrencyWords({
  reservedConcurrency,
  maximumConcurrency,
}: {
  reservedConcurrency: number | undefined
  maximumConcurrency: number | undefined
}): string {
  if (maximumConcurrency !== undefined) return `at most ${maximumConcurrency} at once`
  return reservedConcurrency === undefined ? "the account's concurrency" : `${reservedConcurrency} at once reserved`
}
