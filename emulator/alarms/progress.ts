import type { JournalEvent } from '../../contracts/events.ts'
import type { Clock, Timer } from '../kernel/clock.ts'

export interface Watched {
  readonly tenant: number
  readonly job: string
  /** When anything came to an end in it last, epoch milliseconds. */
  at: number
  /** The worker has not ended it. */
  working: boolean
  /** Moodle's stand-in waits for what became of it. */
  awaited: boolean
}

/** Which jobs are open, and since when nothing has happened in them. */
export interface Progress {
  heard(event: JournalEvent, at: number): void
  /** A job that is open at the start. */
  open(job: Pick<Watched, 'tenant' | 'job'>, side: 'working' | 'awaited', at: number): void
  /** Those without progress for too long, the longest first. */
  stuck(): Watched[]
  reset(tenant?: number): void
  stop(): void
}

export interface ProgressDeps {
  readonly clock: Clock
  readonly stuckAfterMs: number
  /** Whether the stand-in still waits for a job of its own. */
  readonly isAwaited: (job: string) => boolean
  /** A job may be stuck now, or one that was is no longer. */
  readonly changed: () => void
}

const ended: readonly string[] = ['completed', 'partial_failure', 'failed']

export function createProgress({ clock, stuckAfterMs, isAwaited, changed }: ProgressDeps): Progress {
  // In the order of their last progress: who moves goes to the end, so the first is the one to be looked at.
  const jobs = new Map<string, Watched>()
  let timer: { readonly at: number; readonly handle: Timer } | undefined
  let reported = 0

  const keyOf = ({ tenant, job }: Pick<Watched, 'tenant' | 'job'>) => `${tenant} ${job}`
  const stuck = () => {
    const list: Watched[] = []
    for (const job of jobs.values()) {
      if (job.at + stuckAfterMs > clock.now()) break
      list.push(job)
    }
    return list
  }
  const arm = () => {
    // What is stuck already is told already: the next one to be looked at is behind it.
    let next: number | undefined
    for (const { at } of jobs.values()) {
      if (at + stuckAfterMs <= clock.now()) continue
      next = at + stuckAfterMs
      break
    }
    if (timer?.at === next) return
    timer?.handle.cancel()
    timer = undefined
    if (next === undefined) return
    timer = { at: next, handle: clock.at(next, ring) }
  }
  const tell = () => {
    const count = stuck().length
    if (count === reported) return
    reported = count
    changed()
  }
  const ring = () => {
    timer = undefined
    tell()
    arm()
  }

  const moved = (key: string, job: Watched, at: number) => {
    jobs.delete(key)
    if (!job.working && !job.awaited) {
      if (jobs.size === 0) arm()
    } else {
      job.at = at
      jobs.set(key, job)
      // A timer that rings too early finds nothing and is set anew: cheaper than one for each step of each job.
      if (timer === undefined) arm()
    }
    if (reported > 0) tell()
  }
  const open: Progress['open'] = ({ tenant, job }, side, at) => {
    const key = keyOf({ tenant, job })
    const known = jobs.get(key) ?? { tenant, job, at, working: false, awaited: false }
    known[side] = true
    moved(key, known, at)
  }
  const close = (event: Pick<Watched, 'tenant' | 'job'>, side: 'working' | 'awaited', at: number) => {
    const known = jobs.get(keyOf(event))
    if (known === undefined) return
    known[side] = false
    moved(keyOf(event), known, at)
  }
  const advance = (event: Pick<Watched, 'tenant' | 'job'>, at: number) => {
    const known = jobs.get(keyOf(event))
    if (known !== undefined) moved(keyOf(event), known, at)
  }

  return {
    open,
    stuck,
    heard(event, at) {
      switch (event.type) {
        case 'job.accepted':
          return open(event, 'working', at)
        case 'job.status':
          if (ended.includes(event.to)) return close(event, 'working', at)
          return event.to === 'processing' ? open(event, 'working', at) : undefined
        case 'moodle.submitted':
          return event.accepted > 0 && isAwaited(event.job) ? open(event, 'awaited', at) : undefined
        case 'moodle.callback': {
          const { tenant, job, applied } = event
          if (tenant === undefined || job === undefined || applied === 0) return undefined
          return isAwaited(job) ? advance({ tenant, job }, at) : close({ tenant, job }, 'awaited', at)
        }
        case 'pass.ended':
          return event.sent + event.failed > 0 ? advance(event, at) : undefined
        default:
          return undefined
      }
    },
    reset(tenant) {
      for (const [key, job] of jobs) if (tenant === undefined || job.tenant === tenant) jobs.delete(key)
      reported = 0
      arm()
    },
    stop() {
      timer?.handle.cancel()
      timer = undefined
    },
  }
}
