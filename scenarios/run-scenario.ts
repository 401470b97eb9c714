import { systemClock } from '../emulator/kernel/clock.ts'
import { messageOf } from '../emulator/kernel/errors.ts'
import { compare } from './compare.ts'
import { observe, type Observed } from './observe.ts'
import { perform } from './perform.ts'
import type { ReadScenario } from './read-scenario.ts'
import { realWorld, virtualWorld } from './world.ts'

export interface Difference {
  /** In the scenario's file; undefined where no line is about it (a law). */
  readonly line?: number
  /** Such as `expect.jobs.import.sent`, or `law 6`. */
  readonly at: string
  readonly expected: string
  readonly got: string
}

export interface ScenarioResult {
  readonly name: string
  readonly why: string
  readonly verdict: 'pass' | 'fail' | 'skip'
  readonly seed: string
  /** What is not as expected, the first first. */
  readonly differences: readonly Difference[]
  /** Why it was not run, or could not be. */
  readonly reason?: string
  /** One line of what happened. */
  readonly account: string
  /** Of the clock on the wall, and of the clock inside. */
  readonly seconds: number
  readonly insideSeconds: number
}

export interface RunOptions {
  /** Instead of the scenario's own. */
  readonly seed?: string | undefined
  readonly real?: boolean | undefined
}

/** Plays a scenario from its beginning to its end, and says what is not as it was expected. */
export async function runScenario(
  scenario: ReadScenario,
  { seed = scenario.seed, real = false }: RunOptions = {},
): Promise<ScenarioResult> {
  const { name, why } = scenario
  const clock = systemClock()
  const began = clock.monotonic()
  const seconds = () => Math.round((clock.monotonic() - began) / 10) / 100
  const none = { name, why, seed, differences: [], account: '', insideSeconds: 0 }
  if (real && scenario.virtual_only !== undefined) {
    return { ...none, verdict: 'skip', reason: `in virtual time only: ${scenario.virtual_only}`, seconds: 0 }
  }
  const { start } = scenario.clock
  const options = {
    seed,
    config: { callback_delay: 0, ...scenario.config },
    ...(start === undefined ? {} : { start: new Date(start).getTime() }),
  }
  let stop: (() => Promise<void>) | undefined
  try {
    const world = real ? await realWorld(options) : await virtualWorld(options)
    stop = () => world.stop()
    const performance = await perform(scenario, world, seed)
    const observed = await observe(world, performance)
    const surprises = [...performance.surprises, ...compare(scenario, observed, world.tolerance)]
    const differences = surprises.map(({ path, expected, got }): Difference => {
      if (path[0] === 'laws') return { at: `law ${String(path[1])}`, expected, got }
      return { line: scenario.lineOf(path), at: path.map(String).join('.'), expected, got }
    })
    return {
      ...none,
      verdict: differences.length === 0 ? 'pass' : 'fail',
      differences,
      account: accountOf(observed),
      seconds: seconds(),
      insideSeconds: Math.round(observed.took / 1000),
    }
  } catch (error) {
    const reason = messageOf(error)
    const differences = [{ at: 'steps', expected: 'that they can be played', got: reason }]
    return { ...none, verdict: 'fail', differences, reason, seconds: seconds() }
  } finally {
    await stop?.().catch(() => undefined)
  }
}

function accountOf({ jobs, dead_letters: dead, alarms }: Observed): string {
  const parts = [...jobs].slice(0, 3).map(([name, { status, sent, failed }]) => {
    return `${jobs.size === 1 ? '' : `${name}: `}${sent.toLocaleString('en-GB')} sent, ${failed.toLocaleString('en-GB')} failed, ${status}`
  })
  if (jobs.size > 3) parts.push(`and ${jobs.size - 3} jobs more`)
  if (dead > 0) parts.push(`${dead} dead letter${dead === 1 ? '' : 's'}`)
  if (alarms.raised.length > 0) parts.push(`alarms: ${alarms.raised.join(', ')}`)
  return parts.join('; ')
}
