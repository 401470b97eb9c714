import type { Judgement } from '../verdict.ts'
import type { Exchange, JobRow, Observation, ReceiverCase, Snapshot, WireAnswer } from './case.ts'

export const isAccepted = ({ status }: WireAnswer): boolean => status !== null && status >= 200 && status < 300
const isRefusal = ({ status }: WireAnswer) => status !== null && status >= 400 && status < 500

export const fail = (reason: string, evidence: Judgement['evidence'] = 'answer'): Judgement => ({
  verdict: 'fail',
  reason,
  evidence,
})
export const pass = (reason: string, evidence: Judgement['evidence']): Judgement => ({
  verdict: 'pass',
  reason,
  evidence,
})
export const unobserved = (reason: string): Judgement => ({ verdict: 'unobserved', reason, evidence: 'answer' })
export const skip = (reason: string): Judgement => ({ verdict: 'skip', reason, evidence: 'answer' })

/** What is wrong with an answer whatever the case: none, a 5xx, a redirect. */
function broken(answer: WireAnswer): string | undefined {
  const { status, error, headers } = answer
  if (status === null) return `no answer (${error ?? 'the connection was closed'})`
  if (status >= 500) {
    return `answered ${status}: a refusal must be a 4xx, since the sender takes a 5xx for a passing fault and repeats it`
  }
  if (status >= 300 && status < 400)
    return `answered ${status} (to ${headers['location'] ?? 'nowhere'}): no answer to a callback`
  return status < 200 ? `answered ${status}` : undefined
}

const answersOf = ({ exchanges }: Observation): WireAnswer[] => exchanges.flatMap(({ answers }) => answers)

const lastSnapshot = ({ exchanges, before }: Observation): Snapshot | undefined =>
  exchanges.at(-1)?.after ?? (exchanges.length === 0 ? before : undefined)

/** The first answer that is wrong whatever the case. */
export function brokenAnswer(observation: Observation): Judgement | undefined {
  for (const answer of answersOf(observation)) {
    const words = broken(answer)
    if (words !== undefined) return fail(words)
  }
  return undefined
}

/** Refused with a 4xx, and nothing changed. */
export function mustRefuse(observation: Observation): Judgement {
  const { before, stranger, exchanges } = observation
  for (const answer of answersOf(observation)) {
    if (isAccepted(answer)) return fail(`answered ${answer.status}: it was accepted`)
  }
  const wrong = brokenAnswer(observation)
  if (wrong !== undefined) return wrong
  const [first] = answersOf(observation)
  const status = first?.status ?? 0
  if (status === 429) return unobserved('answered 429: the receiver limits the rate of callbacks')
  if (stranger !== undefined && !isAccepted(stranger) && stranger.status === status) {
    return skip(
      `answered ${status}, as to a valid callback for a job that it does not know: which of both was the reason cannot be told without a known job (--job, --submit)`,
    )
  }
  const after = exchanges.at(-1)?.after
  if (before === undefined || after === undefined) return pass(`refused with ${status}`, 'answer')
  if (before.digest !== after.digest)
    return fail(`refused with ${status}, and the tables changed all the same`, 'tables')
  return pass(`refused with ${status}, nothing changed`, 'tables')
}

/** Accepted with a 2xx; with tables, everybody whom the callback completes is completed. */
export function mustAccept(observation: Observation): Judgement {
  const wrong = brokenAnswer(observation)
  if (wrong !== undefined) return wrong
  const refused = answersOf(observation).find((answer) => !isAccepted(answer))
  if (refused !== undefined) return fail(`answered ${refused.status}: a valid callback was refused${saying(refused)}`)
  const row = rowOf(observation)
  if (row === undefined) return pass('accepted', 'answer')
  const open = row.recipients.find(({ status }) => status !== 'completed')
  if (open !== undefined) return fail(`accepted, and a recipient stayed "${open.status}"`, 'tables')
  return pass('accepted and applied', 'tables')
}

/** Accepted or refused, as the receiver likes; refused means unchanged. */
export function mustAnswer(observation: Observation): Judgement {
  const wrong = brokenAnswer(observation)
  if (wrong !== undefined) return wrong
  const answers = answersOf(observation)
  if (answers.every(isRefusal)) {
    const after = observation.exchanges.at(-1)?.after
    if (observation.before !== undefined && after !== undefined && after.digest !== observation.before.digest) {
      return fail(`refused with ${answers[0]?.status}, and the tables changed all the same`, 'tables')
    }
  }
  const seen = observation.before === undefined ? 'answer' : 'tables'
  return pass(`${answers.every(isAccepted) ? 'accepted' : 'refused'} with ${answers[0]?.status}`, seen)
}

/** What the receiver's tables say of the case's job, at the end or after one of its exchanges. */
export function rowOf(observation: Observation, exchange?: Exchange): JobRow | undefined {
  const snapshot = exchange === undefined ? lastSnapshot(observation) : exchange.after
  return snapshot?.jobs[String(observation.context.job.id)]
}

/** The first words of an answer. */
export function saying({ body }: WireAnswer): string {
  const text = body.replace(/\s+/g, ' ').trim().slice(0, 160)
  return text === '' ? '' : `: ${text}`
}

/** Judged by the tables alone, once the answers are in order: `every` must accept, or may refuse what comes `after-first`. */
export function byTables(
  accept: 'every' | 'first' | 'none',
  look: (row: JobRow, observation: Observation) => string | undefined,
): ReceiverCase['judge'] {
  return (observation) => {
    const wrong = brokenAnswer(observation)
    if (wrong !== undefined) return wrong
    const answers = answersOf(observation)
    const bound = accept === 'every' ? answers : accept === 'first' ? answers.slice(0, 1) : []
    const refused = bound.find((answer) => !isAccepted(answer))
    if (refused !== undefined) return fail(`answered ${refused.status}: a valid callback was refused${saying(refused)}`)
    if (lastSnapshot(observation) === undefined) {
      return unobserved('the answers are in order; what became of the tables is not seen (--php)')
    }
    const row = rowOf(observation)
    if (row === undefined) return fail('the job is not in the tables', 'tables')
    const words = look(row, observation)
    return words === undefined ? pass('the tables are as they must be', 'tables') : fail(words, 'tables')
  }
}
