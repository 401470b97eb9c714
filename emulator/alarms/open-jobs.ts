import type { Journal } from '../kernel/journal.ts'
import type { Store } from '../kernel/store.ts'

/** Jobs that were open when the emulator stopped, the longest without progress first. */
export function openJobs({ store, journal }: { store: Store; journal: Journal }) {
  const working = store.all<{ tenant: number; job: string }>(
    'SELECT tenant, job FROM jobs WHERE ended_at IS NULL LIMIT 10000',
  )
  const awaited = store.all<{ tenant: number; job: string }>(
    `SELECT tenantid AS tenant, jobid AS job FROM manireports_cloud_jobs
     WHERE status NOT IN ('completed', 'partial_failure', 'failed') LIMIT 10000`,
  )
  const since = ({ job }: { job: string }) => journal.read({ job, last: 1 })[0]?.at ?? 0
  return [
    ...working.map((job) => ({ ...job, side: 'working' as const, at: since(job) })),
    ...awaited.map((job) => ({ ...job, side: 'awaited' as const, at: since(job) })),
  ].toSorted((a, b) => a.at - b.at)
}
