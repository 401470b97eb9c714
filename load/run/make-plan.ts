import { createSafety, isLoopback } from '../../emulator/deployment/safety.ts'
import type { ConfigInput } from '../../emulator/config.ts'
import { EmulatorError } from '../../emulator/kernel/errors.ts'
import { messageOf } from '../k6/bodies.ts'
import type { Dialect, Shape } from '../k6/people.ts'
import type { Way } from '../k6/settings.ts'
import { risesOf } from '../k6/rising.ts'
import { spikeRecipients } from '../k6/spike-phases.ts'
import type { ScenarioName } from './k6.ts'
import type { LoadPlan } from './plan.ts'

/** What the caller asks for; times are milliseconds. */
export interface LoadRequest {
  readonly scenario: ScenarioName
  readonly target?: string | undefined
  readonly queueUrl?: string | undefined
  readonly region?: string | undefined
  readonly way?: Way | undefined
  readonly recipients?: number | undefined
  readonly budgetMs: number
  readonly durationMs: number
  readonly dialect: Dialect
  readonly shape: Shape
  readonly batch: number
  readonly rate?: number | undefined
  /** Of `callbacks`: the job that the Moodle knows, and its recipients. */
  readonly job?: string | undefined
  readonly userids?: { readonly first: number; readonly count: number } | undefined
  readonly certificates: boolean
  readonly tenant: number
  readonly mailRate?: number | undefined
  readonly faults?: string | undefined
  readonly listen: string
  readonly publicUrl?: string | undefined
  readonly mailpit?: string | undefined
  readonly mailEvents?: string | undefined
  readonly ownsTarget: boolean
  readonly allowedDomains: readonly string[]
  readonly quietMs: number
  /** Epoch milliseconds. */
  readonly now: number
}

const epoch = Date.UTC(2026, 0, 1)
/** What SQS takes, and API Gateway. */
const largest: Readonly<Record<Way, number>> = { sqs: 1_048_576, api: 10_485_760, 'worker-url': 104_857_600 }
const usualRecipients: Readonly<Record<ScenarioName, number>> = {
  budget: 50_000,
  tenants: 5000,
  spike: 0,
  ingest: 0,
  callbacks: 0,
}
/** Recipients a second that go to a deployment at most, unless told; a plugin submits no faster. */
const gentleRate = 200
/** Calls a second, on this machine. */
const usualHighest = 896
const usualRates: Readonly<Record<Shape, number>> = { batches: 5000, 'one-message': 5000, 'one-recipient-jobs': 300 }

/**
 * A plan for what was asked, within the safety rules. Throws EmulatorError `bad-load`, or `target-not-owned` and
 * `bad-target` of `createSafety`.
 */
export function makePlan(request: LoadRequest): LoadPlan {
  const { scenario, target, queueUrl, dialect, shape, now } = request
  const way = request.way ?? (target === undefined && queueUrl !== undefined ? 'sqs' : 'api')
  const own = target === undefined && queueUrl === undefined
  if (!own) refuseOwnSettings(request)
  if (way === 'sqs' && !own && queueUrl === undefined) refuse('--way sqs needs --queue-url URL')
  if (way !== 'sqs' && !own && target === undefined) refuse(`--way ${way} needs --target URL`)
  if (way === 'worker-url' && own) refuse('--way worker-url needs --target URL: the address of the Worker')

  // Two of every second: the quiet tenant has the next.
  const run = 2 * (Math.floor((now - epoch) / 1000) % 400_000_000) + 1
  const targets = [target, queueUrl, request.mailEvents, request.mailpit].filter((each) => each !== undefined)
  const safety = createSafety({
    targets,
    ownsTarget: request.ownsTarget,
    allowedDomains: request.allowedDomains,
    seed: String(run),
  })
  if (!safety.loopback && request.publicUrl === undefined) {
    const host = /^\[?([^\]]*)\]?:\d+$/.exec(request.listen)?.[1] ?? ''
    if (isLoopback(host)) {
      refuse(
        'the deployment cannot reach a receiver of callbacks on this machine alone: --public-url https://YOUR-TUNNEL (and --listen HOST:PORT)',
      )
    }
  }
  const rate = request.rate ?? (safety.loopback ? usualRates[shape] : gentleRate)
  const recipients =
    scenario === 'spike' ? spikeRecipients(request) : (request.recipients ?? (usualRecipients[scenario] || 1))
  const batch = shape === 'batches' ? request.batch : shape === 'one-message' ? recipients : 1
  const rising = scenario === 'ingest' || scenario === 'callbacks'
  // 28 a second are 50,000 in half an hour.
  const lowest = Math.min(28, request.rate ?? 28)
  const highest = request.rate ?? (safety.loopback ? usualHighest : lowest * 2)
  const size = scenario === 'spike' ? Math.min(batch, 20) : scenario === 'ingest' ? Math.min(batch, 10) : batch
  const calls = rising
    ? risesOf({ durationMs: request.durationMs, highest, lowest }).reduce((sum, each) => sum + each.calls, 0)
    : 0
  const plan: LoadPlan = {
    scenario,
    recipients: scenario === 'ingest' ? calls * size : scenario === 'callbacks' ? calls : recipients,
    lowest,
    highest,
    ...(request.job === undefined || request.userids === undefined
      ? {}
      : { callbacksOf: { job: request.job, firstUserid: request.userids.first, userids: request.userids.count } }),
    budgetMs: request.budgetMs,
    durationMs: request.durationMs,
    way,
    dialect,
    shape,
    batch: size,
    rate,
    certificates: request.certificates,
    tenant: request.tenant,
    run,
    address: safety.address('success', 'load-{run}-{n}'),
    target: own
      ? { kind: 'own', settings: settingsOf(request) }
      : {
          kind: 'given',
          url: target?.replace(/\/+$/, '') ?? '',
          ...(queueUrl === undefined ? {} : { queueUrl }),
          ...(request.region === undefined ? {} : { region: request.region }),
        },
    listen: request.listen,
    ...(request.publicUrl === undefined ? {} : { publicUrl: request.publicUrl }),
    ...(request.mailpit === undefined ? {} : { mailsBy: { kind: 'mailpit', url: request.mailpit } }),
    ...(request.mailEvents === undefined
      ? {}
      : { mailsBy: { kind: 'ses-events', queueUrl: request.mailEvents, region: request.region } }),
    quietMs: request.quietMs,
  }
  refuseOversize(plan)
  return plan
}

function settingsOf({ mailRate, faults, scenario }: LoadRequest): ConfigInput {
  return {
    ...(mailRate === undefined ? {} : { worker_mail_rate: mailRate }),
    ...(faults === undefined ? {} : { faults }),
    // Here alone the way in is measured, not what comes after it.
    ...(scenario === 'ingest' || scenario === 'callbacks' ? { worker: 'none' } : {}),
  }
}

function refuseOwnSettings({ mailRate, faults }: LoadRequest): void {
  if (mailRate !== undefined)
    refuse('--mail-rate is for an emulator that is started here: set it where the target is started')
  if (faults !== undefined) refuse('--faults is for an emulator that is started here: offload faults set FILE --url …')
}

/** A message that the way in cannot take is told before anything is sent. */
function refuseOversize(plan: LoadPlan): void {
  const { body } = messageOf(
    { ...plan, callbackUrl: 'https://moodle.example.org/local/manireports/callback' },
    0,
    new Date(0).toISOString(),
  )
  const bytes = Buffer.byteLength(body)
  if (bytes <= largest[plan.way]) return
  refuse(
    `a message of ${plan.batch.toLocaleString('en')} recipients has ${bytes.toLocaleString('en')} bytes, and ${plan.way} takes ` +
      `${largest[plan.way].toLocaleString('en')}: --shape batches --batch ${Math.floor((plan.batch * largest[plan.way] * 0.95) / bytes)}`,
  )
}

function refuse(reason: string): never {
  throw new EmulatorError('bad-load', reason)
}
