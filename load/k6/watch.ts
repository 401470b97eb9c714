import { fail, sleep } from 'k6'
import { Counter, Rate, Trend } from 'k6/metrics'
import { figuresOf, type Figures } from './figures.ts'
import type { Settings } from './settings.ts'
import { now } from './time.ts'

const recipientsDone = new Counter('recipients_done')
const recipientsFailed = new Counter('recipients_failed')
const makespanMs = new Trend('makespan_ms', true)
const makespans = new Counter('makespans')
const callbackOk = new Rate('callback_ok')
const callbacks = new Counter('callbacks')
const lost = new Counter('lost')
const lostCounted = new Counter('lost_counted')
const duplicateMail = new Counter('dup_mail')
const duplicateMailCounted = new Counter('dup_mail_counted')

/** Each threshold on what may be nothing stands beside a count of what was looked at: k6 passes one that has no sample. */
export function outcomeThresholds({ recipients, budgetMs }: Pick<Settings, 'recipients' | 'budgetMs'>) {
  return {
    recipients_done: [`count>=${recipients}`],
    makespan_ms: [`max<=${budgetMs}`],
    makespans: ['count>=1'],
    callback_ok: ['rate>0.99'],
    callbacks: ['count>=1'],
    lost: ['count<1'],
    lost_counted: ['count>=1'],
    dup_mail: ['count<1'],
    dup_mail_counted: ['count>=1'],
    submit_refused: ['count<1'],
    dropped_iterations: ['count<1'],
  }
}

/** How long the watcher stays, beyond the budget: for what ends late, and for who counts. */
const graceMs = 120_000

/** One who looks, until all is over; the script exports `watch`. */
export const watchScenario = ({ budgetMs }: Pick<Settings, 'budgetMs'>) =>
  ({
    executor: 'per-vu-iterations',
    vus: 1,
    iterations: 1,
    maxDuration: `${Math.ceil((budgetMs + 2 * graceMs) / 1000)}s`,
    exec: 'watch',
  }) as const

const mostUnanswered = 30

/** Looks until all recipients have come to an end, or the budget is over. */
export function watchOutcome(settings: Settings): void {
  const startedAt = now()
  const until = startedAt + settings.budgetMs + graceMs
  let seen = { done: 0, failed: 0, callbacks: 0, refused: 0 }
  let last: Figures | undefined
  let unanswered = 0
  while (now() < until) {
    sleep(1)
    const figures = figuresOf(settings, startedAt, now())
    if (figures === undefined) {
      if (++unanswered === mostUnanswered) fail(`who counts has gone: ${settings.figuresUrl || settings.target}`)
      continue
    }
    unanswered = 0
    last = figures
    add(recipientsDone, figures.done - seen.done)
    add(recipientsFailed, figures.failed - seen.failed)
    add(callbacks, figures.callbacks - seen.callbacks)
    for (let at = seen.callbacks; at < figures.callbacks; at++) callbackOk.add(true)
    for (let at = seen.refused; at < figures.callbacksRefused; at++) callbackOk.add(false)
    seen = {
      done: figures.done,
      failed: figures.failed,
      callbacks: figures.callbacks,
      refused: figures.callbacksRefused,
    }
    if (figures.over) break
  }
  if (last === undefined) fail(`nobody answers who counts: ${settings.figuresUrl || settings.target}`)
  conclude(last)
}

function add(counter: Counter, count: number): void {
  if (count > 0) counter.add(count)
}

function conclude(figures: Figures): void {
  if (figures.makespanMs !== null) {
    makespanMs.add(figures.makespanMs)
    makespans.add(1)
  }
  if (figures.lost !== null) {
    lost.add(figures.lost)
    lostCounted.add(1)
  }
  if (figures.duplicateMails !== null) {
    duplicateMail.add(figures.duplicateMails)
    duplicateMailCounted.add(1)
  }
}
