import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Group, LoadPlan } from './plan.ts'
import type { RunFolder } from './run-folder.ts'
import type { Tally } from './tally.ts'

/** A group and what is known of it. */
export interface Watched {
  readonly group: Group
  readonly tally: Tally
}

/** What was known already when a run went on. */
export interface Resumed {
  readonly messages: number
  readonly accepted: number
  readonly sentAgain: number
  readonly ended: number
  readonly pausedMs: number
}

/** A file with the numbers of the messages that have still to be sent. */
export function remainingFile(folder: RunFolder, watched: readonly Watched[]): string {
  const file = resolve(folder.file('messages.json'))
  writeFileSync(file, JSON.stringify(watched[0]?.tally.remaining() ?? []))
  return file
}

/** What the lines of a run say that was interrupted. */
export function replay(plan: LoadPlan, watched: readonly Watched[], folder: RunFolder, now: number): Resumed {
  let pausedMs = 0
  let stopped: number | undefined
  let last = 0
  for (const line of folder.lines()) {
    if ('submission' in line) {
      last = Math.max(last, line.submission.at)
      watched.find(({ group }) => group.run === line.submission.run)?.tally.submission(line.submission)
    } else if ('told' in line) {
      last = Math.max(last, line.told.at)
      watched[line.group]?.tally.told(line.told)
    } else if ('stopped' in line) stopped = line.stopped
    else {
      if (last > 0) pausedMs += line.begun - (stopped ?? last)
      stopped = undefined
      last = Math.max(last, line.begun)
    }
  }
  if (last > 0) pausedMs += now - (stopped ?? last)
  const tally = watched[0]?.tally
  const counts = tally?.countMessages()
  const remaining = tally?.remaining() ?? []
  return {
    messages: tally?.messages ?? 0,
    accepted: counts?.accepted ?? 0,
    sentAgain: remaining.filter((index) => tally?.stateOf(index) !== 'waiting').length,
    ended: tally?.done() ?? 0,
    // Only what stood still with us is taken off: a deployment went on.
    pausedMs: plan.target.kind === 'own' ? pausedMs : 0,
  }
}
