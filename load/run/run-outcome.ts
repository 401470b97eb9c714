import { createReceiver } from '../../emulator/deployment/receiver.ts'
import { sleep, type Clock } from '../../emulator/kernel/clock.ts'
import { jobIdOf, useridOf } from '../k6/people.ts'
import type { SubmitEvent } from '../k6/submit.ts'
import type { Sample } from './bottleneck.ts'
import { createControl, mailsIn, type Control } from './deployment-view.ts'
import { figuresOf, type GroupFigures } from './figures.ts'
import { serveFigures } from './figures-server.ts'
import { startK6, type K6, type K6Run } from './k6.ts'
import { variablesOf, type Reached } from './k6-variables.ts'
import { createMailCounter, type MailCount } from './mail-count.ts'
import { groupsOf, type Group, type LoadPlan } from './plan.ts'
import { remainingFile, replay, type Resumed, type Watched } from './resumption.ts'
import type { RunFolder } from './run-folder.ts'
import { createRunState, lookEveryMs, type Progress } from './run-state.ts'
import { createTally } from './tally.ts'

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

/** How long SES may take to publish what it has sent. */
const eventsMs = 60_000
/** How long k6 may take to see the last figures. */
const k6EndMs = 20_000

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
  const state = createRunState(plan, watched, { clock, control, resumed, since: clock.now() })
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
    else onProgress({ ...state.progress(), doing: 'counting the mails' })
    if (!stop.aborted && reached.mailsBy.kind === 'ses-events') await untilPublished(mails, watched, clock, stop)
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

/** SES publishes its events after the fact: those of the last mails are waited for. */
async function untilPublished(
  mails: ReturnType<typeof createMailCounter>,
  watched: readonly Watched[],
  clock: Clock,
  stop: AbortSignal,
): Promise<void> {
  const until = clock.now() + eventsMs
  for (;;) {
    const counts = await countAll(mails, watched)
    const all = counts.every((each, at) => each.observed && each.mails >= (watched[at]?.tally.totals.sent ?? 0))
    if (all || counts.some(({ observed }) => !observed) || stop.aborted || clock.now() > until) return
    await sleep(clock, eventsMs / 20, stop)
  }
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

async function within<T>(clock: Clock, promise: Promise<T>, ms: number): Promise<T | undefined> {
  const over = new AbortController()
  try {
    return await Promise.race([promise, sleep(clock, ms, over.signal).then(() => undefined)])
  } finally {
    // A timer that is left keeps the process.
    over.abort()
  }
}
