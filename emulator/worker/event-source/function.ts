import type { Invocation } from './answer.ts'

/** One execution environment of a function: it takes one event at a time. */
export interface FunctionSlot {
  /** Resolves when an event can be handed over, or when `signal` is aborted. */
  ready(signal: AbortSignal): Promise<void>
  /** Never rejects: whatever goes wrong is an outcome. */
  invoke(event: string, signal: AbortSignal): Promise<Invocation>
  /** Ends what runs. */
  stop(): Promise<void>
}

/** The longest answer in bytes, as in Lambda. */
export const answerLimit = 6 * 1024 * 1024

/** How long a function that cannot be reached is left alone, in milliseconds, by how often in a row it could not. */
export const backoff = (failures: number): number => Math.min(30_000, 500 * 2 ** failures)
