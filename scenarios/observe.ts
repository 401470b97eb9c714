import type { AlarmName } from '../contracts/alarms.ts'
import { checkInvariants, type JournalLine, type RunView, type Verdict } from '../contracts/invariants/index.ts'
import { asked, type Performance, type Performed } from './perform.ts'
import type { World } from './world.ts'

/** What became of a job, summed up over all that it became. Times are milliseconds. */
export interface ObservedJob {
  readonly status: string
  readonly statuses: readonly string[]
  readonly moodle?: string
  readonly jobs: number
  readonly recipients: number
  readonly sent: number
  readonly failed: number
  readonly permanently_failed: number
  readonly duplicates: number
  readonly skipped?: number
  readonly accepted?: number
  readonly refused?: number
  readonly local?: number
  readonly certificates: number
  readonly mails: number
  readonly ambiguous: number
  readonly callbacks: { readonly delivered: number; readonly dead: number; readonly parked: number }
  readonly took: number
  readonly attempts_at: readonly number[]
  readonly callbacks_at: readonly { readonly after: number; readonly status: number | null }[]
  readonly errors: readonly string[]
}

export interface Observed {
  readonly ended: boolean
  readonly jobs: ReadonlyMap<string, ObservedJob>
  readonly mails: number
  readonly dead_letters: number
  readonly alarms: { readonly raised: readonly AlarmName[]; readonly standing: readonly AlarmName[] }
  readonly events: Readonly<Record<string, number>>
  readonly took: number
  readonly laws: readonly Verdict[]
}

/** What is left of a run: from the tables, the journal, the inbox and the object store. */
export async function observe(world: World, { jobs, ended, began }: Performance): Promise<Observed> {
  const view = await world.during(({ evidence }) => evidence.view())
  const { alarms } = (await asked(world, '/_offload/alarms')) as { alarms: { name: AlarmName; state: string }[] }
  const { queues } = (await asked(world, '/_offload/queues')) as { queues: Queue[] }
  const events: Record<string, number> = {}
  const raised = new Set<AlarmName>()
  for (const { event } of view.journal) {
    events[event.type] = (events[event.type] ?? 0) + 1
    if (event.type === 'alarm.changed' && event.to === 'ALARM') raised.add(event.alarm)
  }
  const index = indexOf(view)
  return {
    ended,
    jobs: new Map([...jobs].map(([name, job]) => [name, jobOf(world, index, job)])),
    mails: view.mails?.length ?? 0,
    dead_letters: deadLetters(queues),
    alarms: {
      raised: [...raised].toSorted(),
      standing: alarms.flatMap(({ name, state }) => (state === 'ALARM' ? [name] : [])).toSorted(),
    },
    events,
    // Entries of alarms come as time goes by, when nothing else happens any more.
    took: lastOf(view.journal) - began,
    laws: checkInvariants(view),
  }
}

interface Queue {
  readonly name: string
  readonly visible: number
  readonly inFlight: number
  readonly delayed: number
  readonly dlq?: string
}

function deadLetters(queues: readonly Queue[]): number {
  const names = new Set(queues.map(({ dlq }) => dlq))
  return queues
    .filter(({ name }) => names.has(name))
    .reduce((sum, { visible, inFlight, delayed }) => sum + visible + inFlight + delayed, 0)
}

const lastOf = (journal: readonly JournalLine[]) =>
  journal.findLast(({ event }) => event.type !== 'alarm.changed' && event.type !== 'emulator.started')?.at ?? 0

interface Index {
  readonly view: RunView
  readonly states: ReadonlyMap<string, RunView['jobs'][number]>
  readonly lines: ReadonlyMap<string, readonly JournalLine[]>
  readonly callbacks: ReadonlyMap<string, RunView['callbacks']>
  readonly mails: ReadonlyMap<string, number>
  readonly objects: ReadonlySet<string>
}

const keyOf = ({ tenant, job }: { tenant: number; job: string }) => `${tenant} ${job}`

function indexOf(view: RunView): Index {
  const lines = Map.groupBy(
    view.journal.filter(({ event }) => 'job' in event && event.job !== undefined && 'tenant' in event),
    ({ event }) => keyOf(event as { tenant: number; job: string }),
  )
  const mails = new Map<string, number>()
  for (const { messageId } of view.mails ?? []) mails.set(messageId, (mails.get(messageId) ?? 0) + 1)
  return {
    view,
    lines,
    mails,
    states: new Map(view.jobs.map((job) => [keyOf(job), job])),
    callbacks: Map.groupBy(view.callbacks, keyOf),
    objects: new Set(view.objects.map(({ key }) => key)),
  }
}

function jobOf(world: World, index: Index, { ids, tenant, answer }: Performed): ObservedJob {
  const states = ids.flatMap((job) => index.states.get(keyOf({ tenant, job })) ?? [])
  const lines = ids.flatMap((job) => index.lines.get(keyOf({ tenant, job })) ?? [])
  const callbacks = ids.flatMap((job) => index.callbacks.get(keyOf({ tenant, job })) ?? [])
  const rows = states.flatMap((state) => state.rows)
  const sum = (of: (state: (typeof states)[number]) => number) => states.reduce((total, state) => total + of(state), 0)
  const inMoodle = ids.flatMap((job) => world.emulator.moodle.job(job)?.status ?? [])
  const inState = (wanted: string) => callbacks.filter(({ state }) => state === wanted).length
  return {
    status: states.length === 0 ? 'not in the cloud' : together(states.map(({ status }) => status)),
    statuses: statusesOf(lines),
    ...(inMoodle.length === 0 ? {} : { moodle: together(inMoodle) }),
    jobs: states.length,
    recipients: sum(({ recipients }) => recipients),
    sent: sum(({ sent }) => sent),
    failed: sum(({ failed, permanentlyFailed }) => failed + permanentlyFailed),
    permanently_failed: sum(({ permanentlyFailed }) => permanentlyFailed),
    duplicates: sum(({ duplicates }) => duplicates),
    ...(answer === undefined
      ? {}
      : {
          skipped: answer.duplicates,
          accepted: answer.accepted,
          refused: answer.refused,
          local: answer.local,
        }),
    certificates: rows.filter(({ certificate }) => index.objects.has(certificate)).length,
    mails: rows.reduce(
      (total, { messageId }) => total + (messageId === undefined ? 0 : (index.mails.get(messageId) ?? 0)),
      0,
    ),
    ambiguous: lines.filter(({ event }) => event.type === 'mail.ambiguous').length,
    callbacks: { delivered: inState('delivered'), dead: inState('dead'), parked: inState('parked') },
    ...timesOf(lines, world.tolerance[1]),
    errors: errorsOf(lines, answer?.error),
  }
}

function statusesOf(lines: readonly JournalLine[]): string[] {
  const changes = lines.flatMap(({ event }) => (event.type === 'job.status' ? [event] : []))
  return [...changes.slice(0, 1).map(({ from }) => from), ...changes.map(({ to }) => to)]
}

/** Passes that end no further apart than `apartMs` are one: the messages of a job are tried at the same time. */
function timesOf(
  lines: readonly JournalLine[],
  apartMs: number,
): Pick<ObservedJob, 'took' | 'attempts_at' | 'callbacks_at'> {
  const accepted = lines.find(({ event }) => event.type === 'job.accepted')?.at ?? 0
  const outcome = lines.findLast(({ event }) => event.type === 'recipient.outcome')?.at ?? accepted
  const passes: number[] = []
  for (const { at, event } of lines) {
    if (event.type === 'pass.ended' && at - (passes.at(-1) ?? -Infinity) > apartMs) passes.push(at)
  }
  const attempts = lines
    .flatMap(({ event }) => (event.type === 'callback.attempt' ? [event] : []))
    .toSorted((a, b) => a.startedAt - b.startedAt)
  const first = attempts[0]?.startedAt ?? 0
  return {
    took: outcome - accepted,
    attempts_at: passes.map((at) => at - (passes[0] ?? 0)),
    callbacks_at: attempts.map(({ startedAt, status }) => ({ after: startedAt - first, status })),
  }
}

function errorsOf(lines: readonly JournalLine[], submission: string | undefined): string[] {
  const said = lines.flatMap(({ event }) => {
    if (event.type === 'recipient.outcome' || event.type === 'recipient.retry') return [event.error ?? '']
    if (event.type === 'callback.attempt') return [event.words]
    return event.type === 'moodle.submitted' || event.type === 'moodle.callback' ? [event.reason ?? ''] : []
  })
  return [...new Set([...said, submission ?? ''])].filter((text) => text !== '')
}

/** One status, or how many have which. */
function together(statuses: readonly string[]): string {
  const counts = Map.groupBy(statuses, (status) => status)
  const [only] = counts.keys()
  if (counts.size === 1 && only !== undefined) return only
  return [...counts].map(([status, list]) => `${list.length} ${status}`).join(', ')
}
