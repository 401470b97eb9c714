import { gzipSync } from 'node:zlib'
import { explainAnswer } from '../../contracts/answers.ts'
import {
  canaryId,
  canaryRequest,
  canaryTitle,
  forgedRequest,
  judgeCanary,
  judgeStranger,
  probes,
  type CaseContext,
  type Exchange,
  type Observation,
  type ReceiverCase,
  type Step,
  type TargetJob,
  type WireAnswer,
} from '../../contracts/checks/receiver/index.ts'
import type { Evidence, Finding, Judgement } from '../../contracts/checks/verdict.ts'
import { NoJobError, UnreachableError, type ReceiverTarget } from './target.ts'

/** What came of one case, with all that was sent and answered. */
export interface CaseResult extends Finding {
  readonly evidence: Evidence
  readonly mistake?: number
  readonly leaves?: string
  readonly exchanges: readonly Exchange[]
}

const noAnswer = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH/
/** The `Date` header has no parts of a second; less than this is no difference between two clocks. */
const clocksAgreeMs = 2000

/**
 * Runs cases against a callback receiver, one after the other, the valid callback first. Where that one is refused it is
 * the only failure, and all others are skipped: a receiver that refuses everything must not look right. Throws
 * UnreachableError where nobody answers it, NoJobError where there is no job to begin with.
 */
export async function* checkReceiver(
  target: ReceiverTarget,
  cases: readonly ReceiverCase[],
): AsyncGenerator<CaseResult> {
  const run = createRun(target)
  const { canary, refused } = await run.begin()
  yield canary
  for (const one of cases) yield refused === undefined ? await run.one(one) : unasked(one, refused)
}

function createRun(target: ReceiverTarget) {
  const { jobs, tables, clock } = target
  /** By how much the receiver's clock is ahead of ours. */
  let aheadMs = 0
  let done: TargetJob | undefined
  let untouched: TargetJob | undefined
  let stranger: WireAnswer | undefined

  const contextOf = (job: TargetJob, other?: TargetJob): CaseContext => ({
    dialect: target.dialect,
    secret: target.secret,
    token: target.token,
    now: clock.now() + aheadMs,
    job,
    ...(other === undefined ? {} : { other }),
    ...(target.previousSecret === undefined ? {} : { previousSecret: target.previousSecret }),
    gzip: (bytes) => gzipSync(bytes),
  })

  const look = async ({ job, other }: Pick<CaseContext, 'job' | 'other'>) =>
    tables?.snapshot(other === undefined ? [job.id] : [job.id, other.id])

  const send = async ({ request, times = 1 }: Step): Promise<Omit<Exchange, 'after'>> => {
    const began = clock.monotonic()
    const answers = await Promise.all(Array.from({ length: times }, () => target.send(request)))
    return { request, answers, took: clock.monotonic() - began }
  }

  const walk = async (context: CaseContext, steps: readonly Step[]): Promise<Exchange[]> => {
    const exchanges: Exchange[] = []
    for (const step of steps) {
      const exchange = await send(step)
      const after = await look(context)
      exchanges.push({ ...exchange, ...(after === undefined ? {} : { after }) })
    }
    return exchanges
  }

  /** Why the signature of a valid callback was refused, where a wrong one is accepted. */
  const cause = async (context: CaseContext): Promise<string | undefined> => {
    for (const { request, says } of probes(context)) if (isAccepted(await target.send(request))) return says
    return undefined
  }

  const begin = async (): Promise<{ canary: CaseResult; refused?: string }> => {
    done = await jobs.take()
    const context = contextOf(done)
    const request = canaryRequest(context)
    const [first, ...others] = done.known
      ? [await send({ request })]
      : [await send({ request }), await send({ request: forgedRequest(context) })]
    const exchanges = [first, ...others]
    const answer = answerOf(first)
    if (answer.status === null && noAnswer.test(answer.error ?? '')) {
      const error = answer.error ?? ''
      throw new UnreachableError(explainAnswer({ status: null, dialect: target.dialect, url: target.url, error }))
    }
    const ahead = Date.parse(answer.headers['date'] ?? '') + 500 - clock.now()
    if (target.exactClock !== true && Math.abs(ahead) > clocksAgreeMs) aheadMs = ahead
    const [forged] = others
    const judged =
      forged === undefined
        ? judgeCanary(context, request, answer, target.url)
        : judgeStranger(context, request, { valid: answer, forged: answerOf(forged) }, target.url)
    const why = judged.verdict === 'fail' && answer.status === 401 ? await cause(context) : undefined
    const judgement = why === undefined ? judged : { ...judged, reason: `${judged.reason}. Evidence: ${why}` }
    if (!done.known) stranger = answer
    const canary: CaseResult = {
      id: canaryId,
      title: canaryTitle,
      level: 'required',
      ...judgement,
      exchanges,
      ...(done.known ? { leaves: 'one job with its recipients completed' } : {}),
    }
    return judgement.verdict === 'fail'
      ? { canary, refused: `the valid callback was refused (${answer.status ?? 'no answer'})` }
      : { canary }
  }

  const contextFor = async ({ needs }: ReceiverCase): Promise<CaseContext> => {
    if (needs === 'own') return contextOf(await jobs.take())
    if (needs === 'sharing') return contextOf(await jobs.take({ sharing: true }))
    if (needs === 'two') return contextOf(await jobs.take(), await jobs.take())
    if (needs === 'untouched') return contextOf((untouched ??= await jobs.take()))
    return contextOf((done ??= await jobs.take()))
  }

  const ordinary = async (one: ReceiverCase): Promise<{ judgement: Judgement; exchanges: readonly Exchange[] }> => {
    const context = await contextFor(one)
    const steps = one.plan(context)
    if (typeof steps === 'string') return { judgement: skipped(steps), exchanges: [] }
    const before = await look(context)
    const exchanges = await walk(context, steps)
    const observation: Observation = {
      context,
      exchanges,
      ...(before === undefined ? {} : { before }),
      ...(stranger === undefined ? {} : { stranger }),
    }
    const judgement = one.judge(observation)
    // What a case has changed, or may have, is no other case's beginning.
    if (one.needs === 'untouched' && judgement.verdict === 'fail') untouched = undefined
    return { judgement, exchanges }
  }

  const whileSubmitting = async (
    one: ReceiverCase,
  ): Promise<{ judgement: Judgement; exchanges: readonly Exchange[] }> => {
    const trouble = one.submission
    if (jobs.submit === undefined || trouble === undefined) {
      return { judgement: skipped('nobody sees the plugin submit (--submit)'), exchanges: [] }
    }
    let seen: { context: CaseContext; exchanges: Exchange[] } | undefined
    const { job, ids } = await jobs.submit(trouble, async (submitted) => {
      const context = contextOf(submitted)
      const steps = one.plan(context)
      seen = { context, exchanges: typeof steps === 'string' ? [] : await walk(context, steps) }
    })
    const { context = contextOf(job), exchanges = [] } = seen ?? {}
    // What counts is how it stands when the plugin has its answer.
    const end = await look(context)
    const last = exchanges.at(-1)
    if (last !== undefined && end !== undefined) exchanges[exchanges.length - 1] = { ...last, after: end }
    const before = end === undefined ? {} : { before: end }
    return { judgement: one.judge({ context, exchanges, submitted: ids, ...before }), exchanges }
  }

  const one = async (given: ReceiverCase): Promise<CaseResult> => {
    const why = inapplicable(given, target)
    if (why !== undefined) return resultOf(given, skipped(why), [])
    try {
      const { judgement, exchanges } = await (given.needs === 'submission' ? whileSubmitting(given) : ordinary(given))
      return resultOf(given, judgement, exchanges)
    } catch (error) {
      if (!(error instanceof NoJobError)) throw error
      return resultOf(given, { verdict: 'unobserved', reason: error.message, evidence: 'answer' }, [])
    }
  }

  return { begin, one }
}

function inapplicable({ except, needs, exactClock }: ReceiverCase, target: ReceiverTarget): string | undefined {
  const reason = except[target.dialect]
  if (reason !== undefined) return `\`${target.dialect}\`: ${reason}`
  if (exactClock === true && target.exactClock !== true) return "the receiver's clock is not ours to the second"
  const { kind } = target.jobs
  const own = needs === 'own' || needs === 'sharing'
  if ((own || needs === 'two') && kind === 'invented') {
    return 'needs a job that Moodle knows (--job, --submit)'
  }
  if (needs === 'two' && kind === 'one') return 'needs two jobs (--submit)'
  if (own && kind === 'one') return 'needs a job of its own (--submit)'
  return undefined
}

const isAccepted = ({ status }: WireAnswer) => status !== null && status >= 200 && status < 300

const skipped = (reason: string): Judgement => ({ verdict: 'skip', reason, evidence: 'answer' })

const answerOf = ({ answers }: Pick<Exchange, 'answers'>): WireAnswer =>
  answers[0] ?? { status: null, headers: {}, body: '', milliseconds: 0, error: 'nothing was sent' }

function unasked(one: ReceiverCase, refused: string): CaseResult {
  return resultOf(one, skipped(`${refused}: what a receiver refuses that refuses everything shows nothing`), [])
}

function resultOf(
  { id, title, level, fix, leaves, mistake }: ReceiverCase,
  judgement: Judgement,
  exchanges: readonly Exchange[],
): CaseResult {
  return {
    id,
    title,
    level,
    ...judgement,
    ...(judgement.verdict === 'fail' ? { fix } : {}),
    ...(mistake === undefined ? {} : { mistake }),
    ...(leaves === undefined || exchanges.length === 0 ? {} : { leaves }),
    exchanges,
  }
}
