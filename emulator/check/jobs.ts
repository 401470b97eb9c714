import { createHash } from 'node:crypto'
import { spawn } from 'node:child_process'
import type { TargetJob } from '../../contracts/checks/receiver/index.ts'
import type { JobMessage } from '../../contracts/checks/job-message.ts'
import { decodeJobText } from '../../contracts/dialects/index.ts'
import type { Dialect, Job } from '../../contracts/job.ts'
import { sleep, type Clock } from '../kernel/clock.ts'
import { startCapture, type Capture, type Meeting } from './capture.ts'
import { NoJobError, type JobSource } from './target.ts'

/** A job that no Moodle holds: integers from 2,000,000,000; UUIDs that begin with a letter, which PHP casts to 0. */
export function inventedJobs(dialect: Dialect, seed: string): JobSource {
  const hex = createHash('sha256').update(`offload check ${seed}`).digest('hex')
  const integer = 2_000_000_000 + (parseInt(hex.slice(0, 6), 16) % 90_000_000)
  const uuid = `c${hex.slice(1, 8)}-${hex.slice(8, 12)}-4${hex.slice(12, 15)}-a${hex.slice(15, 18)}-${hex.slice(18, 30)}`
  const byUserid = dialect === 'spec' || dialect === 'detailed'
  const people = [1, 2].map((nth) => ({
    key: String(2_000_000_000 + nth),
    email: `check${nth}@check.offload.test`,
    ...(byUserid ? { userid: 2_000_000_000 + nth } : {}),
  }))
  return { kind: 'invented', take: async () => ({ id: byUserid ? uuid : integer, tenant: 0, people, known: false }) }
}

/** One job that Moodle has, named by hand. */
export const givenJob = (job: TargetJob): JobSource => ({ kind: 'one', take: async () => job })

export interface SubmittedJobs extends JobSource {
  readonly capture: Capture
  close(): Promise<void>
}

/** How long a command may take, and how long its job may be on the way when it has ended. */
const commandTimeoutMs = 60_000
const arrivalTimeoutMs = 5000

/**
 * Jobs that a command submits, each time anew: to a cloud of ours on `port`, or by printing the job message on stdout.
 * The command finds the cloud's address in `OFFLOAD_URL`, `SQS_QUEUE_URL` and AWS's own variables too.
 */
export async function submittedJobs({
  command,
  dialect,
  port,
  token,
  clock,
  environment,
}: {
  command: string
  dialect: Dialect
  port: number
  token?: string | undefined
  clock: Clock
  environment: Readonly<Record<string, string | undefined>>
}): Promise<SubmittedJobs> {
  let arrived: Job[] = []
  let unreadable: string | undefined
  let meet: (job: Job, nth: number) => Promise<Meeting> = async () => 'answer'

  const capture = await startCapture({
    port,
    token,
    async meet(message: JobMessage) {
      const decoded = decodeJobText(message.body, message.envelope)
      if (!decoded.ok) {
        const [issue] = decoded.issues
        unreadable = `the submitted job does not hold the contract: ${issue?.path} ${issue?.reason}`
        return 'answer'
      }
      arrived.push(decoded.job)
      return meet(decoded.job, arrived.length - 1)
    },
  })

  const run = async (): Promise<{ code: number | null; stdout: string; stderr: string }> => {
    const child = spawn('sh', ['-c', command], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...environment,
        OFFLOAD_URL: capture.url,
        SQS_QUEUE_URL: capture.queueUrl,
        AWS_ENDPOINT_URL: capture.url,
        AWS_ENDPOINT_URL_SQS: capture.url,
      },
    })
    const timer = clock.at(clock.now() + commandTimeoutMs, () => child.kill())
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    const code = await new Promise<number | null>((resolve) => {
      child.on('close', resolve)
      child.on('error', () => resolve(null))
    })
    timer.cancel()
    return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }
  }

  const waitForArrival = async () => {
    const until = clock.now() + arrivalTimeoutMs
    while (arrived.length === 0 && unreadable === undefined && clock.now() < until) await sleep(clock, 50)
  }

  const submit = async (): Promise<Job[]> => {
    arrived = []
    unreadable = undefined
    const { code, stdout, stderr } = await run()
    if (arrived.length > 0) return arrived
    const printed = printedJob(stdout)
    if (printed !== undefined) return [printed]
    if (code === 0) await waitForArrival()
    if (arrived.length > 0) return arrived
    const last = (stderr.trim() || stdout.trim()).split('\n').at(-1) ?? ''
    throw new NoJobError(
      unreadable ??
        `\`${command}\` ${code === 0 ? `submitted no job to ${capture.url}` : `ended with code ${code}`}${last === '' ? '' : `: ${last.slice(0, 200)}`}`,
    )
  }

  const targetOf = (jobs: readonly Job[]): TargetJob => {
    const [first] = jobs
    if (first === undefined) throw new NoJobError('nothing was submitted')
    if (first.dialect !== dialect) {
      throw new NoJobError(
        `the plugin submits in \`${first.dialect}\`, and \`${dialect}\` is checked: --dialect ${first.dialect}`,
      )
    }
    // The batches of one job add recipients.
    const people = jobs.filter(({ jobId }) => jobId === first.jobId).flatMap(({ recipients }) => recipients)
    const keys = new Map(
      people.map(({ key, userid, email }) => [key, { key, email, ...(userid === undefined ? {} : { userid }) }]),
    )
    return { id: first.jobId, tenant: first.tenant, people: [...keys.values()], known: true }
  }

  return {
    kind: 'fresh',
    capture,
    close: capture.close,
    take: async () => targetOf(await submit()),
    async submit(trouble, during) {
      meet = async (job, nth) => {
        if (trouble === 'callback-first' && nth === 0) await during(targetOf([job]))
        if (trouble === 'refused') return 'refuse'
        return trouble === 'answer-lost' && nth === 0 ? 'lose-answer' : 'answer'
      }
      try {
        const jobs = await submit()
        if (arrived.length === 0) throw new NoJobError('the command prints its job, so nobody sees it submit')
        return { job: targetOf(jobs), ids: jobs.map(({ jobId }) => String(jobId)) }
      } finally {
        meet = async () => 'answer'
      }
    },
  }
}

/** A job message that the command printed, alone or as its last line. */
function printedJob(stdout: string): Job | undefined {
  for (const text of [stdout, stdout.trim().split('\n').at(-1) ?? '']) {
    const decoded = decodeJobText(text)
    if (decoded.ok) return decoded.job
  }
  return undefined
}
