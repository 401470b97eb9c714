import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createReceiver } from '../../emulator/deployment/receiver.ts'
import { sleep, type Clock } from '../../emulator/kernel/clock.ts'
import type { Figures } from '../k6/figures.ts'
import { jobIdOf, useridOf } from '../k6/people.ts'
import type { SubmitEvent } from '../k6/submit.ts'
import type { Sample } from './bottleneck.ts'
import { createControl, depthOf, mailsIn, type Control, type Stats } from './deployment-view.ts'
import { figuresOf, type GroupFigures } from './figures.ts'
import { serveFigures } from './figures-server.ts'
import { startK6, type K6, type K6Run } from './k6.ts'
import { createMailCounter, type MailCount, type MailsBy } from './mail-count.ts'
import { percentilesOf } from './percentiles.ts'
import { groupsOf, type Group, type LoadPlan } from './plan.ts'
import type { RunFolder } from './run-folder.ts'
import { createTally, type Tally } from './tally.ts'

/** Where a run's target is, once it is there. */
export interface Reached {
  readonly url: string
  readonly queueUrl: string
  readonly region?: string
  /** Of `POST /jobs`, and of an emulator's control API. */
  readonly token: string
  readonly secret: string
  readonly pluginToken: string
  readonly mailsBy: MailsBy
  /** What k6 signs with. */
  readonly aws: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string | undefined
  }
}

export interface OutcomeRun {
  readonly groups: readonly { readonly group: Group; readonly figures: GroupFigures }[]
  readonly samples: readonly Sample[]
  /** Wall time in each of the emulator's own stages, in milliseconds, summed over what runs side by side. */
  readonly emulatorStages:
    Readonly<Record<string, { readonly calls: number; readonly milliseconds: number }>> | undefined
  readonly peakMemory: number | undefined
  readonly moving: boolean
  readonly stopped: boolean
  readonly broken: string | undefined
  readonly mailsUnseen: string | undefined
  readonly callbackUrl: string
  readonly k6Exit: number | null
  readonly k6Said: string
  /** What was known from before, where the run was resumed. */
  readonly resumed: Resumed | undefined
}

export interface Resumed {
  readonly messages: number
  readonly accepted: number
  readonly sentAgain: number
  readonly ended: number
  readonly pausedMs: number
}

export interface Progress {
  readonly recipients: number
  readonly submitted: number
  readonly done: number
  readonly mailed: number | null
  readonly failed: number
  readonly depth: number | null
  readonly at: number
}

const lookEveryMs = 500
/** In this time something must come to an end for a run to be moving. */
const movingMs = 15_000
/** How long k6 may take to see the last figures. */
const k6EndMs = 20_000

interface Watched {
  readonly group: Group
  readonly tally: Tally
}

/** Runs a scenario that follows recipients to their end, and says what came of them. */
export async function runOutcome(
  plan: LoadPlan,
  reached: Reached,
  {
    clock,
    k6,
    folder,
    resume = false,
    stop,
    onProgress,
  }: {
    readonly clock: Clock
    readonly k6: K6
    readonly folder: RunFolder
    readonly resume?: boolean
    /** Aborted: the run ends at once. */
    readonly stop: AbortSignal
    readonly onProgress: (progress: Progress) => void
  },
): Promise<OutcomeRun> {
  const watched: Watched[] = []
  const receiver = await createReceiver({
    clock,
    dialect: plan.dialect,
    secret: reached.secret,
    token: reached.pluginToken,
    listen: plan.listen,
    publicUrl: plan.publicUrl,
    keep: 'nothing',
    onCallback(callback) {
      const at = watched.findIndex(({ tally }) => callback.job !== undefined && tally.isOurs(callback.job))
      const index = Math.max(0, at)
      const tally = watched[index]?.tally
      if (tally === undefined) return
      const told = tally.read(callback)
      folder.write({ told, group: index })
      tally.told(told)
    },
  })
  // A target that was told this address still calls it when the run is resumed.
  folder.keep({ ...plan, listen: receiver.listensOn })
  const callbackPath = new URL(receiver.callbackUrl).pathname
  for (const group of groupsOf(plan)) {
    watched.push({ group, tally: createTally({ ...group, budgetMs: plan.budgetMs, callbackPath }) })
  }
  const resumed = resume ? replay(plan, watched, folder, clock.now()) : undefined
  folder.write({ begun: clock.now() })
  const mails = createMailCounter(reached.mailsBy, groupsOf(plan))
  const control = createControl(reached.url === '' ? 'http://127.0.0.1:9' : reached.url, reached.token)
  const state = createState(plan, watched, { clock, control, resumed, since: clock.now() })
  const server = await serveFigures(() => state.figures())
  let run: K6Run | undefined
  try {
    const emulator = reached.url === '' ? undefined : await control.emulator()
    run = startK6(k6, {
      scenario: plan.scenario,
      variables: variablesOf(plan, reached, {
        callbackUrl: receiver.callbackUrl,
        figuresUrl: server.url,
        messagesFile: resume ? remainingFile(folder, watched) : '',
      }),
      summary: folder.file('k6-summary.json'),
      folder: folder.path,
      onEvent(given) {
        const event = given as SubmitEvent
        folder.write({ submission: event })
        watched.find(({ group }) => group.run === event.run)?.tally.submission(event)
      },
    })
    let k6Exit: number | null | undefined
    void run.ended.then((code) => (k6Exit = code))

    const inbox = reached.mailsBy.kind === 'mailpit' ? reached.mailsBy.url : undefined
    const mailsBefore = inbox === undefined ? undefined : await mailsIn(inbox)
    let over = false
    while (!over && !stop.aborted) {
      await sleep(clock, lookEveryMs, stop)
      if (stop.aborted) break
      const stats = emulator === undefined ? undefined : await control.stats()
      if (reached.mailsBy.kind === 'ses-events') void mails.look()
      const mailed = inbox === undefined || mailsBefore === undefined ? undefined : await mailsIn(inbox)
      over = await state.look({
        stats,
        isEmulator: emulator !== undefined,
        mailed: mailed === undefined || mailsBefore === undefined ? null : mailed - (resume ? 0 : mailsBefore),
        k6Exit,
      })
      onProgress(state.progress())
    }
    if (stop.aborted) run.stop()
    const seen = await countAll(mails, watched)
    state.conclude(seen)
    const exit = stop.aborted ? null : await within(clock, run.ended, k6EndMs)
    const mailTimes = emulator === undefined ? [] : await exactTimes(control, watched)
    const stats = emulator === undefined ? undefined : await control.stats()
    folder.write({ stopped: clock.now() })
    return {
      groups: watched.map(({ group, tally }, index) => ({
        group,
        figures: figuresOf(group, tally, seen[index] ?? unseen, {
          budgetMs: plan.budgetMs,
          excludedMs: resumed?.pausedMs ?? 0,
          mailTimes: mailTimes[index],
        }),
      })),
      samples: state.samples,
      emulatorStages: stats?.stages,
      peakMemory: state.peakMemory(),
      moving: state.moving(),
      stopped: stop.aborted,
      broken: state.broken(),
      mailsUnseen: seen.flatMap((each) => (each.observed ? [] : [each.reason]))[0],
      callbackUrl: receiver.callbackUrl,
      k6Exit: exit ?? null,
      k6Said: run.said(),
      resumed,
    }
  } finally {
    run?.stop()
    server.close()
    mails.close()
    await receiver.close()
  }
}

const unseen: MailCount = { observed: false, reason: 'nobody sees the mails' }

async function countAll(
  mails: ReturnType<typeof createMailCounter>,
  watched: readonly Watched[],
): Promise<MailCount[]> {
  const counts: MailCount[] = []
  for (const { group } of watched) counts.push(await mails.count(group))
  return counts
}

/** When each mail was sent, to the millisecond, where the target is an emulator that keeps one job for all. */
async function exactTimes(control: Control, watched: readonly Watched[]): Promise<(Float64Array | undefined)[]> {
  const all: (Float64Array | undefined)[] = []
  for (const { group } of watched) {
    if (group.shape === 'one-recipient-jobs' || group.dialect === 'flow') {
      all.push(undefined)
      continue
    }
    const times = new Float64Array(group.recipients)
    const first = useridOf(0)
    for (const [key, at] of await control.sentTimes(jobIdOf(group, 0), group.tenant)) {
      const ordinal = Number(key) - first
      if (ordinal >= 0 && ordinal < times.length) times[ordinal] = at
    }
    all.push(times)
  }
  return all
}

function within<T>(clock: Clock, promise: Promise<T>, ms: number): Promise<T | undefined> {
  return Promise.race([promise, sleep(clock, ms).then(() => undefined)])
}

function remainingFile(folder: RunFolder, watched: readonly Watched[]): string {
  const file = resolve(folder.file('messages.json'))
  writeFileSync(file, JSON.stringify(watched[0]?.tally.remaining() ?? []))
  return file
}

/** What the lines of a run say that was interrupted. */
function replay(plan: LoadPlan, watched: readonly Watched[], folder: RunFolder, now: number): Resumed {
  let pausedMs = 0
  let stopped: number | undefined
  let last = 0
  for (const line of folder.lines()) {
    if ('submission' in line) {
      last = Math.max(last, line.submission.at)
      watched.find(({ group }) => group.run === line.submission.run)?.tally.submission(line.submission)
    } else if ('told' in line) {
      last = Math.max(last, line.told.at)
      watched[line.group]?.tally.told(line.told)
    } else if ('stopped' in line) stopped = line.stopped
    else {
      if (last > 0) pausedMs += line.begun - (stopped ?? last)
      stopped = undefined
      last = Math.max(last, line.begun)
    }
  }
  if (last > 0) pausedMs += now - (stopped ?? last)
  const tally = watched[0]?.tally
  const counts = tally?.countMessages()
  const remaining = tally?.remaining() ?? []
  return {
    messages: tally?.messages ?? 0,
    accepted: counts?.accepted ?? 0,
    sentAgain: remaining.filter((index) => tally?.stateOf(index) !== 'waiting').length,
    ended: tally?.done() ?? 0,
    // Only what stood still with us is taken off: a deployment went on.
    pausedMs: plan.target.kind === 'own' ? pausedMs : 0,
  }
}

/** What a script is told. */
export function variablesOf(
  plan: LoadPlan,
  reached: Reached,
  {
    callbackUrl = '',
    figuresUrl = '',
    messagesFile = '',
  }: { callbackUrl?: string; figuresUrl?: string; messagesFile?: string },
): Record<string, string> {
  return {
    TARGET: reached.url,
    WAY: plan.way,
    QUEUE_URL: plan.way === 'sqs' ? reached.queueUrl : '',
    ...(reached.region === undefined ? {} : { AWS_REGION: reached.region }),
    AWS_ACCESS_KEY_ID: reached.aws.accessKeyId,
    AWS_SECRET_ACCESS_KEY: reached.aws.secretAccessKey,
    AWS_SESSION_TOKEN: reached.aws.sessionToken ?? '',
    TOKEN: reached.token,
    DIALECT: plan.dialect,
    SHAPE: plan.shape,
    RECIPIENTS: String(plan.recipients),
    BATCH: String(plan.batch),
    RATE: String(plan.rate),
    LOWEST: String(plan.lowest),
    HIGHEST: String(plan.highest),
    BUDGET: `${plan.budgetMs}ms`,
    DURATION: `${plan.durationMs}ms`,
    TENANT: String(plan.tenant),
    RUN: String(plan.run),
    CERTIFICATES: String(plan.certificates),
    CALLBACK_URL: callbackUrl,
    CALLBACK_SECRET: reached.secret,
    ADDRESS: plan.address,
    FIGURES: figuresUrl,
    MESSAGES: messagesFile,
    EVENTS: '1',
  }
}

/** What is looked at while a run goes on, and when it is over. */
function createState(
  plan: LoadPlan,
  watched: readonly Watched[],
  { clock, control, resumed, since }: { clock: Clock; control: Control; resumed: Resumed | undefined; since: number },
) {
  const samples: Sample[] = []
  let depth: number | null = null
  let peakMemory: number | undefined
  let broken: string | undefined
  let final: readonly MailCount[] | undefined
  let lastChange = since
  let lastProgress = 0
  let mails: number | null = null
  let isSettled = false
  const graceMs = Math.min(60_000, Math.max(10_000, plan.budgetMs / 4))
  const sum = (of: (tally: Tally) => number) => watched.reduce((total, { tally }) => total + of(tally), 0)
  const first = () => Math.min(...watched.map(({ tally }) => tally.firstSubmitAt() || Number.POSITIVE_INFINITY))
  const done = () => sum((tally) => tally.done())
  const accepted = () => sum((tally) => tally.totals.submittedRecipients)
  const recipients = sum((tally) => tally.of.recipients)

  /** Whether the emulator has nothing more to do for us; undefined where it does not say. */
  const settled = async (stats: Stats | undefined): Promise<boolean | undefined> => {
    if (stats === undefined) return undefined
    if (depthOf(stats).depth > 0) return false
    for (const { group } of watched) {
      if (group.shape === 'one-recipient-jobs') {
        if (stats.open > 0) return false
        continue
      }
      const job = await control.job(jobIdOf(group, 0), group.tenant)
      if (job === undefined || !job.settled || job.callbacks.waiting > 0) return false
    }
    return true
  }

  return {
    samples,
    broken: () => broken,
    peakMemory: () => peakMemory,
    moving: () => done() < accepted() && clock.now() - lastChange < movingMs && broken === undefined && !isSettled,
    async look({
      stats,
      isEmulator,
      mailed,
      k6Exit,
    }: {
      stats: Stats | undefined
      isEmulator: boolean
      /** Mails that are there; null where nobody sees them. */
      mailed: number | null
      k6Exit: number | null | undefined
    }): Promise<boolean> {
      const now = clock.now()
      const began = first()
      if (stats !== undefined) {
        depth = depthOf(stats).depth
        peakMemory = Math.max(peakMemory ?? 0, stats.memory.rss)
      }
      mails = mailed
      const progress = done() + (mailed ?? 0)
      if (progress !== lastProgress) {
        lastProgress = progress
        lastChange = now
      }
      const paused = resumed?.pausedMs ?? 0
      if (Number.isFinite(began)) {
        const recent = watched.flatMap(({ tally }) => tally.submitMs.slice(-50))
        samples.push({
          at: now - began - paused,
          submitted: accepted(),
          sent: sum(({ totals }) => totals.sent),
          failed: sum(({ totals }) => totals.failed),
          mailed,
          depth,
          callbacks: sum(({ totals }) => totals.callbacks),
          submitP95: percentilesOf(recent)?.p95 ?? null,
        })
      }
      const submitting = watched.some(({ tally }) => {
        const { waiting, begun } = tally.countMessages()
        return waiting + begun > 0
      })
      if (k6Exit !== undefined && submitting) {
        broken = `k6 ended (exit ${k6Exit ?? 'none'}) before everything was submitted`
        return true
      }
      if (now - (Number.isFinite(began) ? began : since) - paused > plan.budgetMs + graceMs) return true
      if (submitting) return false
      const all = done() >= accepted()
      const isDone = await settled(stats)
      if (isDone === true) {
        // Its last callbacks are on their way, or never were.
        isSettled = all || now - lastChange > 3 * lookEveryMs
        return isSettled
      }
      if (isDone === false && isEmulator) return false
      return all ? now - lastChange > 2 * lookEveryMs : now - lastChange > plan.quietMs
    },
    conclude(counts: readonly MailCount[]) {
      final = counts
    },
    progress: (): Progress => ({
      recipients,
      submitted: accepted(),
      done: done(),
      mailed: mails,
      failed: sum(({ totals }) => totals.failed),
      depth,
      at: Number.isFinite(first()) ? clock.now() - first() - (resumed?.pausedMs ?? 0) : 0,
    }),
    /** What k6 is told; its thresholds are held against this. */
    figures(): Figures {
      const last = Math.max(...watched.map(({ tally }) => tally.lastOutcomeAt()))
      const duplicates = final?.map((mails, index) => duplicatesOf(mails, watched[index]?.tally))
      return {
        over: final !== undefined,
        done: done(),
        sent: sum(({ totals }) => totals.sent),
        failed: sum(({ totals }) => totals.failed),
        callbacks: sum(({ totals }) => totals.callbacks),
        callbacksRefused: sum(({ totals }) => totals.callbacksRefused),
        makespanMs: last === 0 ? null : last - first() - (resumed?.pausedMs ?? 0),
        queueDepth: depth,
        duplicateMails:
          duplicates === undefined || duplicates.some((count) => count === null)
            ? null
            : duplicates.reduce((total: number, count) => total + (count ?? 0), 0),
        lost: final === undefined ? null : sum((tally) => tally.missing().count),
      }
    },
  }
}

function duplicatesOf(mails: MailCount, tally: Tally | undefined): number | null {
  if (!mails.observed || tally === undefined) return null
  return mails.perRecipient.reduce(
    (total, count, ordinal) => total + (count > 1 && !tally.ambiguous(ordinal) ? count - 1 : 0),
    0,
  )
}
