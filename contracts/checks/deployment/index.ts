import { callbackCases, orderCases } from './callback.ts'
import type { DeploymentCase } from './case.ts'
import { certificateCases } from './certificate.ts'
import { identityCases } from './identity.ts'
import { outcomeCases } from './outcome.ts'
import { queueCases, throughputCases } from './queue.ts'
import { retryCases } from './retry.ts'
import { submitCases } from './submit.ts'

export type * from './case.ts'
export type * from './seen.ts'
export { canaryId, canaryTitle } from './canary.ts'
export { inventJob, runLabel, type InventedJob } from './job.ts'
export { retryAfterSeconds } from './retry.ts'

/** Everything that a deployment must do right, in the order in which it is told. */
export const deploymentCases: readonly DeploymentCase[] = [
  ...submitCases,
  ...identityCases,
  ...outcomeCases,
  ...certificateCases,
  ...callbackCases,
  ...retryCases,
  ...orderCases,
  ...queueCases,
  ...throughputCases,
]
