import { cpus } from 'node:os'
import type { Finding } from '../../contracts/checks/verdict.ts'
import type { Clock } from '../../emulator/kernel/clock.ts'
import { EmulatorError } from '../../emulator/kernel/errors.ts'
import { messageOf } from '../k6/bodies.ts'
import { bottleneckOf, steadyRate } from './bottleneck.ts'
import { costOf, usualUsage, type Usage } from './cost.ts'
import { extraFindings } from './extra-findings.ts'
import { judge, usualLimits, verdictOf, type Limits } from './judge.ts'
import type { K6 } from './k6.ts'
import type { OwnEmulator } from './own-emulator.ts'
import { groupsOf, type LoadPlan } from './plan.ts'
import { readPrices } from './prices.ts'
import { reach, type Secrets } from './reach.ts'
import type { LoadResult } from './result.ts'
import type { RunFolder } from './run-folder.ts'
import type { Reached } from './k6-variables.ts'
import { runOutcome, type OutcomeRun } from './run-outcome.ts'
import type { Progress } from './run-state.ts'
import { runSteps } from './run-steps.ts'

export interface LoadDeps {
  readonly clock: Clock
  readonly k6: K6
  readonly folder: RunFolder
  readonly secrets: Secrets
  readonly resume?: boolean
  /** Aborted: the run ends at once. */
  readonly stop: AbortSignal
  readonly onProgress: (progress: Progress) => void
  /** What happens, in words. */
  readonly say: (text: string) => void
  /** Before anything is sent to a target that was named: throws where it is not to be loaded. Where it has listened, the run listens, too. */
  readonly before?: (reached: Reached) => Promise<{ readonly listensOn: string } | undefined>
  /** Mails a second that the target may send, where that is known. */
  readonly mailRate?: { readonly perSecond: number; readonly setting: string } | undefined
}

/** Runs a scenario and judges it. Throws EmulatorError for what keeps it from beginning. */
export async function runLoad(given: LoadPlan, deps: LoadDeps): Promise<LoadResult> {
  const { clock, folder, secrets, say, stop } = deps
  const startedAt = clock.now()
  let own: OwnEmulator | undefined
  const withUs = () => own?.kill()
  process.once('exit', withUs)
  try {
    const reachedNow = await reach(given, secrets, folder)
    own = reachedNow.own
    const { reached } = reachedNow
    if (own !== undefined) say(`an emulator of its own at ${own.url} (process ${own.pid})`)
    const before = await orStopped(stop, deps.before?.(reached))
    if (stop.aborted) throw new EmulatorError('stopped', 'stopped: no load was submitted')
    const plan = before === undefined ? given : { ...given, listen: before.listensOn }
    const came =
      plan.scenario === 'ingest' || plan.scenario === 'callbacks'
        ? await runSteps(plan, reached, deps)
        : outcomeOf(plan, await runOutcome(plan, reached, deps), deps)
    const result: LoadResult = {
      id: folder.id,
      scenario: plan.scenario,
      verdict: came.interrupted && verdictOf(came.findings) !== 'fail' ? 'unobserved' : verdictOf(came.findings),
      startedAt: new Date(startedAt).toISOString(),
      seconds: Math.round((clock.now() - startedAt) / 100) / 10,
      plan,
      target: own === undefined ? reached.url || reached.queueUrl : 'an emulator of its own',
      submission: submissionWords(plan),
      machine: `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.version}`,
      ...came,
    }
    await own?.stop()
    if (!stop.aborted) folder.finish()
    return result
  } finally {
    await own?.stop()
    process.removeListener('exit', withUs)
  }
}

/** What has begun is not waited for once the run is stopped. */
function orStopped<T>(stop: AbortSignal, work: Promise<T> | undefined): Promise<T | undefined> {
  if (work === undefined) return Promise.resolve(undefined)
  const stopped = new Promise<undefined>((resolve) => stop.addEventListener('abort', () => resolve(undefined)))
  return Promise.race([work, stopped])
}

/** What a scenario gives to the result. */
export type Came = Pick<
  LoadResult,
  | 'findings'
  | 'groups'
  | 'samples'
  | 'stages'
  | 'steadyRate'
  | 'steps'
  | 'bottleneck'
  | 'emulatorStages'
  | 'peakMemory'
  | 'resumed'
  | 'cost'
  | 'interrupted'
  | 'k6'
>

function outcomeOf(plan: LoadPlan, run: OutcomeRun, { k6, mailRate }: LoadDeps): Came {
  const limits: Limits = { ...usualLimits, recipients: plan.recipients, budgetMs: plan.budgetMs }
  const known = mailRate ?? ownRate(plan)
  const bottleneck = run.stopped
    ? undefined
    : bottleneckOf({
        samples: run.samples,
        recipients: plan.recipients,
        budgetMs: plan.budgetMs,
        mailRate: known,
        submitRate: plan.rate,
        stages: run.groups[0]?.figures.stages ?? {},
      })
  const rate = steadyRate(run.samples)
  const broken = run.stopped ? 'the run was stopped' : run.broken
  const several = run.groups.length > 1
  const groups = run.groups.map(({ figures }) => figures)
  const findings = run.groups.flatMap(({ group, figures }) =>
    judge(
      figures,
      { ...limits, recipients: group.recipients },
      {
        moving: run.moving,
        callbackUrl: run.callbackUrl,
        dialect: plan.dialect,
        ...(broken === undefined ? {} : { broken }),
        ...(bottleneck === undefined ? {} : { bottleneck }),
        ...(run.mailsUnseen === undefined ? {} : { mailsUnseen: run.mailsUnseen }),
      },
      several ? group.name : undefined,
    ),
  )
  return {
    findings: [...findings, ...extraFindings(plan, run.samples, groups), ...k6Findings(run)],
    groups,
    samples: run.samples,
    stages: groups[0]?.stages ?? {},
    ...(rate === undefined ? {} : { steadyRate: Math.round(rate * 100) / 100 }),
    steps: [],
    interrupted: run.stopped,
    k6: { version: k6.version, exit: run.k6Exit },
    ...(bottleneck === undefined ? {} : { bottleneck }),
    ...(run.emulatorStages === undefined ? {} : { emulatorStages: run.emulatorStages }),
    ...(run.peakMemory === undefined ? {} : { peakMemory: run.peakMemory }),
    ...(run.resumed === undefined ? {} : { resumed: run.resumed }),
    cost: costOf(
      usageOf(plan, {
        messages: groups.reduce((sum, { requests }) => sum + requests, 0),
        recipients: groups.reduce((sum, { mails, accepted }) => sum + (mails ?? accepted), 0),
      }),
      readPrices(),
    ),
  }
}

/** k6's own word: it must have done what it was asked for. Its thresholds say again what was judged here. */
function k6Findings({ k6Exit, k6Said, stopped }: OutcomeRun): Finding[] {
  const ran = k6Exit === 0 || k6Exit === 99
  return [
    {
      id: 'k6/ran',
      title: 'k6 did what it was asked for',
      level: 'required',
      ...(stopped
        ? { verdict: 'unobserved', reason: 'it was stopped' }
        : ran
          ? {
              verdict: 'pass',
              reason: k6Exit === 0 ? 'its thresholds hold, too' : 'its thresholds failed, as told here',
            }
          : { verdict: 'fail', reason: `exit ${k6Exit ?? 'none'}: ${k6Said.split('\n').slice(-3).join(' ')}` }),
    },
  ]
}

function ownRate({ target }: LoadPlan): { perSecond: number; setting: string } | undefined {
  const rate = target.kind === 'own' ? target.settings.worker_mail_rate : undefined
  return rate === undefined ? undefined : { perSecond: Number(rate), setting: '--mail-rate' }
}

/** What the run asks of AWS, or would, where it runs on this machine. */
export function usageOf(plan: LoadPlan, measured: Partial<Usage> = {}): Usage {
  const groups = groupsOf(plan)
  const [first] = groups
  const body =
    first === undefined
      ? ''
      : messageOf({ ...plan, ...first, callbackUrl: 'https://moodle.example/' }, 0, new Date(0).toISOString()).body
  return {
    recipients: groups.reduce((sum, { recipients }) => sum + recipients, 0),
    messages: groups.reduce((sum, { recipients, batch }) => sum + Math.ceil(recipients / batch), 0),
    messageBytes: Buffer.byteLength(body),
    way: plan.way,
    certificates: plan.certificates,
    mailEvents: plan.mailsBy?.kind === 'ses-events',
    ...usualUsage,
    ...measured,
  }
}

const ways = { api: 'POST /jobs', sqs: 'SQS SendMessage', 'worker-url': "the Worker's URL" } as const
const shapes = {
  batches: 'batches of',
  'one-message': 'one message of',
  'one-recipient-jobs': 'a job for each of',
} as const

export function submissionWords({ way, shape, batch, dialect, recipients, certificates }: LoadPlan): string {
  const size = shape === 'batches' ? batch : recipients
  return `${ways[way]}, dialect ${dialect}, ${shapes[shape]} ${size.toLocaleString('en')}${certificates ? ', with certificates' : ''}`
}
