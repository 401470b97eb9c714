import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Entry } from './catalogue.ts'
import type { ReadScenario } from './read-scenario.ts'
import { runScenario, type RunOptions, type ScenarioResult } from './run-scenario.ts'
import type { ThreadRequest } from './scenario-thread.ts'

export interface ManyOptions extends RunOptions {
  readonly began?: (entry: Entry) => void
  readonly ended: (entry: Entry, result: ScenarioResult) => void
}

/** What waits rather than computes may be more at once. */
const realAtOnce = 4

/** Runs scenarios, each in a thread of its own as far as the machine has processors; the longest first. */
export async function runMany(entries: readonly Entry[], options: ManyOptions): Promise<void> {
  const { began, ended, ...how } = options
  const waiting = entries.toSorted((a, b) => weightOf(b.scenario) - weightOf(a.scenario))
  const atOnce = Math.min(atOnceWith(how), waiting.length)
  const lane = async (run: (entry: Entry) => Promise<ScenarioResult>) => {
    for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
      began?.(entry)
      ended(entry, await run(entry))
    }
  }
  if (atOnce < 2) return await lane(({ scenario }) => runScenario(scenario, how))
  const threads = Array.from({ length: atOnce }, startThread)
  try {
    await Promise.all(threads.map((thread) => lane((entry) => ask(thread, { file: entry.file, ...how }))))
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
}

// On what others use too, one after the other.
const atOnceWith = ({ real, on, deployment }: RunOptions) =>
  on !== undefined || deployment !== undefined ? 1 : real === true ? realAtOnce : availableParallelism()

const weightOf = ({ jobs }: ReadScenario) =>
  Object.values(jobs).reduce((sum, { recipients, certificate }) => sum + recipients * (certificate ? 5 : 1), 0)

const ask = (thread: Worker, request: ThreadRequest) =>
  new Promise<ScenarioResult>((resolve, reject) => {
    const settle = (then: () => void) => {
      thread.off('message', answered).off('error', failed).off('exit', gone)
      then()
    }
    const answered = (result: ScenarioResult) => settle(() => resolve(result))
    const failed = (error: Error) => settle(() => reject(error))
    const gone = (code: number) =>
      settle(() => reject(new Error(`${request.file}: its thread ended with exit code ${code}`)))
    thread.on('message', answered).on('error', failed).on('exit', gone)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    thread.postMessage(request)
  })

/** Its file has the suffix of this one: `.ts` in a checkout, `.js` in the package. */
function startThread(): Worker {
  const suffix = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const entry = new URL(`./scenario-thread.${suffix}`, import.meta.url)
  // Node reads TypeScript by itself from 22.18 on; before that tsx does.
  const strips = process.features.typescript !== undefined && process.features.typescript !== false
  if (suffix === 'js') return new Worker(entry, { execArgv: [] })
  return new Worker(
    entry,
    strips ? { execArgv: ['--disable-warning=ExperimentalWarning'] } : { execArgv: ['--import', 'tsx'] },
  )
}
