import type { LoadPlan } from './plan.ts'
import type { Came, LoadDeps } from './run-load.ts'
import type { Reached } from './run-outcome.ts'

export async function runSteps(_plan: LoadPlan, _reached: Reached, _deps: LoadDeps): Promise<Came> {
  throw new Error('not yet')
}
