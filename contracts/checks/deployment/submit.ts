import type { JsonObject } from '../../json.ts'
import type { CaseContext, DeploymentCase, Plan, Send } from './case.ts'
import type { InventedJob } from './job.ts'
import { accepted, everybodyTold, fail, first, mustRefuse, nothingFollowed, pass, unobserved, whole } from './judge.ts'

type Given = Pick<DeploymentCase, 'id' | 'title' | 'fix' | 'mistake'>

/** A submission that must be refused: a 4xx where it comes by HTTP, a dead letter where it comes by the queue. */
function refused(
  { mistake, ...given }: Given,
  send: (job: InventedJob, context: CaseContext) => Send,
  { http = false, level = 'required' }: { http?: boolean; level?: DeploymentCase['level'] } = {},
): DeploymentCase {
  return {
    ...given,
    ...(mistake === undefined ? {} : { mistake }),
    level,
    except: {},
    needs: http ? ['http'] : [],
    plan(context): Plan {
      const bad = context.invent(['success'])
      const message = send(bad, context)
      if (context.way !== 'sqs') return { jobs: [bad], steps: [{ send: [message] }], settles: true, mails: 0 }
      // A queue takes anything: when the next job is done, the worker has had this one.
      const next = context.invent(['success'], { name: 'next' })
      return {
        jobs: [bad, next],
        steps: [{ send: [message, next.message()], until: whole(next) }],
        settles: true,
        mails: 1,
      }
    },
    judge: (observation) => {
      if (observation.context.way !== 'sqs') return mustRefuse(observation)
      if (observation.exchanges.some(({ answer }) => !answer.accepted)) {
        return unobserved(`the queue did not take it: ${observation.exchanges[0]?.answer.answer ?? ''}`)
      }
      return told(observation) ?? nothingFollowed(observation, 'taken by the queue')
    },
  }
}

/** By the queue a failure may be told, too; that it was sent may not. */
const told: (observation: Parameters<DeploymentCase['judge']>[0]) => ReturnType<DeploymentCase['judge']> | undefined = (
  observation,
) => {
  const { plan, gaveUp } = observation
  const [bad] = plan.jobs
  if (gaveUp !== undefined) return fail('the job behind it was not done in time: it blocks the queue')
  if (bad === undefined) return undefined
  const callbacks = observation.callbacks(bad)
  const sent = callbacks.some(
    ({ message }) =>
      message !== undefined &&
      ((message.sent ?? 0) > 0 || message.updates.some(({ status }) => status === 'completed')),
  )
  if (sent) return fail('it was told as sent')
  return callbacks.length > 0 ? pass('told as failed') : undefined
}

const changed = (change: (body: JsonObject) => JsonObject) => (job: InventedJob) => job.message(job.people, change)

const idName = ({ dialect }: InventedJob) => (dialect === 'detailed' ? 'job_uuid' : 'job_id')

const surprise = 'send_surprise'

const token = 'compare the whole token (in constant time) before anything else: 401 without one, 403 with a wrong one'
const validate =
  'validate the body before it is queued (JSON Schema: contracts/documents), and answer 400 with the path and the reason of each issue'

export const submitCases: readonly DeploymentCase[] = [
  {
    id: 'submit/accepted',
    title: 'the answer to a job names it as it was submitted',
    fix: 'answer 202 {"job_id": …, "status": "queued"} with the job_id of the body, not an id of your own',
    level: 'required',
    needs: ['http'],
    except: {},
    plan(context) {
      const job = context.invent(['success'])
      return { jobs: [job], steps: [{ send: [job.message()], until: whole(job) }] }
    },
    judge: first(accepted, everybodyTold, ({ exchanges, plan }) => {
      const { answer: text = '', status = null } = exchanges[0]?.answer ?? {}
      const named = fieldOf(text, 'job_id') ?? fieldOf(text, 'job_uuid')
      const id = plan.jobs[0]?.id
      if (named === undefined) return pass(`accepted with ${status}; the answer names no job`)
      const same = (typeof named === 'string' || typeof named === 'number') && String(named) === String(id)
      return same
        ? pass(`accepted with ${status}, as job ${String(id)}`)
        : fail(`job ${String(id)} was answered as job ${JSON.stringify(named)}`)
    }),
  },
  refused(
    { id: 'submit/no-token', title: 'a job without a token is refused', fix: token, mistake: 18 },
    (job) => ({ ...job.message(), token: null }),
    { http: true },
  ),
  refused(
    { id: 'submit/wrong-token', title: 'a job with a wrong token is refused', fix: token, mistake: 18 },
    (job) => ({ ...job.message(), token: 'not-the-token' }),
    { http: true },
  ),
  refused(
    { id: 'submit/token-cut', title: 'a token that only begins right is refused', fix: token, mistake: 18 },
    (job, context) => ({ ...job.message(), token: context.token.slice(0, -1) }),
    { http: true },
  ),
  refused({ id: 'submit/not-json', title: 'a body that is no JSON is refused', fix: validate }, (job) => ({
    ...job.message(),
    body: `${String(job.message().body).slice(0, -1)},`,
  })),
  refused(
    {
      id: 'submit/invalid-utf8',
      title: 'a body that is no valid UTF-8 is refused',
      fix: 'decode it strictly: mb_check_encoding, new TextDecoder("utf-8", { fatal: true }), bytes.decode("utf-8")',
      mistake: 19,
    },
    (job) => ({ ...job.message(), body: brokenUtf8(job) }),
    { http: true },
  ),
  refused({ id: 'submit/no-job-id', title: 'a job without an id is refused', fix: validate }, (job) =>
    changed(({ [idName(job)]: _id, ...others }) => others)(job),
  ),
  refused(
    { id: 'submit/no-recipients', title: 'a job without recipients is refused', fix: validate, mistake: 19 },
    changed((body) => ({ ...body, recipients: [] })),
  ),
  refused(
    { id: 'submit/recipients-no-list', title: 'recipients that are no list are refused', fix: validate },
    changed((body) => ({ ...body, recipients: 'everybody' })),
  ),
  refused(
    {
      id: 'submit/unknown-type',
      title: 'a job of an unknown type is refused, and not sent as a generic notification',
      fix: 'no default branch: an unknown type is refused with the list of those that are known',
      mistake: 13,
    },
    (job) => {
      const { attributes, ...message } = job.message(undefined, (body) => ({ ...body, type: surprise }))
      const { JobType: named, ...others } = attributes
      return {
        ...message,
        attributes: named === undefined ? others : { ...others, JobType: { ...named, value: surprise } },
      }
    },
  ),
  refused(
    {
      id: 'submit/too-large',
      title: 'a body over 10 MB is refused, with a 4xx',
      fix: 'answer 413 over the limit (API Gateway has 10 MB), not 502 or 500',
    },
    (job) => job.message(undefined, (body) => ({ ...body, padding: 'x'.repeat(10 * 1024 * 1024) })),
    // What takes more at its own address is no failure.
    { http: true, level: 'advised' },
  ),
]

/** With a byte in an address that no UTF-8 has. */
function brokenUtf8(job: InventedJob): Uint8Array {
  const bytes = Buffer.from(String(job.message().body))
  const at = bytes.indexOf(job.people[0]?.email ?? '')
  bytes[at] = 0xff
  return bytes
}

function fieldOf(text: string, name: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
  } catch {
    return undefined
  }
}
