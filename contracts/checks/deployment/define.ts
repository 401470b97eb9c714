import type { DeploymentCase, Observation } from './case.ts'
import type { InventedJob } from './job.ts'

type Optional = 'level' | 'except' | 'needs'
export type Given = Omit<DeploymentCase, Optional> & Partial<Pick<DeploymentCase, Optional>>

/** Required of every way in, in every dialect, unless told otherwise. */
export const required = (given: Given): DeploymentCase => ({ level: 'required', except: {}, needs: [], ...given })

/** The job that a case is about. */
export function jobOf({ plan }: Pick<Observation, 'plan'>): InventedJob {
  const [job] = plan.jobs
  if (job === undefined) throw new Error('the case has no job')
  return job
}
