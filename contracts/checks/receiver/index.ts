import type { ReceiverCase } from './case.ts'
import { bodyCases } from './body.ts'
import { meaningCases, submissionCases } from './meaning.ts'
import { signatureCases, tokenCases } from './signature.ts'
import { timeCases } from './time.ts'
import { transportCases } from './transport.ts'

export type * from './case.ts'
export { canaryId, canaryRequest, canaryTitle, forgedRequest, judgeCanary, judgeStranger, probes } from './canary.ts'

/** Everything that a callback receiver must do right, in the order in which it is checked. */
export const receiverCases: readonly ReceiverCase[] = [
  ...signatureCases,
  ...tokenCases,
  ...bodyCases,
  ...timeCases,
  ...transportCases,
  ...meaningCases,
  ...submissionCases,
]
