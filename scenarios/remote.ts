import { z } from 'zod'
import type { Verdict } from '../contracts/invariants/index.ts'
import { sleep, systemClock } from '../emulator/kernel/clock.ts'
import { EmulatorError, messageOf } from '../emulator/kernel/errors.ts'
import type { Observed, ObservedJob } from './observe.ts'
import type { ReadScenario } from './read-scenario.ts'

/** What of a run can be seen over the control API; the rest is not compared. */
export interface RemoteObserved extends Omit<Observed, 'jobs' | 'mails' | 'dead_letters' | 'alarms' | 'events'> {
  readonly jobs: ReadonlyMap<string, Partial<ObservedJob>>
}

const job = z.looseObject({
  status: z.string(),
  totals: z.object({ recipients: z.number(), sent: z.number(), failed: z.number(), duplicates: z.number() }),
  settled: z.boolean(),
  accepted_at: z.string(),
  ended_at: z.string().optional(),
  callbacks: z.looseObject({ waiting: z.number(), delivered: z.number(), dead: z.number(), parked: z.number() }),
})
type JobAnswer = z.output<typeof job>

const submitted = z.looseObject({
  jobIds: z.array(z.string()),
  duplicates: z.number(),
  accepted: z.number(),
  refused: z.number(),
  local: z.number(),
})
const verdicts = z.looseObject({ verdicts: z.array(z.unknown()) })

/** Why a scenario cannot be played on an emulator that others use, too; undefined where it can. */
export function notRemote({ faults, config, jobs, steps, life }: ReadScenario): string | undefined {
  if (life !== undefined) return 'it is one of a simulation'
  if (faults.length > 0) return 'it has fault rules'
  if (Object.keys(config).length > 0) return 'it has settings of its own'
  if (Object.values(jobs).some(({ addresses }) => Object.values(addresses).some((count) => (count ?? 0) > 0)))
    return 'its addresses bring faults'
  const plain = steps.every(
    (step) => typeof step === 'object' && (step.submit !== undefined || step.wait !== undefined),
  )
  return plain ? undefined : 'its steps do more than submit and wait'
}

const lookEveryMs = 250
const longestMs = 20 * 60_000

/** Plays a scenario on a running emulator, over its control API. */
export async function playRemotely(
  scenario: ReadScenario,
  { url, token, seed, run }: { url: string; token: string | undefined; seed: string; run: string },
): Promise<RemoteObserved> {
  const clock = systemClock()
  const base = url.replace(/\/+$/, '')
  const headers = {
    'content-type': 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  }
  const ask = async <T>(path: string, schema: z.ZodType<T>, body?: unknown): Promise<T | undefined> => {
    const init = body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) }
    const answer = await fetch(`${base}${path}`, init).catch((error: unknown) => {
      throw new EmulatorError('unreachable', `nothing answers at ${base} (${messageOf(error)})`)
    })
    if (answer.status === 404 && body === undefined) return undefined
    if (!answer.ok)
      throw new EmulatorError('refused', `${path}: ${answer.status} ${(await answer.text()).slice(0, 300)}`)
    return schema.parse(await answer.json())
  }
  const pathOf = (id: string, tenant: number, rest = '') =>
    `/_offload/jobs/${encodeURIComponent(id)}${rest}?tenant=${tenant}`

  const sent = new Map<string, z.output<typeof submitted> & { tenant: number }>()
  const began = clock.now()
  const submit = async (name: string) => {
    const { people_of: other = name, addresses: _, event, ...asked } = scenario.jobs[name] ?? {}
    // Another run of the same scenario is another event.
    const once = event === undefined ? {} : { event: `${event}, run ${run}` }
    const answer = await ask('/_offload/send', submitted, { ...asked, ...once, seed: `${seed} ${other}` })
    if (answer !== undefined) sent.set(name, { ...answer, tenant: scenario.jobs[name]?.tenant ?? 1 })
  }
  const look = async () => {
    const looked = new Map<string, JobAnswer[]>()
    for (const [name, { jobIds, tenant }] of sent) {
      const answers = await Promise.all(jobIds.map((id) => ask(pathOf(id, tenant), job)))
      looked.set(
        name,
        answers.filter((answer) => answer !== undefined),
      )
    }
    return looked
  }
  const isOver = (looked: ReadonlyMap<string, readonly JobAnswer[]>) =>
    [...sent].every(([name, { jobIds }]) => {
      const answers = looked.get(name) ?? []
      return (
        answers.length === jobIds.length &&
        answers.every(({ settled, callbacks }) => settled && callbacks.waiting === 0)
      )
    })

  let looked = await look()
  let ended = false
  for (const step of scenario.steps) {
    if (typeof step !== 'object') continue
    if (step.submit !== undefined) await Promise.all(step.submit.map(submit))
    else if (typeof step.wait === 'number') await sleep(clock, step.wait)
    else {
      const until = clock.now() + Math.min(scenario.clock.limit ?? longestMs, longestMs)
      looked = await look()
      for (ended = isOver(looked); !ended && clock.now() < until; ended = isOver(looked)) {
        await sleep(clock, lookEveryMs)
        looked = await look()
      }
    }
  }
  const laws = new Map<number, Verdict>()
  for (const { jobIds, tenant } of sent.values()) {
    for (const id of jobIds.slice(0, 20)) {
      const { verdicts: judged } = (await ask(pathOf(id, tenant, '/check'), verdicts)) ?? { verdicts: [] }
      for (const verdict of judged as Verdict[]) if (verdict.verdict === 'fail') laws.set(verdict.id, verdict)
    }
  }
  return {
    ended,
    took: clock.now() - began,
    laws: [...laws.values()],
    jobs: new Map([...sent].map(([name, answer]) => [name, observedOf(answer, looked.get(name) ?? [])])),
  }
}

function observedOf(answer: z.output<typeof submitted>, jobs: readonly JobAnswer[]): Partial<ObservedJob> {
  const sum = (of: (one: JobAnswer) => number) => jobs.reduce((total, one) => total + of(one), 0)
  const statuses = [...new Set(jobs.map(({ status }) => status))]
  const times = jobs.flatMap(({ accepted_at: from, ended_at: to }) =>
    to === undefined ? [] : [Date.parse(to) - Date.parse(from)],
  )
  return {
    status: statuses.length === 0 ? 'not in the cloud' : statuses.join(', '),
    jobs: jobs.length,
    recipients: sum(({ totals }) => totals.recipients),
    sent: sum(({ totals }) => totals.sent),
    failed: sum(({ totals }) => totals.failed),
    duplicates: sum(({ totals }) => totals.duplicates),
    skipped: answer.duplicates,
    accepted: answer.accepted,
    refused: answer.refused,
    local: answer.local,
    callbacks: {
      delivered: sum(({ callbacks }) => callbacks.delivered),
      dead: sum(({ callbacks }) => callbacks.dead),
      parked: sum(({ callbacks }) => callbacks.parked),
    },
    ...(times.length === 0 ? {} : { took: Math.max(...times) }),
  }
}
