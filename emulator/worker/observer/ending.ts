import { hearing } from './judge.ts'
import type { Observations } from './observations.ts'

/**
 * When nothing more is to be seen of a job (epoch ms): at once where all have their outcome and callbacks have spoken of
 * all, else when what may come late has had its time. Undefined while somebody may still work on it.
 */
export function overAt(
  seen: Observations,
  { endedAt, graceMs }: { endedAt: number | undefined; graceMs: number },
): number | undefined {
  if (endedAt !== undefined) return isTold(seen) ? endedAt : endedAt + graceMs
  const deletions = seen.messages.map((message) => message.deletions.at(-1)?.judgedFrom)
  return deletions.reduce((latest, at) => (latest === undefined || at === undefined ? undefined : Math.max(latest, at)))
}

/** Whether callbacks, taken or refused, have spoken of everybody; where they go elsewhere nobody waits for them. */
function isTold({ sees, callbacks, recipients }: Observations): boolean {
  if (!sees.callbacks) return true
  const heard = hearing(callbacks)
  if (heard.everybodyAt > -Infinity) return true
  return [...recipients].every(([key, recipient]) => heard.namedAt(key, recipient) > -Infinity)
}
