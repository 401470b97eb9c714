import type { Shape } from './people.ts'

/** Single jobs a second, as learners finish a course. */
export const quietPerSecond = 2

/** The quiet tenant beside a noisy one: a job for each recipient, all the time that the run lasts. */
export function quietTenant({
  run,
  tenant,
  durationMs,
}: {
  readonly run: number
  readonly tenant: number
  readonly durationMs: number
}): { run: number; tenant: number; shape: Shape; batch: number; recipients: number } {
  return {
    run: run + 1,
    tenant: tenant + 1,
    shape: 'one-recipient-jobs',
    batch: 1,
    recipients: Math.max(1, Math.floor((durationMs / 1000) * quietPerSecond)),
  }
}
