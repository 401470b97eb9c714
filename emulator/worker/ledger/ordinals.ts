import type { Store } from '../../kernel/store.ts'
import type { RecipientRow } from './tables.ts'

const jobsKept = 8

/**
 * A recipient's place in its job, from 1, in the order in which they were admitted: a job's own order, whoever works on
 * it. Read once a job, and again where recipients were added.
 */
export function createOrdinals(store: Store): (recipient: Pick<RecipientRow, 'id' | 'job_id'>) => number {
  const jobs = new Map<number, ReadonlyMap<number, number>>()
  return ({ id, job_id: job }) => {
    const known = jobs.get(job)?.get(id)
    if (known !== undefined) return known
    const rows = store.all<{ id: number }>('SELECT id FROM recipients WHERE job_id = ? ORDER BY id', job)
    const ordinals = new Map(rows.map((row, index) => [row.id, index + 1]))
    jobs.delete(job)
    jobs.set(job, ordinals)
    const [oldest] = jobs.keys()
    if (jobs.size > jobsKept && oldest !== undefined) jobs.delete(oldest)
    return ordinals.get(id) ?? 0
  }
}
