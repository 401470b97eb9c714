import type { Dialect } from '../../job.ts'
import type { InventedJob } from './job.ts'
import { toldOf, type SeenCallback, type SeenMails, type SubmitAnswer } from './seen.ts'

export const canaryId = 'canary/job'
export const canaryTitle = 'a job of one recipient goes its whole way'

/** What was seen of the one job that goes first. */
export interface CanarySeen {
  readonly job: InventedJob
  readonly way: 'api' | 'sqs' | 'worker-url'
  /** Where it was submitted. */
  readonly target: string
  readonly answer: SubmitAnswer
  /** Epoch milliseconds. */
  readonly answeredAt: number
  /** Of this job. */
  readonly callbacks: readonly SeenCallback[]
  /** Everything else that came to the receiver meanwhile. */
  readonly strays: readonly SeenCallback[]
  readonly mails: SeenMails
  readonly callbackUrl: string
  /** Where the receiver really listens. */
  readonly listensOn: string
  /** How long it was waited for, in milliseconds. */
  readonly waitedMs: number
}

export type CanaryVerdict =
  { readonly ok: true; readonly reason: string } | { readonly ok: false; readonly reason: string; readonly fix: string }

const seconds = (ms: number) => `${Math.round(ms / 100) / 10} s`

/** What came of the canary: one diagnosis where it did not go its whole way. */
export function judgeCanary(seen: CanarySeen): CanaryVerdict {
  const { job, answer, callbacks, waitedMs } = seen
  if (!answer.accepted) return refused(seen)
  const told = toldOf(job.dialect, job.people, callbacks)
  const [first] = callbacks
  if (first !== undefined && told.whole) {
    return { ok: true, reason: `accepted with ${answer.status}, and told of after ${seconds(waitedMs)}` }
  }
  if (first === undefined) return silent(seen)
  const unread = callbacks.find(({ problem }) => problem !== undefined)
  return {
    ok: false,
    reason:
      unread === undefined
        ? `${callbacks.length === 1 ? 'a callback' : `${callbacks.length} callbacks`} came within ${seconds(waitedMs)}, and none says what became of the recipient`
        : `a callback came that is none of \`${job.dialect}\`: ${unread.problem}`,
    fix:
      unread === undefined
        ? 'send a callback when a recipient has its outcome: sent, or failed for good; or wait longer: --patience 3m'
        : `write the callback in the dialect of the job (contracts/dialects), or name the dialect that the deployment speaks: --dialect`,
  }
}

function refused({ answer, way, target, job }: CanarySeen): CanaryVerdict {
  const { status, answer: text, headers } = answer
  const said = text.trim() === '' ? '' : `: ${text.replace(/\s+/g, ' ').trim().slice(0, 200)}`
  const fail = (reason: string, fix: string): CanaryVerdict => ({ ok: false, reason, fix })
  if (way === 'sqs')
    return fail(
      `the queue did not take the job${said}`,
      'aws sqs get-queue-attributes --queue-url … shows whether these credentials may use it',
    )
  if (status === null)
    return fail(
      `no answer from ${target}${said}`,
      'is the URL right, and does the deployment answer at all? curl -i it',
    )
  if (status === 401 || status === 403) {
    return fail(
      `${target} answered ${status}${said}: it does not take this token`,
      'give the token that Moodle has as cloud_auth_token: --token, or export OFFLOAD_INGEST_TOKEN=…',
    )
  }
  if (status >= 300 && status < 400) {
    return fail(
      `${target} answered ${status}, a redirect to ${headers['location'] ?? 'nowhere'}`,
      'give the address that it leads to: Moodle does not repeat a POST there',
    )
  }
  if (status === 404 || status === 405) {
    return fail(
      `${target} answered ${status}${said}: there is no way in`,
      "an API Gateway's URL ends with its stage (https://ID.execute-api.REGION.amazonaws.com/prod; /jobs is added); a Worker's own address is --worker-url",
    )
  }
  if (status >= 500 || status === 429)
    return fail(
      `${target} answered ${status}${said}`,
      'see the log of what stands behind it (aws logs tail, wrangler tail)',
    )
  return fail(
    `a valid job of \`${job.dialect}\` was refused with ${status}${said}`,
    `name the dialect that the deployment speaks (--dialect), or accept what the contract allows: offload check job shows the job's form`,
  )
}

function silent({ job, answer, strays, mails, callbackUrl, listensOn, waitedMs }: CanarySeen): CanaryVerdict {
  const waited = `no callback came here in ${seconds(waitedMs)}`
  if (answer.status === 200 && strays.length === 0) {
    const mailed = mails.observed && mails.mails.length > 0
    if (!mailed && repeats(answer)) {
      return {
        ok: false,
        reason: `${waited}, and the submission was answered 200: the deployment knows this job from an earlier run`,
        fix: 'a seed is good for one run against a deployment that remembers: leave --seed out, or give another',
      }
    }
  }
  const stray = strays.find(({ method }) => method === 'POST') ?? strays[0]
  if (stray !== undefined) {
    return {
      ok: false,
      reason: `${waited} for this job; what came was ${stray.method} ${stray.path}${stray.problem === undefined ? '' : `, and ${stray.problem}`}`,
      fix: `a callback names its job as the message did: ${JSON.stringify(job.id)}, in ${job.dialect === 'detailed' ? 'job_uuid' : 'job_id'}, and is POSTed to ${callbackUrl}`,
    }
  }
  const environment = environmentFix(job.dialect, callbackUrl)
  if (mails.observed && mails.mails.length > 0) {
    return {
      ok: false,
      reason: `${waited}, though the mail went out: the worker calls the address in its own environment, or cannot reach this one`,
      fix: `${environment}; ${reach(listensOn)}`,
    }
  }
  return {
    ok: false,
    reason: mails.observed
      ? `${waited}, and no mail was seen either: does a worker take this queue? If it does, the worker calls the address in its own environment`
      : `${waited}: the worker calls the address in its own environment, cannot reach this one, or does not run`,
    fix: `see the worker's log and the queue's depth; ${environment}; ${reach(listensOn)}`,
  }
}

/** A first submission is answered 202; 200 means known where the answer does not say otherwise. */
const repeats = ({ answer }: SubmitAnswer) => !/"status"\s*:\s*"(queued|accepted|pending)"/.test(answer)

const environmentFix = (dialect: Dialect, callbackUrl: string) =>
  dialect === 'plugin'
    ? `\`plugin\` names no callback in the job: set the worker's own to ${callbackUrl}`
    : `call the job's own callback_url, or set the worker's to ${callbackUrl}`

const reach = (listensOn: string) =>
  `a deployment elsewhere reaches ${listensOn} by a tunnel alone: --listen 127.0.0.1:8099 and --public-url https://… (cloudflared, ngrok)`
