import http from 'k6/http'
import { jobIdOf } from './people.ts'
import type { Settings } from './settings.ts'

/** What is known of a run where its effects arrive. */
export interface Figures {
  /** These are the last: all has come to its end, or its time is over. */
  readonly over: boolean
  readonly done: number
  readonly sent: number
  readonly failed: number
  /** Callbacks that were accepted, and those that were not. */
  readonly callbacks: number
  readonly callbacksRefused: number
  /** From the first submission to the last outcome; null before there is one. */
  readonly makespanMs: number | null
  /** Null where nobody looked. */
  readonly queueDepth: number | null
  /** Mails beyond the first to a recipient; null where nobody sees the mails. */
  readonly duplicateMails: number | null
  /** Recipients that were accepted and never came to an end; counted when all is over. */
  readonly lost: number | null
}

interface JobAnswer {
  readonly totals: { readonly recipients: number; readonly sent: number; readonly failed: number }
  readonly settled: boolean
  readonly callbacks: {
    readonly waiting: number
    readonly delivered: number
    readonly dead: number
    readonly parked: number
  }
}
interface Verdict {
  readonly id: number
  readonly verdict: string
  readonly broken: number
}

/** Asks who counts; undefined where nobody answers. Without a counter it asks the emulator, which knows one job at a time. */
export function figuresOf(settings: Settings, startedAt: number, at: number): Figures | undefined {
  if (settings.figuresUrl !== '') return ask<Figures>(settings.figuresUrl)
  const path = `${settings.target}/_offload/jobs/${jobIdOf(settings, 0)}`
  const job = ask<JobAnswer>(`${path}?tenant=${settings.tenant}`)
  if (job === undefined) return undefined
  const { sent, failed } = job.totals
  const done = sent + failed
  const over = done >= settings.recipients && job.settled && job.callbacks.waiting === 0
  return {
    over,
    done,
    sent,
    failed,
    callbacks: job.callbacks.delivered,
    callbacksRefused: job.callbacks.dead + job.callbacks.parked,
    makespanMs: done >= settings.recipients ? at - startedAt : null,
    queueDepth: null,
    duplicateMails: over ? repeated(ask(`${path}/check?tenant=${settings.tenant}`)) : null,
    lost: over ? settings.recipients - done : null,
  }
}

/** The law that nobody gets the same mail twice is the sixth; null where it could not be seen. */
function repeated(answer: { verdicts: readonly Verdict[] } | undefined): number | null {
  const law = answer?.verdicts.find(({ id }) => id === 6)
  if (law?.verdict === 'pass') return 0
  return law?.verdict === 'fail' ? law.broken : null
}

function ask<Answer>(url: string): Answer | undefined {
  const answer = http.get(url, { tags: { name: 'figures' }, timeout: '10s' })
  return answer.status === 200 ? (answer.json() as Answer) : undefined
}
