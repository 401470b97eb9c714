import type { EffectName } from '../faults/operations.ts'
import { findings, grouped, named, recipientKey, type Account } from './account.ts'
import type { Findings, JournalLine, Of } from './view.ts'

/** Effects after which a callback goes at another time on purpose. */
const displaced: readonly EffectName[] = [
  'late',
  'early',
  'twice',
  'out-of-order',
  'clock-skew',
  'delay',
  'reorder',
  'duplicate',
  'hang',
  'drop',
]

/** 14. Attempts keep the schedule and honour `Retry-After`; none follows a 2xx or a 410. */
export function onSchedule(account: Account): Findings {
  const { hold, result } = findings()
  callbacksOnSchedule(account, hold)
  recipientsOnSchedule(account, hold)
  return result()
}

type Hold = ReturnType<typeof findings>['hold']

function callbacksOnSchedule(account: Account, hold: Hold): void {
  const { retryScheduleMs, speed, latenessMs } = account.settings
  type Line = JournalLine<Of<'callback.attempt'> | Of<'callback.created'>>
  const lines: Line[] = [...account.of('callback.attempt'), ...account.of('callback.created')].toSorted(
    (a, b) => a.id - b.id,
  )
  const starts = account.of('emulator.started').map(({ id }) => id)
  for (const [callback, of] of grouped(lines, ({ event }) => event.callback)) {
    let before: JournalLine<Of<'callback.attempt'>> | undefined
    let tries = 0
    for (const { id, at, event } of of) {
      if (event.type === 'callback.created') {
        // Made, replayed or freed: the schedule begins (again).
        before = undefined
        tries = 0
        continue
      }
      const line = { id, at, event }
      const what = `attempt ${event.attempt} of callback ${callback}`
      if (before !== undefined && account.struck(event, displaced).length === 0) {
        const { status, retryAfterMs = 0 } = before.event
        const entries = [before.id, id]
        hold(
          status === null || !(status === 410 || (status >= 200 && status < 300)),
          () => `${what} followed an answer of ${status}`,
          entries,
        )
        const scheduled = retryScheduleMs[tries - 1]
        hold(scheduled !== undefined, () => `${what} is one more than the schedule has`, entries)
        const waited = event.startedAt - before.event.startedAt - before.event.milliseconds
        const due = Math.max(scheduled ?? 0, retryAfterMs / speed)
        hold(
          waited >= due - 1,
          () => `${what} came ${Math.round(waited)} ms after the one before it, and was due after ${due} ms`,
          entries,
        )
        const stopped = starts.some((start) => start > (before?.id ?? 0) && start < id)
        if (latenessMs !== undefined && !stopped) {
          hold(waited <= due + latenessMs, () => `${what} came ${Math.round(waited - due)} ms late`, entries)
        }
      }
      before = line
      tries++
    }
  }
}

function recipientsOnSchedule(account: Account, hold: Hold): void {
  const { retryScheduleMs, jitterMs, ownWorker } = account.settings
  if (!ownWorker) return
  const ends = grouped(account.of('recipient.outcome'), ({ event }) => recipientKey(event))
  for (const [key, lines] of grouped(account.of('recipient.retry'), ({ event }) => recipientKey(event))) {
    lines.forEach(({ id, at, event }, index) => {
      const who = `recipient ${event.recipient} of ${named(event)}`
      const scheduled = retryScheduleMs[event.attempt - 1]
      hold(
        scheduled !== undefined && event.dueAt - at - scheduled <= 1 && at + scheduled - event.dueAt <= 1 + jitterMs,
        () =>
          `${who} is due ${event.dueAt - at} ms after attempt ${event.attempt}; the schedule says ${scheduled ?? 'that this was the last'}`,
        [id],
      )
      const next = lines[index + 1] ?? ends.get(key)?.[0]
      if (next === undefined) return
      hold(
        next.event.attempt === event.attempt + 1,
        () => `after attempt ${event.attempt} of ${who} came ${next.event.attempt}`,
        [id, next.id],
      )
      hold(next.at >= event.dueAt - 1, () => `${who} was tried again ${event.dueAt - next.at} ms before its time`, [
        id,
        next.id,
      ])
    })
  }
}
