import { callbacksOf, stamp, withoutTime } from './callback.ts'
import type { DeploymentCase } from './case.ts'
import { required, type Given } from './define.ts'
import type { InventedJob } from './job.ts'
import { accepted, attempts, came, fail, first, mailedOnce, pass, seconds, unobserved, type Look } from './judge.ts'
import type { ScriptedAnswer } from './seen.ts'

const retry =
  'keep a callback that was not answered with a 2xx, and send it again after 5 s, 30 s and 2 min: an outbox, or let the message come back to the queue'

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
