import type { AlarmName, AlarmState } from '../../contracts/alarms.ts'
import type { JournalEvent } from '../../contracts/events.ts'
import type { Clock } from '../kernel/clock.ts'
import { createProgress, type Watched } from './progress.ts'
import { createShare } from './share.ts'

/** From the configuration. Times are milliseconds, delays scaled by `--speed`; shares go from 0 to 1. */
export interface Thresholds {
  /** Messages that wait in one queue: an alarm when there are more. */
  readonly queue_depth: number
  /** Messages in dead-letter queues: an alarm when there are more. */
  readonly dead_letters: number
  /** Share of attempts that failed for a passing reason, or with their worker: an alarm when it is more. */
  readonly worker_errors: number
  /** Share of mails that bounced: an alarm when it is more. */
  readonly bounce_rate: number
  /** Share of callbacks whose last attempt was answered with 2xx: an alarm when it is less. */
  readonly callback_success: number
  /** A job in which nothing has come to an end for so long is stuck. */
  readonly stuck_after: number
  /** Shares are those of the last so long. */
  readonly window: number
  /** With fewer mails or attempts in the window a share says nothing. */
  readonly least_samples: number
}

export interface Judgement {
  readonly state: AlarmState
  /** Words cost more than figures, and few are read. */
  readonly reason: () => string
  readonly value?: number
}

export interface FiguresDeps {
  readonly clock: Clock
  readonly thresholds: Thresholds
  readonly queues: () => readonly {
    readonly name: string
    readonly visible: number
    readonly inFlight: number
    readonly delayed: number
    readonly dlq: string | undefined
  }[]
  /** Jobs that are open, by whom: read at the start. */
  readonly openJobs: () => readonly {
    readonly tenant: number
    readonly job: string
    readonly side: 'working' | 'awaited'
    readonly at: number
  }[]
  /** Whether the stand-in for Moodle still waits for a job of its own. */
  readonly isAwaited: (job: string) => boolean
  /** A figure has changed by itself, as time went by. */
  readonly changed: (name: AlarmName) => void
}

const people = (count: number) => count.toLocaleString('en-GB')
const percent = (share: number) => `${Math.round(share * 1000) / 10} %`
const plural = (count: number, one: string, many = `${one}s`) => `${people(count)} ${count === 1 ? one : many}`

function spanned(ms: number): string {
  if (ms >= 3_600_000) return `${Math.round(ms / 360_000) / 10} h`
  if (ms >= 60_000) return `${Math.round(ms / 6000) / 10} min`
  return `${Math.round(ms / 100) / 10} s`
}

/** A mail server's own refusal for good. A bounce that is reported later counts by its report; a broken certificate is none. */
const refusedForGood = /^(?!Bounce:).*\b5\d\d[ -]5\.\d/
/** Callbacks that fail are remembered so far. */
const mostFailing = 10_000

/** What each alarm looks at, kept as things happen. */
export function createFigures({ clock, thresholds, queues, openJobs, isAwaited, changed }: FiguresDeps) {
  const windowMs = clock.deadline(thresholds.window) - clock.now()
  const stuckAfterMs = clock.deadline(thresholds.stuck_after) - clock.now()
  const shareOf = (name: AlarmName) => createShare({ clock, windowMs, changed: () => changed(name) })
  const attempts = shareOf('worker-errors')
  const mails = shareOf('bounce-rate')
  const callbacks = shareOf('callback-success')
  /** Callbacks whose last attempt failed; one that is delivered after all was never a failure. */
  const failing = new Map<string, number>()
  const progress = createProgress({ clock, stuckAfterMs, isAwaited, changed: () => changed('stuck-jobs') })

  const failedAgain = (callback: string, at: number) => {
    failing.delete(callback)
    if (failing.size >= mostFailing) failing.delete(failing.keys().next().value ?? '')
    failing.set(callback, at)
  }

  /** Adds an event to the figures; says which alarms to look at. */
  const heard = (event: JournalEvent, at: number): AlarmName[] => {
    progress.heard(event, at)
    switch (event.type) {
      case 'pass.ended':
        attempts.add(event.sent + event.failed, event.retried, at)
        return ['worker-errors']
      case 'worker.invoked':
        attempts.add(event.messages - event.failed, event.failed, at)
        return ['worker-errors']
      case 'worker.restarted':
        attempts.add(0, Math.max(1, event.recovered), at)
        return ['worker-errors']
      case 'recipient.outcome':
        if (event.status === 'failed') attempts.add(-1, 1, at)
        else if (event.status === 'permanently_failed' && refusedForGood.test(event.error ?? '')) mails.add(0, 1, at)
        else return []
        return ['worker-errors', 'bounce-rate']
      case 'mail.accepted':
        mails.add(1, 0, at)
        return ['bounce-rate']
      case 'mail.submitted':
        mails.add(event.addresses.length, 0, at)
        return ['bounce-rate']
      case 'mail.feedback':
      case 'mail.reported':
        // SES does not count what its suppression list held back.
        if (event.kind !== 'bounce' || /suppress/i.test(event.detail)) return []
        mails.add(-bounced(event), bounced(event), at)
        return ['bounce-rate']
      case 'callback.attempt':
        if (event.status !== null && event.status >= 200 && event.status < 300) {
          failing.delete(event.callback)
          callbacks.add(1, 0, at)
        } else failedAgain(event.callback, at)
        return ['callback-success']
      default:
        return []
    }
  }

  const depth = (): Judgement => {
    const all = queues()
    const deadLetterQueues = new Set(all.map(({ dlq }) => dlq))
    const deepest = all
      .filter(({ name }) => !deadLetterQueues.has(name))
      .reduce((most, queue) => (queue.visible > most.visible ? queue : most), { name: 'no queue', visible: 0 })
    const over = deepest.visible > thresholds.queue_depth
    const reason = () =>
      deepest.visible === 0
        ? 'no message waits'
        : `${plural(deepest.visible, 'message')} wait in ${deepest.name}, ${over ? 'more than' : 'at most'} ${people(thresholds.queue_depth)}`
    return {
      state: over ? 'ALARM' : 'OK',
      value: deepest.visible,
      reason,
    }
  }

  const dead = (): Judgement => {
    const all = queues()
    const names = new Set(all.map(({ dlq }) => dlq))
    const full = all
      .filter(({ name }) => names.has(name))
      .map(({ name, visible, inFlight, delayed }) => ({ name, count: visible + inFlight + delayed }))
      .filter(({ count }) => count > 0)
    const value = full.reduce((sum, { count }) => sum + count, 0)
    if (value === 0) return { state: 'OK', value, reason: () => 'no message is in a dead-letter queue' }
    const where = () => full.map(({ name, count }) => `${plural(count, 'message')} in ${name}`).join(', ')
    const reason = () => `${where()}: offload dlq says why`
    return { state: value > thresholds.dead_letters ? 'ALARM' : 'OK', value, reason }
  }

  const rate = ({ good, bad }: { good: number; bad: number }, of: string, failed: string, most: number): Judgement => {
    const total = good + bad
    const span = spanned(thresholds.window)
    if (total < thresholds.least_samples) {
      const reason = () =>
        `${plural(total, of)} in the last ${span}; fewer than ${thresholds.least_samples} say nothing`
      return { state: 'INSUFFICIENT_DATA', reason }
    }
    const value = bad / total
    const over = value > most
    const figures = () => `${people(bad)} of ${plural(total, of)} ${failed} in the last ${span} (${percent(value)})`
    return {
      state: over ? 'ALARM' : 'OK',
      value,
      reason: () => `${figures()}, ${over ? 'more than' : 'at most'} ${percent(most)}`,
    }
  }

  const told = (): Judgement => {
    for (const [callback, at] of failing) {
      if (at > clock.now() - windowMs) break
      failing.delete(callback)
    }
    const { good } = callbacks.counts()
    const total = good + failing.size
    const span = spanned(thresholds.window)
    if (total === 0) return { state: 'INSUFFICIENT_DATA', reason: () => `no callback was sent in the last ${span}` }
    const value = good / total
    const under = value < thresholds.callback_success
    const figures = () =>
      `${people(good)} of ${plural(total, 'callback')} delivered in the last ${span} (${percent(value)})`
    return {
      state: under ? 'ALARM' : 'OK',
      value,
      reason: () => `${figures()}, ${under ? 'less than' : 'at least'} ${percent(thresholds.callback_success)}`,
    }
  }

  const stuck = (): Judgement => {
    const list = progress.stuck()
    const span = spanned(thresholds.stuck_after)
    if (list.length === 0) return { state: 'OK', value: 0, reason: () => `no job stands still for ${span}` }
    const reason = () => {
      const named = list.slice(0, 3).map(nameOf).join('; ')
      const more = list.length > 3 ? `; and ${people(list.length - 3)} more` : ''
      return `${plural(list.length, 'job')} without progress for ${span}: ${named}${more}`
    }
    return { state: 'ALARM', value: list.length, reason }
  }

  const judges: Readonly<Record<AlarmName, () => Judgement>> = {
    'queue-depth': depth,
    'dead-letters': dead,
    'worker-errors': () => rate(attempts.counts(), 'attempt', 'failed', thresholds.worker_errors),
    'bounce-rate': () => rate(mails.counts(), 'mail', 'bounced', thresholds.bounce_rate),
    'callback-success': told,
    'stuck-jobs': stuck,
  }
  const limits: Readonly<Record<AlarmName, number>> = {
    'queue-depth': thresholds.queue_depth,
    'dead-letters': thresholds.dead_letters,
    'worker-errors': thresholds.worker_errors,
    'bounce-rate': thresholds.bounce_rate,
    'callback-success': thresholds.callback_success,
    'stuck-jobs': 0,
  }

  return {
    heard,
    /** An event of before the start. */
    recall: (event: JournalEvent, at: number) => void heard(event, at),
    judge: (name: AlarmName) => judges[name](),
    thresholdOf: (name: AlarmName) => limits[name],
    start() {
      // What the journal has told of jobs may be half of it: the tables know which are open.
      progress.reset()
      for (const { side, at, ...job } of openJobs()) progress.open(job, side, at)
    },
    stop() {
      for (const part of [attempts, mails, callbacks, progress]) part.stop()
    },
    reset(tenant?: number) {
      progress.reset(tenant)
      if (tenant !== undefined) return
      for (const part of [attempts, mails, callbacks]) part.reset()
      failing.clear()
    },
  }
}

const bounced = (event: Extract<JournalEvent, { type: 'mail.feedback' | 'mail.reported' }>) =>
  event.type === 'mail.feedback' ? 1 : event.addresses.length

const nameOf = ({ job, tenant, working }: Watched) =>
  `job ${job} of tenant ${tenant} (${working ? 'the worker has not ended it' : 'its end was never told to Moodle'})`
