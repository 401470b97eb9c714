import {
  canaryId,
  canaryTitle,
  inventJob,
  retryAfterSeconds,
  runLabel,
  type CaseContext,
  type DeadLetter,
  type DeploymentCase,
  type Exchange,
  type InventedJob,
  type Judgement,
  type Observation,
  type Patience,
  type Plan,
  type SeenCallback,
  type SeenCertificate,
  type SeenMails,
  type Send,
} from '../../contracts/checks/deployment/index.ts'
import type { Names } from '../../contracts/checks/deployment/job.ts'
import type { Finding } from '../../contracts/checks/verdict.ts'
import type { Dialect } from '../../contracts/job.ts'
import { runCanary } from '../deployment/canary.ts'
import type { MailWitness } from '../deployment/mails.ts'
import type { Receiver } from '../deployment/receiver.ts'
import type { Submitter } from '../deployment/submitter.ts'
import { sleep, type Clock } from '../kernel/clock.ts'
import { UnreachableError } from './target.ts'

/** How long things may take, in milliseconds of wall time. */
export interface Patiences {
  /** For what must come: an outcome, a second attempt. */
  readonly outcome: number
  /** When the deployment calls back again after a first refusal. */
  readonly firstRetry: number
  /** When it has given up waiting for an answer. */
  readonly hang: number
  /** For what must not come. */
  readonly settle: number
}

/** A deployment, and all that is needed to judge it. */
export interface CloudTarget {
  readonly dialect: Dialect
  readonly tenant: number
  readonly token: string
  readonly submitter: Submitter
  /** To the queue itself, where it is known. */
  readonly queue?: Submitter | undefined
  readonly receiver: Pick<Receiver, 'url' | 'callbackUrl' | 'listensOn' | 'callbacks' | 'answerWith' | 'waitFor'>
  readonly mails: MailWitness
  readonly names: Names
  /** The same seed gives the same requests, but for their time and the receiver's address. */
  readonly seed: string
  /** Opens the certificates of a case; undefined where nobody can. */
  readonly certificates: (links: readonly CertificateLink[], look: 'open' | 'alter') => Promise<SeenCertificate[]>
  /** Looks for a message in the dead-letter queue, for so long. */
  readonly deadLetter?: ((text: string, ms: number) => Promise<DeadLetter>) | undefined
  readonly clock: Clock
  readonly patience: Patiences
  /** By how much its delays are shorter than they say. */
  readonly speed: number
  readonly throughput: number
  /** Cases at once. */
  readonly concurrency: number
}

export interface CertificateLink {
  readonly recipient: string
  readonly url: string
}

/** What came of one case, with all that was sent and seen. */
export interface CloudResult extends Finding {
  readonly mistake?: number
  readonly exchanges: readonly Exchange[]
  readonly callbacks: readonly SeenCallback[]
  readonly mails?: SeenMails
  readonly certificates: readonly SeenCertificate[]
  readonly tookMs: number
}

/**
 * Runs cases against a deployment, one canary first. Where that does not go its whole way it is the only failure, and all
 * others are skipped. The others run several at once, and are told in the catalogue's order. Throws UnreachableError where
 * nobody answers.
 */
export async function* checkCloud(target: CloudTarget, cases: readonly DeploymentCase[]): AsyncGenerator<CloudResult> {
  const { canary, broken } = await begin(target)
  yield canary
  if (broken) {
    for (const one of cases) {
      yield resultOf(one, {
        verdict: 'skip',
        reason: 'the canary did not come back: what a deployment does that does nothing shows nothing',
      })
    }
    return
  }
  const results = runAll(target, cases)
  for (const result of results) yield await result
}

function runAll(target: CloudTarget, cases: readonly DeploymentCase[]): readonly Promise<CloudResult>[] {
  const slots = new Map(cases.map((one) => [one, Promise.withResolvers<CloudResult>()]))
  const settle = async (one: DeploymentCase) => {
    const slot = slots.get(one)
    try {
      slot?.resolve(await runCase(target, one))
    } catch (error) {
      slot?.reject(error)
    }
  }
  const inParallel = async (list: readonly DeploymentCase[], at: number) => {
    const left = list.values()
    await Promise.all(
      Array.from({ length: at }, async () => {
        for (const one of left) await settle(one)
      }),
    )
  }
  void inParallel(
    cases.filter(({ alone }) => alone !== true),
    target.concurrency,
  ).then(() =>
    inParallel(
      cases.filter(({ alone }) => alone === true),
      1,
    ),
  )
  const promises = [...slots.values()].map(({ promise }) => promise)
  // Told in their order; one that fails earlier is not unhandled meanwhile.
  for (const promise of promises) promise.catch(() => {})
  return promises
}

function inventor(target: CloudTarget, id: string): CaseContext['invent'] {
  const { names, dialect, tenant, seed, receiver, clock } = target
  return (kinds, { name = '', type, certificate } = {}) =>
    inventJob({
      names,
      dialect,
      tenant,
      name: `${id} ${name}`,
      run: runLabel(seed),
      kinds,
      callbackUrl: receiver.callbackUrl,
      now: clock.now(),
      ...(type === undefined ? {} : { type }),
      ...(certificate === undefined ? {} : { certificate }),
    })
}

async function begin(target: CloudTarget): Promise<{ canary: CloudResult; broken: boolean }> {
  const { submitter, receiver, mails, clock, patience } = target
  const job = inventor(target, canaryId)(['success'])
  const { verdict, seen, unreachable } = await runCanary({
    job,
    submitter,
    receiver,
    mails,
    clock,
    patienceMs: patience.outcome,
  })
  if (unreachable) throw new UnreachableError(`nobody answers at ${submitter.url}: ${seen.answer.answer}`)
  const send: Send = job.message()
  const canary: CloudResult = {
    id: canaryId,
    title: canaryTitle,
    level: 'required',
    verdict: verdict.ok ? 'pass' : 'fail',
    reason: verdict.reason,
    ...(verdict.ok ? {} : { fix: verdict.fix }),
    exchanges: [{ send, answer: seen.answer, answeredAt: seen.answeredAt }],
    callbacks: [...seen.callbacks, ...(verdict.ok ? [] : seen.strays)],
    mails: seen.mails,
    certificates: [],
    tookMs: seen.waitedMs,
  }
  return { canary, broken: !verdict.ok }
}

async function runCase(target: CloudTarget, one: DeploymentCase): Promise<CloudResult> {
  const { dialect, submitter, receiver, clock, patience, speed, throughput, mails: witness, token } = target
  const why = inapplicable(one, target)
  if (why !== undefined) return resultOf(one, { verdict: 'skip', reason: why })
  const context: CaseContext = {
    dialect,
    way: submitter.kind,
    now: clock.now(),
    invent: inventor(target, one.id),
    token,
    receiver: receiver.url,
    callbackPath: receiver.callbackUrl.slice(receiver.url.length),
    firstRetryMs: patience.firstRetry,
    speed,
    sees: witness.sees,
    throughput,
  }
  const plan = one.plan(context)
  for (const [job, answers] of plan.answers ?? []) receiver.answerWith(job.id, answers)
  const callbacks = (job: InventedJob) => receiver.callbacks(job.id)

  const began = clock.monotonic()
  const { exchanges, gaveUp } = await walk(target, plan, { callbacks })
  const tookMs = clock.monotonic() - began
  if (plan.settles === true) await sleep(clock, patience.settle)
  const mails = await look(target, plan)
  const certificates =
    plan.certificates === undefined ? [] : await target.certificates(linksOf(plan, callbacks), plan.certificates)
  const { deadLetter } = plan
  const dead =
    deadLetter === undefined || target.deadLetter === undefined
      ? undefined
      : await target.deadLetter(deadLetter, patience.outcome)
  const observation: Observation = {
    context,
    plan,
    exchanges,
    callbacks,
    followed: plan.jobs.flatMap((job) =>
      receiver.callbacks().filter(({ path }) => path.endsWith(`/followed/${job.id}`)),
    ),
    ...(gaveUp === undefined ? {} : { gaveUp }),
    tookMs,
    mails,
    certificates,
    ...(dead === undefined ? {} : { deadLetter: dead }),
  }
  const judgement = one.judge(observation)
  return resultOf(one, judgement, {
    exchanges,
    callbacks: [...plan.jobs.flatMap(callbacks), ...observation.followed],
    ...(plan.mails === undefined ? {} : { mails }),
    certificates,
    tookMs: clock.monotonic() - began,
  })
}

/** Sends what the plan says, and waits for what must come of it. */
async function walk(
  target: CloudTarget,
  plan: Plan,
  progress: Pick<Observation, 'callbacks'>,
): Promise<Pick<Observation, 'exchanges'> & { gaveUp?: Observation['gaveUp'] }> {
  const { submitter, queue, receiver, clock, patience } = target
  const exchanges: Exchange[] = []
  for (const [step, { send, until, patience: kind = 'outcome' }] of plan.steps.entries()) {
    for (const one of send) {
      const { to, ...message } = one
      const answer = await (to === 'queue' ? (queue ?? submitter) : submitter).submit(message)
      exchanges.push({ send: one, answer, answeredAt: clock.now() })
    }
    // What was not taken leads to nothing.
    if (until === undefined || exchanges.slice(-send.length).every(({ answer }) => !answer.accepted)) continue
    const ms = patience.outcome
    if (!(await receiver.waitFor(() => until(progress), ms))) {
      return { exchanges, gaveUp: { step, patience: kind, ms, tooShort: isTooShort(kind, target) } }
    }
  }
  return { exchanges }
}

/** Whether a right deployment might take longer than it is waited for. */
function isTooShort(kind: Patience, { patience, speed }: CloudTarget): boolean {
  const { outcome, firstRetry, hang } = patience
  const asked = (retryAfterSeconds({ firstRetryMs: firstRetry, speed }) * 1000) / speed
  const longest = { outcome: 0, retry: firstRetry, 'retry-after': asked, hang: hang + firstRetry }[kind]
  return longest >= outcome
}

const mailsLookMs = 250
const mailpitMs = 15_000

/** The mails of the plan's jobs, once there are enough, or it was waited for long enough. */
async function look(
  { mails: witness, clock, patience }: CloudTarget,
  { mails: wanted, readsMails: content = false, jobs }: Plan,
): Promise<SeenMails> {
  if (wanted === undefined) return { observed: false, reason: 'nobody looked' }
  // An inbox has a mail before its callback is sent; events come in their own time.
  const limit =
    clock.monotonic() + (witness.sees === 'content' ? Math.min(mailpitMs, patience.outcome) : patience.outcome)
  for (;;) {
    const found = await Promise.all(jobs.map(({ label }) => witness.find({ label }, { content })))
    const hidden = found.find((one) => !one.observed)
    if (hidden !== undefined) return hidden
    const mails = found.flatMap((one) => (one.observed ? one.mails : []))
    if (mails.length >= wanted || clock.monotonic() >= limit) return { observed: true, mails }
    await sleep(clock, mailsLookMs)
  }
}

function linksOf({ jobs }: Plan, callbacks: Observation['callbacks']): CertificateLink[] {
  const links = new Map<string, string>()
  for (const job of jobs) {
    for (const { message } of callbacks(job)) {
      for (const { userid, certificateUrl } of message?.updates ?? []) {
        if (userid !== undefined && certificateUrl !== undefined) links.set(String(userid), certificateUrl)
      }
    }
  }
  return [...links].map(([recipient, url]) => ({ recipient, url }))
}

function inapplicable(
  { except, needs }: DeploymentCase,
  { dialect, submitter, queue }: CloudTarget,
): string | undefined {
  const reason = except[dialect]
  if (reason !== undefined) return `\`${dialect}\`: ${reason}`
  if (needs.includes('http') && submitter.kind === 'sqs') return 'a queue takes anything (--url, --worker-url)'
  if (needs.includes('queue') && submitter.kind !== 'sqs' && queue === undefined) {
    return 'nobody can put it into the queue (--queue-url)'
  }
  return undefined
}

const nothingSeen = { exchanges: [], callbacks: [], certificates: [], tookMs: 0 }

function resultOf(
  { id, title, level, fix, mistake }: DeploymentCase,
  judgement: Judgement,
  seen: Pick<CloudResult, 'exchanges' | 'callbacks' | 'certificates' | 'tookMs'> & { mails?: SeenMails } = nothingSeen,
): CloudResult {
  return {
    id,
    title,
    level,
    ...judgement,
    ...(judgement.verdict === 'fail' ? { fix } : {}),
    ...(mistake === undefined ? {} : { mistake }),
    ...seen,
  }
}
