import { inventJob, runLabel, type InventedJob, type Names } from '../contracts/checks/deployment/job.ts'
import { toldOf } from '../contracts/checks/deployment/seen.ts'
import { typeOf } from '../contracts/dialects/types.ts'
import { invariants, type Verdict } from '../contracts/invariants/index.ts'
import type { Dialect } from '../contracts/job.ts'
import type { MailWitness } from '../emulator/deployment/mails.ts'
import type { Receiver } from '../emulator/deployment/receiver.ts'
import type { Submitter } from '../emulator/deployment/submitter.ts'
import { sleep, systemClock } from '../emulator/kernel/clock.ts'
import type { Known, KnownJob } from './compare.ts'
import type { ReadScenario } from './read-scenario.ts'
import { notRemote } from './remote.ts'
import type { ScenarioJob } from './schema.ts'

/** A deployment without Offload's control API, as one meets it from outside. */
export interface Deployment {
  /** By its way in; a queue beside it takes the jobs of `mode: sqs`. */
  readonly submitter: Submitter
  readonly queue: Submitter | undefined
  /** Whether one receiver at a time is all that it can call: its address is fixed. */
  readonly oneReceiver: boolean
  receiver(dialect: Dialect): Promise<Receiver>
  readonly mails: MailWitness
  readonly names: Names
  /** Of this run of the command: whoever runs it again is nobody that the deployment knows. */
  readonly seed: string
  /** How long it may be silent before nothing more is expected of it, in milliseconds. */
  readonly patienceMs: number
}

/** Why a scenario cannot be played on a deployment; undefined where it can. */
export function notDeployed(scenario: ReadScenario, { oneReceiver }: Deployment): string | undefined {
  const jobs = Object.values(scenario.jobs)
  if (jobs.some(({ event }) => event !== undefined)) return "it is Moodle that keeps a job's event apart"
  if (jobs.some(({ people_of: other }) => other !== undefined)) return 'its jobs share people'
  if (oneReceiver && new Set(jobs.map(({ dialect }) => dialect)).size > 1) {
    return 'it has several dialects, and one receiver takes one (--listen with port 0)'
  }
  return notRemote(scenario)
}

interface Sent {
  readonly scenarioJob: ScenarioJob
  readonly jobs: readonly InventedJob[]
  readonly receiver: Receiver
  accepted: number
  refused: number
  /** What was answered to the first that was refused. */
  error?: string
}

const batchSize = 200
const settleMs = 2000

/** Plays a scenario that injects nothing: its jobs go in, and the callbacks and mails that come of them are counted. */
export async function playDeployed(scenario: ReadScenario, deployment: Deployment): Promise<Known> {
  const { submitter, queue, mails: witness, names, seed, patienceMs } = deployment
  const clock = systemClock()
  const began = clock.now()
  const sent = new Map<string, Sent>()
  const receivers = new Map<Dialect, Promise<Receiver>>()
  const receiverOf = (dialect: Dialect) => {
    const receiver = receivers.get(dialect) ?? deployment.receiver(dialect)
    receivers.set(dialect, receiver)
    return receiver
  }

  const submit = async (name: string) => {
    const job = scenario.jobs[name]
    if (job === undefined) return
    const receiver = await receiverOf(job.dialect)
    const kinds = Array.from({ length: job.recipients }, (_, nth) =>
      nth < job.bounces ? ('bounce' as const) : ('success' as const),
    )
    const alone = job.shape === 'one-recipient-jobs'
    const type = typeOf(job.type)
    const jobs = (alone ? kinds.map((kind) => [kind]) : [kinds]).map((own, nth) =>
      inventJob({
        names,
        dialect: job.dialect,
        tenant: job.tenant,
        name: `${scenario.name} ${name} ${nth}`,
        run: runLabel(seed),
        kinds: own,
        callbackUrl: receiver.callbackUrl,
        now: clock.now(),
        ...(type === undefined ? {} : { type }),
        certificate: job.certificate,
      }),
    )
    const entry: Sent = { scenarioJob: job, jobs, receiver, accepted: 0, refused: 0 }
    sent.set(name, entry)
    const way = job.mode === 'sqs' ? (queue ?? submitter) : submitter
    for (const one of jobs) {
      const size = job.shape === 'batches' ? batchSize : one.people.length
      for (let from = 0; from < one.people.length; from += size) {
        const people = one.people.slice(from, from + size)
        const { accepted, answer } = await way.submit(one.message(people))
        if (accepted) entry.accepted += people.length
        else {
          entry.refused += people.length
          entry.error ??= answer
        }
      }
    }
  }

  const told = ({ jobs, receiver }: Sent) =>
    jobs.map((job) => toldOf(job.dialect, job.people, receiver.callbacks(job.id)))
  const asExpected = () =>
    [...sent].every(([name, entry]) => {
      const outcomes = told(entry)
      const { failed } = scenario.expect.jobs[name] ?? {}
      const enough = typeof failed === 'number' ? failed : 0
      // A bounce may come after everybody was said to be sent.
      return outcomes.every(({ whole }) => whole) && sum(outcomes, ({ failed: told }) => told) >= enough
    })
  const cameSoFar = () => [...sent.values()].reduce((total, { receiver }) => total + receiver.callbacks().length, 0)

  /** Until all was told, or nothing more comes. */
  const waitForEnd = async (): Promise<boolean> => {
    for (let before = -1; !asExpected() && cameSoFar() > before;) {
      before = cameSoFar()
      const until = clock.now() + patienceMs
      while (!asExpected() && clock.now() < until) await sleep(clock, 250)
    }
    await sleep(clock, settleMs)
    return [...sent.values()].every((entry) => told(entry).every(({ whole }) => whole))
  }

  let ended = false
  try {
    for (const step of scenario.steps) {
      if (typeof step !== 'object') continue
      if (step.submit !== undefined) {
        await Promise.all(step.submit.map(submit))
        refuseNothing([...sent.values()])
      }
      if (typeof step.wait === 'number') await sleep(clock, step.wait)
      else if (step.wait === 'end') ended = await waitForEnd()
    }
    const laws = new Map<number, string>()
    const observed = new Map<string, KnownJob>()
    let allMails: number | undefined = 0
    for (const [name, entry] of sent) {
      const mails = await mailsOf(entry, witness, laws)
      allMails = mails === undefined || allMails === undefined ? undefined : allMails + mails
      observed.set(name, { ...seen(entry, told(entry), laws), ...(mails === undefined ? {} : { mails }) })
    }
    return {
      ended,
      took: clock.now() - began,
      laws: invariants.flatMap(({ id, law }): Verdict[] => {
        const text = laws.get(id)
        if (text === undefined) return []
        return [{ id, law, verdict: 'fail', checked: 1, broken: 1, violations: [{ text, entries: [] }] }]
      }),
      jobs: observed,
      ...(allMails === undefined ? {} : { mails: allMails }),
    }
  } finally {
    for (const receiver of receivers.values()) await (await receiver).close()
  }
}

/** Nothing comes of what nobody took. */
function refuseNothing(sent: readonly Sent[]): void {
  const error = sent.find((one) => one.error !== undefined)?.error
  if (error !== undefined && sent.every(({ accepted }) => accepted === 0)) {
    throw new Error(`the deployment takes no job: ${error}`)
  }
}

/** What the callbacks of a job say; what none of them can say is not there. */
function seen(
  { jobs, receiver, accepted, refused }: Sent,
  told: readonly ReturnType<typeof toldOf>[],
  laws: Map<number, string>,
) {
  const callbacks = jobs.flatMap((job) => receiver.callbacks(job.id))
  const forged = callbacks.find(({ authentic }) => authentic?.ok === false)
  if (forged?.authentic?.ok === false) laws.set(13, `a callback came with ${forged.authentic.reason}`)
  const [stranger] = told.flatMap(({ strangers }) => strangers)
  if (stranger !== undefined) laws.set(5, `a callback tells of ${stranger}, whom nobody submitted`)
  const certificates = new Set(
    callbacks.flatMap(({ message }) =>
      (message?.updates ?? []).flatMap(({ userid, email, certificateUrl }) =>
        certificateUrl === undefined ? [] : [String(userid ?? email)],
      ),
    ),
  )
  const statuses = [...new Set(told.flatMap(({ status }) => status ?? []))]
  return {
    jobs: jobs.length,
    recipients: accepted,
    accepted,
    refused,
    sent: sum(told, (one) => one.sent),
    failed: sum(told, (one) => one.failed),
    ...(statuses.length === 0 ? {} : { status: statuses.join(', ') }),
    // Only `spec` names each person's.
    ...(jobs.every(({ dialect }) => dialect === 'spec') ? { certificates: certificates.size } : {}),
    callbacks: { delivered: callbacks.filter(({ answered }) => answered !== 'hang' && answered.status < 300).length },
  }
}

/** Mails that went to those whose address takes them. */
async function mailsOf({ jobs }: Sent, witness: MailWitness, laws: Map<number, string>): Promise<number | undefined> {
  let count = 0
  for (const job of jobs) {
    const found = await witness.find({ label: job.label })
    if (!found.observed) return undefined
    const bouncing = new Set(job.people.flatMap(({ email }) => (email.startsWith('bounce+') ? [email] : [])))
    const byAddress = Map.groupBy(found.mails, ({ address }) => address)
    for (const [address, mails] of byAddress) {
      if (bouncing.has(address)) continue
      count += mails.length
      if (mails.length > 1) laws.set(6, `${mails.length} mails went to ${address}`)
    }
  }
  return count
}

const sum = <One>(list: readonly One[], of: (one: One) => number) => list.reduce((total, one) => total + of(one), 0)
