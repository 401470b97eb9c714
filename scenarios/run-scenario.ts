import { systemClock } from '../emulator/kernel/clock.ts'
import { messageOf } from '../emulator/kernel/errors.ts'
import { compare, type Known } from './compare.ts'
import { notDeployed, playDeployed, type Deployment } from './deployed.ts'
import { live } from './life.ts'
import { observe } from './observe.ts'
import { perform, type Surprise } from './perform.ts'
import type { ReadScenario } from './read-scenario.ts'
import { notRemote, playRemotely } from './remote.ts'
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
  /** What was expected and cannot be seen from outside, such as `expect.jobs.import.moodle`: neither right nor wrong. */
  readonly unobserved: readonly string[]
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
  /** On this running emulator instead of one of its own, in real time. */
  readonly on?: { readonly url: string; readonly token: string | undefined } | undefined
  /** On this deployment, of which nothing is seen but its callbacks and mails. */
  readonly deployment?: Deployment | undefined
}

/** Plays a scenario from its beginning to its end, and says what is not as it was expected. */
export async function runScenario(scenario: ReadScenario, options: RunOptions = {}): Promise<ScenarioResult> {
  const { seed = scenario.seed } = options
  const { name, why } = scenario
  const clock = systemClock()
  const began = clock.monotonic()
  const seconds = () => Math.round((clock.monotonic() - began) / 10) / 100
  const none = { name, why, seed, differences: [], unobserved: [], account: '', insideSeconds: 0 }
  const reason = whyNot(scenario, options)
  if (reason !== undefined) return { ...none, verdict: 'skip', reason, seconds: 0 }
  try {
    const { observed, surprises, unobserved } = await play(scenario, seed, options)
    const differences = surprises.map(({ path, expected, got }): Difference => {
      if (path[0] === 'laws') return { at: `law ${String(path[1])}`, expected, got }
      return { line: scenario.lineOf(path), at: path.map(String).join('.'), expected, got }
    })
    return {
      ...none,
      verdict: differences.length === 0 ? 'pass' : 'fail',
      differences,
      unobserved,
      account: accountOf(observed),
      seconds: seconds(),
      insideSeconds: Math.round(observed.took / 1000),
    }
  } catch (error) {
    const differences = [{ at: 'steps', expected: 'that they can be played', got: messageOf(error) }]
    return { ...none, verdict: 'fail', differences, reason: messageOf(error), seconds: seconds() }
  }
}

function whyNot(scenario: ReadScenario, { real = false, on, deployment }: RunOptions): string | undefined {
  if ((real || on !== undefined || deployment !== undefined) && scenario.virtual_only !== undefined) {
    return `in virtual time only: ${scenario.virtual_only}`
  }
  if (real && scenario.life !== undefined) return 'in virtual time only: it was drawn for it'
  const kills = scenario.steps.some(
    (step) => step === 'crash' || (typeof step === 'object' && step.crash !== undefined),
  )
  if (real && kills) return 'in virtual time only: it kills the emulator, which is in this process'
  const refused = on === undefined ? undefined : notRemote(scenario)
  if (refused !== undefined) return `not on an emulator that is running already: ${refused}`
  const undeployed = deployment === undefined ? undefined : notDeployed(scenario, deployment)
  return undeployed === undefined ? undefined : `not on a deployment: ${undeployed}`
}

interface Played {
  readonly observed: Known
  readonly surprises: readonly Surprise[]
  readonly unobserved: readonly string[]
}

async function play(
  scenario: ReadScenario,
  seed: string,
  { real = false, on, deployment }: RunOptions,
): Promise<Played> {
  const fromOutside =
    deployment !== undefined
      ? await playDeployed(scenario, deployment)
      : on !== undefined
        ? await playRemotely(scenario, { ...on, seed, run: String(systemClock().now()) })
        : undefined
  if (fromOutside !== undefined) {
    const unobserved: string[] = []
    const unseen = (path: readonly PropertyKey[]) => void unobserved.push(path.map(String).join('.'))
    return { observed: fromOutside, surprises: compare(scenario, fromOutside, [600, 3000], unseen), unobserved }
  }
  const { start } = scenario.clock
  const options = {
    seed,
    config: { callback_delay: 0, ...scenario.config },
    ...(start === undefined ? {} : { start: new Date(start).getTime() }),
  }
  const world = real ? await realWorld(options) : await virtualWorld(options)
  try {
    const performance = await (scenario.life === undefined ? perform(scenario, world, seed) : live(scenario, world))
    const observed = await observe(world, performance)
    const surprises = [...performance.surprises, ...compare(scenario, observed, world.tolerance)]
    return { observed, surprises, unobserved: [] }
  } finally {
    // How it ends is no part of the scenario.
    await world.stop().catch(() => undefined)
  }
}

function accountOf({ jobs, dead_letters: dead = 0, alarms }: Known): string {
  const parts = [...jobs].slice(0, 3).map(([name, { status, sent = 0, failed = 0 }]) => {
    const counts = `${sent.toLocaleString('en-GB')} sent, ${failed.toLocaleString('en-GB')} failed`
    return `${jobs.size === 1 ? '' : `${name}: `}${counts}${status === undefined ? '' : `, ${status}`}`
  })
  if (jobs.size > 3) parts.push(`and ${jobs.size - 3} jobs more`)
  if (dead > 0) parts.push(`${dead} dead letter${dead === 1 ? '' : 's'}`)
  if (alarms !== undefined && alarms.raised.length > 0) parts.push(`alarms: ${alarms.raised.join(', ')}`)
  return parts.join('; ')
}
