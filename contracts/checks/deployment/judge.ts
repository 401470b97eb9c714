import type { Dialect } from '../../job.ts'
import type { DeploymentCase, Exchange, Judgement, Observation, Progress } from './case.ts'
import type { InventedJob } from './job.ts'
import { toldOf, type SeenMail, type Told } from './seen.ts'

export const pass = (reason: string): Judgement => ({ verdict: 'pass', reason })
export const fail = (reason: string): Judgement => ({ verdict: 'fail', reason })
export const unobserved = (reason: string): Judgement => ({ verdict: 'unobserved', reason })

export type Look = (observation: Observation) => Judgement | undefined

/** The first that finds something decides. */
export const first =
  (...looks: readonly (Look | DeploymentCase['judge'])[]): DeploymentCase['judge'] =>
  (observation) => {
    for (const look of looks) {
      const judgement = look(observation)
      if (judgement !== undefined) return judgement
    }
    return unobserved('nothing was seen')
  }

export const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`

export const told = (progress: Progress, job: InventedJob): Told =>
  toldOf(job.dialect, job.people, progress.callbacks(job))

/** Everybody of these jobs has an outcome. */
export const whole =
  (...jobs: readonly InventedJob[]) =>
  (progress: Progress): boolean =>
    jobs.every((job) => told(progress, job).whole)

/** So many attempts of the job's callbacks have come. */
export const attempts =
  (job: InventedJob, count: number) =>
  (progress: Progress): boolean =>
    progress.callbacks(job).length >= count

const wordsOf = ({ answer }: Exchange): string => {
  const text = answer.answer.replace(/\s+/g, ' ').trim().slice(0, 160)
  return text === '' ? '' : `: ${text}`
}

/** A submission that had to be accepted and was not. */
export const accepted: Look = ({ exchanges }) => {
  const refused = exchanges.find(({ answer }) => !answer.accepted)
  if (refused === undefined) return undefined
  const { status } = refused.answer
  return fail(
    `a valid submission was ${status === null ? 'not answered' : `refused with ${status}`}${wordsOf(refused)}`,
  )
}

/** What was waited for did not come. */
export const came =
  (what: string): Look =>
  ({ gaveUp }) => {
    if (gaveUp === undefined) return undefined
    const waited = `${what} did not come within ${seconds(gaveUp.ms)}`
    return gaveUp.tooShort ? unobserved(`${waited}, and this deployment may take longer (--patience)`) : fail(waited)
  }

/** Everybody was told of, in time. */
export const everybodyTold: Look = (observation) => {
  const { gaveUp, plan } = observation
  if (gaveUp === undefined) return undefined
  for (const job of plan.jobs) {
    const seen = told(observation, job)
    if (seen.whole) continue
    const unread = observation.callbacks(job).find(({ problem }) => problem !== undefined)
    if (unread !== undefined) return fail(`a callback came that cannot be read: ${unread.problem}`)
    const total = job.people.length
    const known = job.dialect === 'flow' ? seen.sent + seen.failed : seen.outcomes.size
    return fail(`after ${seconds(gaveUp.ms)} callbacks tell of ${known} of ${total} recipients`)
  }
  return undefined
}

/** The mails of the case, each address with how often; or why nobody sees them. */
export function mailsOf({ mails, plan }: Observation): ReadonlyMap<string, readonly SeenMail[]> | string {
  if (!mails.observed) return mails.reason
  const ours = mails.mails.filter(({ address }) => plan.jobs.some(({ label }) => address.includes(label)))
  return Map.groupBy(ours, ({ address }) => address.toLowerCase())
}

/** Everybody has one mail, by address; `expected` may say how many. */
export const mailedOnce =
  (expected: (address: string, job: InventedJob) => number = () => 1): DeploymentCase['judge'] =>
  (observation) => {
    const mails = mailsOf(observation)
    if (typeof mails === 'string') return unobserved(`the answers are in order; ${mails}`)
    for (const job of observation.plan.jobs) {
      for (const address of new Set(job.people.map(({ email }) => email.toLowerCase()))) {
        const count = mails.get(address)?.length ?? 0
        const right = expected(address, job)
        if (count > right) return fail(`${times(count)} to ${address}, instead of ${times(right)}`)
        if (count < right) {
          const missing = `${count === 0 ? 'no mail' : times(count)} to ${address}`
          return observation.context.sees === 'envelopes'
            ? unobserved(`${missing} was told of by an event (--patience)`)
            : fail(`${missing}, though it was told as sent (is this the inbox that the deployment mails to?)`)
        }
      }
    }
    const all = [...mails.values()].reduce((sum, list) => sum + list.length, 0)
    return pass(`${times(all)}, nobody was mailed twice`)
  }

const times = (count: number): string => `${count} mail${count === 1 ? '' : 's'}`

/** What these recipients were told as; `flow` is judged by its counts. */
export function outcomesAre(job: InventedJob, wanted: readonly ('completed' | 'failed')[]): Look {
  return (observation) => {
    const seen = told(observation, job)
    const count = (outcome: string) => wanted.filter((one) => one === outcome).length
    if (job.dialect !== 'spec') {
      const right = [count('completed'), count('failed')]
      if (seen.sent !== right[0] || seen.failed !== right[1]) {
        return fail(`told ${seen.sent} sent and ${seen.failed} failed, instead of ${right[0]} and ${right[1]}`)
      }
    }
    if (job.dialect === 'flow') return undefined
    for (const [nth, person] of job.people.entries()) {
      const outcome = seen.outcomes.get(nameIn(job.dialect, person))
      if (outcome !== wanted[nth]) return fail(`${person.email} was told as "${outcome ?? 'nothing'}"`)
    }
    return undefined
  }
}

const nameIn = (dialect: Dialect, { userid, email }: InventedJob['people'][number]) =>
  dialect === 'plugin' ? email.toLowerCase() : String(userid)

/** Refused with a 4xx, and nothing follows from it. */
export function mustRefuse(observation: Observation): Judgement {
  const [exchange] = observation.exchanges
  if (exchange === undefined) return unobserved('nothing was sent')
  const { status } = exchange.answer
  const words = wordsOf(exchange)
  if (status === null) return fail(`no answer${words}`)
  if (exchange.answer.accepted) return fail(`answered ${status}: it was accepted`)
  if (status === 429) return unobserved('answered 429: the deployment limits the rate of submissions')
  if (status >= 500)
    return fail(
      `answered ${status}: a refusal must be a 4xx, since Moodle takes a 5xx for a passing fault and repeats it${words}`,
    )
  if (status < 400) return fail(`answered ${status}, no answer to a submission`)
  return nothingFollowed(observation, `refused with ${status}`)
}

/** No callback, no mail; `how` says why that is to be expected. */
export function nothingFollowed(observation: Observation, how: string): Judgement {
  const [job] = observation.plan.jobs
  if (job === undefined) return pass(how)
  const { length } = observation.callbacks(job)
  if (length > 0) return fail(`${how}, and ${length === 1 ? 'a callback' : `${length} callbacks`} came all the same`)
  const mails = mailsOf({ ...observation, plan: { ...observation.plan, jobs: [job] } })
  if (typeof mails === 'string') return pass(`${how}, no callback came`)
  const sent = [...mails.values()].reduce((sum, list) => sum + list.length, 0)
  return sent > 0 ? fail(`${how}, and ${times(sent)} went out all the same`) : pass(`${how}, and nothing followed`)
}
