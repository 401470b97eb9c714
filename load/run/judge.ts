import type { Finding, Verdict } from '../../contracts/checks/verdict.ts'
import type { Dialect } from '../k6/people.ts'
import type { GroupFigures } from './figures.ts'
import { count, number, percent, time } from './words.ts'

/** What a run is held against. Times are milliseconds, shares from 0 to 1. */
export interface Limits {
  readonly recipients: number
  readonly budgetMs: number
  readonly callbackSuccess: number
  readonly bounceRate: number
  /** 95 of 100 submissions are answered within this. */
  readonly submitMs: number
  /** 95 of 100 callbacks come so soon after their mail. */
  readonly callbackLagMs: number
}

export const usualLimits = { callbackSuccess: 0.99, bounceRate: 0.05, submitMs: 5000, callbackLagMs: 60_000 } as const

/** What else is known of a run. */
export interface Circumstances {
  /** Why it ended before everything had come to its end; undefined where it did not. */
  readonly broken?: string
  /** Recipients still came to an end when we stopped looking: what is missing may be on its way. */
  readonly moving: boolean
  /** The bottleneck, in words. */
  readonly bottleneck?: { readonly reason: string; readonly fix: string }
  /** Why the mails could not be seen. */
  readonly mailsUnseen?: string
  /** The address that callbacks were asked for. */
  readonly callbackUrl: string
  /** In which callbacks come: not every one names recipients, or times. */
  readonly dialect: Dialect
}

type Judged = Omit<Finding, 'id' | 'title' | 'level'>

const pass = (reason: string): Judged => ({ verdict: 'pass', reason })
const unobserved = (reason: string, fix?: string): Judged => ({
  verdict: 'unobserved',
  reason,
  ...(fix === undefined ? {} : { fix }),
})
const fail = (reason: string, fix?: string): Judged => ({
  verdict: 'fail',
  reason,
  ...(fix === undefined ? {} : { fix }),
})

const top = (reasons: GroupFigures['reasons']) =>
  reasons
    .slice(0, 3)
    .map(([reason, times]) => `${number(times)} × ${reason}`)
    .join('; ')

interface Case {
  readonly id: string
  readonly title: (limits: Limits) => string
  readonly judge: (figures: GroupFigures, limits: Limits, circumstances: Circumstances) => Judged
}

const cases: readonly Case[] = [
  {
    id: 'submissions/accepted',
    title: () => 'every message is taken',
    judge({ messages, submitReasons }, _limits, { broken }) {
      const { accepted, refused, unknown, begun, waiting } = messages
      const all = accepted + refused + unknown + begun + waiting
      if (accepted === all) return pass(`${count(all, 'message')} taken`)
      const parts = [
        ...(refused > 0 ? [`${number(refused)} refused`] : []),
        ...(unknown + begun > 0 ? [`${number(unknown + begun)} without an answer`] : []),
        ...(waiting > 0 ? [`${number(waiting)} never sent`] : []),
      ]
      const why = submitReasons.length === 0 ? '' : `: ${top(submitReasons)}`
      if (broken !== undefined && refused === 0)
        return unobserved(`${parts.join(', ')} of ${count(all, 'message')}: ${broken}`)
      return fail(`${parts.join(', ')} of ${count(all, 'message')}${why}`)
    },
  },
  {
    id: 'submissions/answered',
    title: ({ submitMs }) => `95 of 100 submissions are answered within ${time(submitMs)}`,
    judge({ stages: { submit } }, { submitMs }) {
      if (submit === undefined) return unobserved('nothing was submitted')
      const seen = `p95 is ${time(submit.p95)}, the slowest ${time(submit.max)}`
      if (submit.p95 <= submitMs) return pass(seen)
      return fail(
        seen,
        'Moodle waits for each answer: the ingest should only check the message and put it into the queue',
      )
    },
  },
  {
    id: 'recipients/makespan',
    title: ({ recipients, budgetMs }) =>
      `${count(recipients, 'recipient')} have come to an end within ${time(budgetMs)}`,
    judge(
      { accepted, sent, failed, late, makespanMs, mails },
      { recipients, budgetMs },
      { bottleneck, moving, broken },
    ) {
      const done = sent + failed
      const because = bottleneck === undefined ? '' : `: ${bottleneck.reason}`
      if (broken !== undefined && (makespanMs ?? 0) <= budgetMs)
        return unobserved(`${number(done)} of ${number(recipients)} had come to an end: ${broken}`)
      if (done === 0 || makespanMs === null) {
        const seen = mails === null ? '' : `, ${number(mails)} were mailed`
        return fail(
          `nobody of ${count(recipients, 'recipient')} was told to have come to an end${seen}${because}`,
          bottleneck?.fix,
        )
      }
      const inTime = done - (late ?? 0)
      const took = `${count(done, 'recipient')} in ${time(makespanMs)}`
      if (makespanMs <= budgetMs && inTime >= accepted && accepted >= recipients) return pass(took)
      if (done >= accepted && accepted >= recipients)
        return fail(`${took}, ${number(late ?? 0)} of them late${because}`, bottleneck?.fix)
      // What is lost, or was never taken, has a case of its own; here it is about speed.
      if (!moving && makespanMs <= budgetMs) {
        return { verdict: 'unobserved', reason: `${took}, and no more came: see what is missing` }
      }
      return fail(
        `after ${time(Math.min(makespanMs, budgetMs))} ${number(inTime)} of ${number(recipients)} had come to an end${because}`,
        bottleneck?.fix,
      )
    },
  },
  {
    id: 'recipients/lost',
    title: () => 'nobody who was accepted is lost',
    judge({ accepted, missing, missingMailed, failed, sent }, _limits, { moving, broken }) {
      if (accepted === 0) return unobserved('nobody was accepted')
      if (missing === 0) return pass(`${number(sent)} sent and ${number(failed)} failed are all ${number(accepted)}`)
      if (broken === undefined && moving)
        return unobserved(`${count(missing, 'recipient')} had not come to an end when the time was over`)
      if (broken !== undefined) return unobserved(`${count(missing, 'recipient')} open: ${broken}`)
      const lost = missing - (missingMailed ?? 0)
      if (lost === 0) return pass(`${count(missing, 'recipient')} without a callback, but all of them were mailed`)
      return fail(
        `${count(lost, 'recipient')} accepted and never heard of again` +
          (missingMailed === null ? ', neither by a callback (nobody sees the mails)' : ': no callback, and no mail'),
        'look into the dead-letter queue, and at what the worker deletes before it has done its work',
      )
    },
  },
  {
    id: 'recipients/unasked',
    title: () => 'nothing happens to whom nobody submitted',
    judge: ({ strangers }) =>
      strangers === 0
        ? pass('no callback and no mail for a stranger')
        : fail(`${number(strangers)} updates or mails are about recipients that were never submitted`),
  },
  {
    id: 'callbacks/told',
    title: ({ callbackSuccess }) => `more than ${percent(callbackSuccess)} of callbacks succeed, and each end is told`,
    judge(figures, { callbackSuccess }, { moving, broken, callbackUrl }) {
      const { callbacks, callbacksRefused, sent, failed, missing, missingMailed, callbackReasons } = figures
      const all = callbacks + callbacksRefused
      if (callbacks === 0 && figures.otherPaths.length > 0) {
        const elsewhere = figures.otherPaths.map(([path, times]) => `${path} (${number(times)})`).join(', ')
        return fail(
          `no callback came to ${callbackUrl}, but to ${elsewhere}`,
          'the worker must call the `callback_url` of the job',
        )
      }
      if (all === 0 && (moving || broken !== undefined))
        return unobserved(broken ?? 'the time was over before the first callback was due')
      if (all === 0) {
        return fail(
          `no callback came to ${callbackUrl}`,
          'the worker calls the address in its own environment, or does not reach this one: set its callback address, or --public-url',
        )
      }
      const success = callbacks / all
      if (success <= callbackSuccess) {
        return fail(`${percent(success)} of ${count(all, 'callback')} are right; refused: ${top(callbackReasons)}`)
      }
      const untold = missingMailed ?? 0
      if (untold > 0 && !moving && broken === undefined) {
        return fail(
          `${count(untold, 'recipient')} of ${number(sent + failed + missing)} were mailed and no callback told of it`,
          'a callback that is not answered with a 2xx must be sent again',
        )
      }
      return pass(
        `${count(callbacks, 'callback')}${callbacksRefused > 0 ? `, ${number(callbacksRefused)} refused` : ''}`,
      )
    },
  },
  {
    id: 'callbacks/address',
    title: () => 'callbacks go to the address that the job names',
    judge({ otherPaths, callbacks, callbacksRefused }, _limits, { callbackUrl }) {
      if (callbacks + callbacksRefused === 0) return unobserved(`no callback came to ${callbackUrl}`)
      if (otherPaths.length === 0) return pass(callbackUrl)
      const elsewhere = otherPaths.map(([path, times]) => `${path} (${number(times)})`).join(', ')
      return fail(
        `they came to ${elsewhere}, not to ${callbackUrl}`,
        'the worker must call the `callback_url` of the job',
      )
    },
  },
  {
    id: 'callbacks/prompt',
    title: ({ callbackLagMs }) => `95 of 100 callbacks come within ${time(callbackLagMs)} of their mail`,
    judge({ stages: { callback }, callbacks }, { callbackLagMs }, { dialect }) {
      if (callback === undefined && callbacks > 0 && dialect !== 'spec') {
        return { verdict: 'skip', reason: `callbacks of \`${dialect}\` do not tell when a mail was sent` }
      }
      if (callback === undefined) return unobserved('no callback tells when its mail was sent')
      const seen = `p95 is ${time(callback.p95)}, the slowest ${time(callback.max)}`
      if (callback.p95 <= callbackLagMs) return pass(seen)
      return fail(seen, 'callbacks wait: look at how many are sent at once, and at the answers that they got before')
    },
  },
  {
    id: 'mails/once',
    title: () => 'nobody is mailed twice',
    judge({ mails, duplicateMails, duplicated, ambiguousMails }, _limits, { mailsUnseen }) {
      if (duplicateMails === null || mails === null) {
        return unobserved(mailsUnseen ?? 'nobody sees the mails', '--mailpit URL, or --mail-events QUEUE-URL')
      }
      if (mails === 0) return unobserved('there is no mail at all')
      const unsure =
        (ambiguousMails ?? 0) > 0
          ? `; ${number(ambiguousMails ?? 0)} more where a message was sent again after no answer`
          : ''
      if (duplicateMails === 0) return pass(`${count(mails, 'mail')}${unsure}`)
      return fail(
        `${count(duplicateMails, 'mail')} too many of ${number(mails)} (recipients number ${duplicated.join(', ')}…)${unsure}`,
        'a recipient who has been mailed must be known before the message is worked on again',
      )
    },
  },
  {
    id: 'mails/there',
    title: () => 'who is told as sent has a mail',
    judge({ unmailed, mails }, _limits, { mailsUnseen, dialect }) {
      if (mails !== null && dialect === 'flow') return { verdict: 'skip', reason: 'callbacks of `flow` name nobody' }
      if (unmailed === null || mails === null) return unobserved(mailsUnseen ?? 'nobody sees the mails')
      return unmailed === 0
        ? pass(count(mails, 'mail'))
        : fail(`${count(unmailed, 'recipient')} told as sent without a mail`)
    },
  },
  {
    id: 'mails/bounces',
    title: ({ bounceRate }) => `at most ${percent(bounceRate)} fail`,
    judge({ sent, failed, reasons }, { bounceRate }) {
      if (sent + failed === 0) return unobserved('nobody came to an end')
      const rate = failed / (sent + failed)
      const seen = `${percent(rate)} (${number(failed)})`
      return rate <= bounceRate ? pass(seen) : fail(`${seen}: ${top(reasons)}`)
    },
  },
]

/** Holds a group's figures against the limits; `group` names it where there are several. */
export function judge(figures: GroupFigures, limits: Limits, circumstances: Circumstances, group?: string): Finding[] {
  return cases.map(({ id, title, judge: by }) => ({
    id: group === undefined ? id : `${group}-${id}`,
    title: group === undefined ? title(limits) : `${group}: ${title(limits)}`,
    level: 'required',
    ...by(figures, limits, circumstances),
  }))
}

/** Of a whole run: one that was not seen to hold is no pass. */
export function verdictOf(findings: readonly Pick<Finding, 'verdict' | 'level'>[]): Verdict {
  const required = findings.filter(({ level }) => level === 'required')
  if (required.some(({ verdict }) => verdict === 'fail')) return 'fail'
  if (required.length === 0 || required.some(({ verdict }) => verdict === 'unobserved')) return 'unobserved'
  return 'pass'
}
