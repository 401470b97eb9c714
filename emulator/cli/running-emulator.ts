import { z } from 'zod'
import type { Clock } from '../kernel/clock.ts'

const about = z.object({
  inbox: z.string(),
  worker: z.string(),
  speed: z.number().default(1),
  retry_policy_ms: z.array(z.number()).default([]),
})

/** What an emulator says of itself. */
export type RunningEmulator = z.output<typeof about>

const timeoutMs = 3000

/** The emulator behind a URL of this machine; undefined where something else, or nobody, answers. */
export async function runningEmulator(url: string, clock: Clock): Promise<RunningEmulator | undefined> {
  const aborter = new AbortController()
  const timer = clock.at(clock.now() + timeoutMs, () => aborter.abort())
  try {
    const response = await fetch(new URL('/_offload/health', url), { signal: aborter.signal, redirect: 'error' })
    const parsed = about.safeParse(await response.json())
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  } finally {
    timer.cancel()
  }
}
