import { freshnessSeconds } from '../../signature.ts'
import type { DeploymentCase, Observation } from './case.ts'
import type { InventedJob } from './job.ts'
import {
  accepted,
  attempts,
  came,
  everybodyTold,
  fail,
  first,
  mailedOnce,
  pass,
  seconds,
  told,
  unobserved,
  whole,
  type Look,
} from './judge.ts'
import type { ScriptedAnswer, SeenCallback } from './seen.ts'

type Given = Omit<DeploymentCase, 'level' | 'except' | 'needs'> &
  Partial<Pick<DeploymentCase, 'level' | 'except' | 'needs'>>
const required = (given: Given): DeploymentCase => ({ level: 'required', except: {}, needs: [], ...given })

const callbacksOf = (observation: Observation): readonly SeenCallback[] =>
  observation.plan.jobs.flatMap((job) => observation.callbacks(job))

/** A job that goes well, and a look at its callbacks. */
const healthy = (
  { judge, ...given }: Omit<Given, 'plan'>,
  kinds: readonly ('success' | 'bounce')[] = ['success', 'success'],
) =>
  required({
    ...given,
    plan(context) {
      const job = context.invent(kinds)
      return { jobs: [job], steps: [{ send: [job.message()], until: whole(job) }], settles: true }
    },
    judge: first(accepted, judge),
  })

const withoutTime = 'the body carries no timestamp'
const unsigned = 'the dialect names no way to authenticate a callback'

const sign =
  'X-Signature is the lower-case hex HMAC-SHA256 of the very bytes that are sent, with the secret that Moodle has: serialise once, sign that, send that'
const stamp =
  'timestamp is epoch seconds as an integer (time(), Math.floor(Date.now() / 1000)), taken anew for each attempt'
const retry =
  'keep a callback that was not answered with a 2xx, and send it again after 5 s, 30 s and 2 min: an outbox, or let the message come back to the queue'

export const callbackCases: readonly DeploymentCase[] = [
  healthy({
    id: 'callback/contract',
    title: 'every callback is a POST of JSON that holds the contract, to the address of the job',
    fix: 'write it as contracts/documents has it (JSON Schema, OpenAPI webhook), content-type application/json',
    judge: (observation) => {
      const callbacks = callbacksOf(observation)
      for (const { method, headers, problem } of callbacks) {
        if (method !== 'POST') return fail(`a ${method} came`)
        if (!/^application\/json\b/i.test(headers['content-type'] ?? '')) {
          return fail(`its content-type is "${headers['content-type'] ?? ''}"`)
        }
        if (problem !== undefined) return fail(problem)
      }
      return callbacks.length === 0 ? fail('no callback came') : pass(`${callbacks.length} came, each of them valid`)
    },
  }),
  healthy(
    {
      id: 'callback/signature',
      title: 'every callback is authentic: signed over its bytes, or with the token of the company',
      fix: sign,
      except: { detailed: unsigned, flow: unsigned },
      judge: (observation) => {
        const callbacks = callbacksOf(observation)
        for (const { authentic } of callbacks) {
          // How old it is is the matter of callback/timestamp.
          if (authentic?.ok === false && authentic.code !== 'stale') return fail(authentic.reason)
        }
        return callbacks.length === 0
          ? fail('no callback came')
          : pass(`${callbacks.length} came, each of them authentic`)
      },
    },
    // An error's text is more likely to hold what encoders write in different ways.
    ['success', 'bounce'],
  ),
  healthy({
    id: 'callback/timestamp',
    title: 'every callback carries the time in epoch seconds, and it is now',
    fix: stamp,
    except: { detailed: withoutTime, flow: withoutTime, plugin: withoutTime },
    judge: (observation) => {
      const callbacks = callbacksOf(observation)
      for (const { timestamp, at } of callbacks) {
        if (timestamp === undefined) return fail('it has no timestamp')
        if (typeof timestamp !== 'number' || !Number.isInteger(timestamp)) {
          return fail(`its timestamp is ${JSON.stringify(timestamp)?.slice(0, 60)}, no whole number`)
        }
        const age = Math.floor(at / 1000) - timestamp
        if (Math.abs(at - timestamp) <= freshnessSeconds * 1000)
          return fail(`its timestamp is in milliseconds (${timestamp})`)
        if (Math.abs(age) > freshnessSeconds) {
          return fail(
            `its timestamp is ${Math.abs(age)} s ${age > 0 ? 'old' : 'ahead'}: Moodle refuses it, or the clocks disagree`,
          )
        }
      }
      return callbacks.length === 0 ? fail('no callback came') : pass(`${callbacks.length} came, each of them fresh`)
    },
  }),
  healthy({
    id: 'callback/own-recipients',
    title: 'callbacks tell of everybody in the job, and of nobody else',
    fix: 'name recipients as the job does (userid; plugin: email), and tell each outcome',
    judge: first(everybodyTold, (observation) => {
      const [job] = observation.plan.jobs
      if (job === undefined) return undefined
      const { strangers, sent, failed } = told(observation, job)
      if (strangers.length > 0) return fail(`it names ${strangers[0]}, who is not in the job`)
      if (sent + failed > job.people.length) {
        return fail(`${sent} sent and ${failed} failed are more than the ${job.people.length} recipients`)
      }
      return pass(`all ${job.people.length} are told of`)
    }),
  }),
]

const refusing = (
  { judge, ...given }: Omit<Given, 'plan'>,
  answer: (job: InventedJob, context: Parameters<DeploymentCase['plan']>[0]) => ScriptedAnswer,
  more: { readonly mails?: number; readonly settles?: boolean; readonly patience?: 'hang' | 'retry-after' } = {},
): DeploymentCase =>
  required({
    ...given,
    plan(context) {
      const job = context.invent(['success'])
      const { patience = 'retry', ...looks } = more
      return {
        jobs: [job],
        answers: [[job, [answer(job, context)]]],
        steps: [{ send: [job.message()], until: attempts(job, 2), patience }],
        ...looks,
      }
    },
    judge: first(accepted, called, judge),
  })

/** At least one attempt came; that none did is the matter of other cases. */
const called: Look = (observation) =>
  callbacksOf(observation).length === 0 ? fail(`no callback came in ${seconds(observation.tookMs)}`) : undefined

const error =
  (status: number, headers: Readonly<Record<string, string>> = {}) =>
  (): ScriptedAnswer => ({ status, headers })

/** Longer than the deployment waits of itself, so that it shows who waits for what. */
export const retryAfterSeconds = ({ firstRetryMs, speed }: { firstRetryMs: number; speed: number }): number =>
  Math.ceil((firstRetryMs * speed) / 1000) + 3

export const retryCases: readonly DeploymentCase[] = [
  refusing(
    {
      id: 'retry/500',
      title: 'a callback that was answered 500 comes again',
      fix: retry,
      mistake: 3,
      judge: first(came('a second attempt'), (observation) => {
        const [one, two] = callbacksOf(observation)
        return pass(`came again after ${seconds((two?.at ?? 0) - (one?.at ?? 0))}`)
      }),
    },
    error(500),
  ),
  refusing(
    {
      id: 'retry/hang',
      title: 'a callback that is not answered is given up in time, and comes again',
      fix: `set a timeout on the call (10 s: curl --max-time, requests timeout=, AbortSignal.timeout), and take it for a failure. ${retry}`,
      mistake: 3,
      judge: (observation) => {
        const [one, two] = callbacksOf(observation)
        const { gaveUp } = observation
        if (two !== undefined)
          return pass(`given up after ${seconds((one?.hungUpAt ?? two.at) - (one?.at ?? 0))}, and came again`)
        const ms = gaveUp?.ms ?? 0
        const reason =
          one?.hungUpAt === undefined
            ? `after ${seconds(ms)} the sender was still waiting for an answer: it has no timeout`
            : `it was given up after ${seconds(one.hungUpAt - one.at)}, and did not come again within ${seconds(ms)}`
        return gaveUp?.tooShort === true
          ? unobserved(`${reason}; this deployment may take longer (--patience)`)
          : fail(reason)
      },
    },
    () => 'hang',
    { patience: 'hang' },
  ),
  refusing(
    {
      id: 'retry/after',
      title: 'a callback that was answered 503 with Retry-After does not come before that',
      fix: 'wait for the longer of your own schedule and Retry-After (seconds, or a date)',
      judge: first(came('a second attempt'), (observation) => {
        const { context } = observation
        const [one, two] = callbacksOf(observation)
        const gap = (two?.at ?? 0) - (one?.at ?? 0)
        const asked = (retryAfterSeconds(context) * 1000) / context.speed
        return gap < 0.9 * asked - 50
          ? fail(`asked to wait ${seconds(asked)}, it came after ${seconds(gap)}`)
          : pass(`asked to wait ${seconds(asked)}, it came after ${seconds(gap)}`)
      }),
    },
    (_job, context) => error(503, { 'retry-after': String(retryAfterSeconds(context)) })(),
    { patience: 'retry-after' },
  ),
  refusing(
    {
      id: 'retry/stamped-anew',
      title: 'each attempt is stamped and signed anew',
      fix: `${stamp}; a retry with the first one's timestamp is refused after 300 s, for ever`,
      except: { detailed: withoutTime, flow: withoutTime, plugin: withoutTime },
      judge: (observation) => {
        const [one, two] = callbacksOf(observation)
        // Whether it comes again at all is the matter of retry/500.
        if (one === undefined || two === undefined) return unobserved('no second attempt came')
        const gap = two.at - one.at
        const [earlier, later] = [one.timestamp, two.timestamp]
        if (typeof earlier !== 'number' || typeof later !== 'number') return unobserved('the attempts carry no time')
        if (gap < 2000)
          return unobserved(`the second attempt came after ${seconds(gap)}: too soon to tell two stamps apart`)
        if ((later - earlier) * 1000 < gap - 1500) {
          return fail(
            `the second attempt came ${seconds(gap)} after the first, and is stamped ${later - earlier} s later`,
          )
        }
        if (two.authentic?.ok === false && one.authentic?.ok !== false)
          return fail(`the second attempt: ${two.authentic.reason}`)
        return pass(`${seconds(gap)} later, and stamped ${later - earlier} s later`)
      },
    },
    (_job, { speed }) => error(503, { 'retry-after': String(Math.ceil(3 * speed)) })(),
  ),
  refusing(
    {
      id: 'retry/mails-once',
      title: 'a callback that fails makes nobody get a second mail',
      fix: 'the callback is a step of its own: what was mailed stays mailed when it fails; and the visibility timeout is longer than a batch takes with its callback',
      mistake: 1,
      judge: mailedOnce(),
    },
    error(500),
    { settles: true, mails: 1 },
  ),
  refusing(
    {
      id: 'retry/redirect',
      title: 'a redirect is neither followed nor taken for success',
      fix: 'no redirects on the call (CURLOPT_FOLLOWLOCATION off, redirect: "manual", urllib without HTTPRedirectHandler): a 303 to wwwroot means that nothing was updated',
      mistake: 4,
      judge: (observation) => {
        const [follower] = observation.followed
        if (follower !== undefined) return fail(`it was followed, with ${follower.method} ${follower.path}`)
        return came('not followed, but a second attempt')(observation) ?? pass('not followed, and tried again')
      },
    },
    (job, { receiver }) => error(303, { location: `${receiver}/followed/${job.id}` })(),
  ),
]

const rank = { pending: 0, completed: 1, failed: 2 } as const
const ended = new Set(['completed', 'partial_failure', 'failed'])

export const orderCases: readonly DeploymentCase[] = [
  {
    ...healthy({
      id: 'order/after-answer',
      title: 'no callback comes before the submission is answered',
      fix: 'answer first, work then; a worker that is faster than the answer waits a second (callback_delay)',
      mistake: 5,
      judge: first(everybodyTold, (observation) => {
        const answered = observation.exchanges[0]?.answeredAt ?? 0
        const early = callbacksOf(observation).find(({ at }) => at < answered)
        return early === undefined
          ? pass('the answer came first')
          : fail(
              `a callback came ${Math.round(answered - early.at)} ms before the answer: Moodle may overwrite it with "queued"`,
            )
      }),
    }),
    level: 'advised',
  },
  healthy(
    {
      id: 'order/never-backwards',
      title: 'what callbacks say one after the other never goes backwards',
      fix: 'send the callbacks of a job in the order of its states, and derive each from what is so now; failed stands above completed, counts only grow',
      mistake: 7,
      judge: first(everybodyTold, (observation) => {
        const before = new Map<string, 'pending' | 'completed' | 'failed'>()
        let last: { status?: string; sent: number; failed: number } = { sent: 0, failed: 0 }
        for (const { message } of callbacksOf(observation)) {
          if (message === undefined) continue
          for (const { userid, email, status } of message.updates) {
            const name = String(userid ?? email)
            const known = before.get(name)
            if (known !== undefined && rank[status] < rank[known])
              return fail(`a recipient went from ${known} to ${status}`)
            before.set(name, status)
          }
          const { sent = last.sent, failed = last.failed, status } = message
          if (sent + failed < last.sent + last.failed) {
            return fail(`the counts went from ${last.sent} sent and ${last.failed} failed to ${sent} and ${failed}`)
          }
          if (last.status !== undefined && ended.has(last.status) && status !== undefined && !ended.has(status)) {
            return fail(`the job went from ${last.status} to ${status}`)
          }
          last = { sent, failed, ...((status ?? last.status) === undefined ? {} : { status: status ?? last.status }) }
        }
        return pass('in order')
      }),
    },
    ['success', 'success', 'bounce'],
  ),
]
