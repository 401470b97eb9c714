import { sleep, type Clock } from '../kernel/clock.ts'
import { callbackList, job as jobAnswer, type CallbackAnswer, type JobAnswer } from './answers.ts'
import type { Target } from './target.ts'

export interface JobRefInTarget {
  readonly job: string
  readonly tenant: number
}

export interface Watched {
  /** Undefined where the emulator has not seen it: a message that no worker has taken. */
  readonly job: JobAnswer | undefined
  readonly callbacks: readonly CallbackAnswer[]
  /** All is as it should be: every recipient has an outcome, every callback was taken. */
  readonly ended: 'well' | 'badly' | 'timeout'
  /** Why not, in words. */
  readonly reasons: readonly string[]
}

// Often enough for a progress bar, seldom enough not to be the load.
const pollMs = 250

export function jobPath({ job, tenant }: JobRefInTarget, rest = ''): string {
  return `/_offload/jobs/${encodeURIComponent(job)}${rest}?tenant=${tenant}`
}

/**
 * Waits until a job is settled and each of its callbacks is delivered, given up, parked, or was refused (3xx, 4xx) at
 * least once: retries of a refusal would only be refused again while the caller waits.
 */
export async function watchJob({
  target,
  clock,
  ref,
  deadline,
  progress,
}: {
  target: Target
  clock: Clock
  ref: JobRefInTarget
  /** On the clock's monotonic scale. */
  deadline: number
  progress?: (job: JobAnswer) => void
}): Promise<Watched> {
  for (;;) {
    const job = await target.find(jobPath(ref), jobAnswer)
    if (job !== undefined) progress?.(job)
    const late = clock.monotonic() > deadline
    if (job === undefined) {
      if (late) return { job, callbacks: [], ended: 'timeout', reasons: [unseen(ref)] }
    } else if (job.settled || late) {
      const callbacks = await callbacksOf(target, ref)
      const open = callbacks.filter((callback) => isOpen(callback))
      if (job.settled && open.length === 0) return verdictOn(job, callbacks)
      if (late) return { job, callbacks, ended: 'timeout', reasons: whatIsMissing(job, open) }
    }
    await sleep(clock, pollMs)
  }
}

async function callbacksOf(target: Target, { job, tenant }: JobRefInTarget): Promise<CallbackAnswer[]> {
  const path = `/_offload/callbacks?job=${encodeURIComponent(job)}&tenant=${tenant}&limit=1000`
  return (await target.get(path, callbackList)).callbacks
}

/** Answered with 3xx or 4xx the last time, and not taken since. */
const isRefused = ({ state, lastStatus }: CallbackAnswer): boolean =>
  state !== 'delivered' && lastStatus !== null && lastStatus >= 300 && lastStatus < 500

const isOpen = (callback: CallbackAnswer): boolean =>
  (callback.state === 'waiting' || callback.state === 'delivering') && !isRefused(callback)

function verdictOn(job: JobAnswer, callbacks: readonly CallbackAnswer[]): Watched {
  const bad = callbacks.filter(({ state }) => state !== 'delivered')
  const words = bad.map(({ state, url, lastStatus, words: said, reason }) => {
    if (state === 'parked') return `a callback is parked: ${reason ?? 'no reason was given'}`
    const answer = lastStatus === null ? 'had no answer' : `was answered with ${lastStatus}`
    return `a callback to ${url ?? 'nowhere'} ${answer}${said === null ? '' : `: ${said}`}`
  })
  const reasons = [...new Set(words)]
  return { job, callbacks, ended: bad.length === 0 ? 'well' : 'badly', reasons }
}

const unseen = ({ job }: JobRefInTarget): string =>
  `no worker has taken job ${job} from the queue: see offload dlq, and whether the emulator runs with --worker none`

function whatIsMissing(job: JobAnswer, open: readonly CallbackAnswer[]): string[] {
  const { totals, status } = job
  if (!job.settled)
    return [`the job is ${status}: ${totals.pending} of ${totals.recipients} recipients have no outcome yet`]
  return [`${open.length} callbacks wait for an answer${open[0]?.words ? `: ${open[0].words}` : ''}`]
}
