import { freshnessSeconds } from '../../signature.ts'
import type { DeploymentCase, Observation } from './case.ts'
import { required, type Given } from './define.ts'
import { accepted, everybodyTold, fail, first, pass, told, whole } from './judge.ts'
import type { SeenCallback } from './seen.ts'

export const callbacksOf = (observation: Observation): readonly SeenCallback[] =>
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

export const withoutTime = 'the body carries no timestamp'
const unsigned = 'the dialect names no way to authenticate a callback'

const sign =
  'X-Signature is the lower-case hex HMAC-SHA256 of the very bytes that are sent, with the secret that Moodle has: serialise once, sign that, send that'
export const stamp =
  'timestamp is epoch seconds as an integer (time(), Math.floor(Date.now() / 1000)), taken anew for each attempt'

export const callbackCases: readonly DeploymentCase[] = [
  healthy({
    id: 'callback/contract',
    title: 'every callback is a POST of JSON that holds the contract, to the address of the job',
    fix: 'write it as contracts/documents has it (JSON Schema, OpenAPI webhook), content-type application/json',
    judge: (observation) => {
      const callbacks = callbacksOf(observation)
      const { dialect, callbackPath } = observation.context
      for (const { method, path, headers, problem } of callbacks) {
        if (method !== 'POST') return fail(`a ${method} came`)
        // `plugin` names no address in its jobs.
        if (dialect !== 'plugin' && !(path.split('?')[0] ?? '').endsWith(callbackPath)) {
          return fail(`it went to ${path}, and the job names ${callbackPath}`)
        }
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
