import { encodeJob } from '../../../contracts/dialects/index.ts'
import type { Dialect, JobFields, Recipient } from '../../../contracts/job.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Store } from '../../kernel/store.ts'
import type { Accepted, Ingest } from './ingest.ts'

/** Integer ids of our own begin here, where no Moodle's are. */
const firstInteger = 2_000_000_000

/**
 * Submits recipients of a job again as a new job, whose parent it is, in the same dialect: what the plugin's retry button
 * does, for jobs that did not come from the stand-in.
 */
export function createRetry({ store, clock, ids, ingest }: { store: Store; clock: Clock; ids: Ids; ingest: Ingest }) {
  store.define('CREATE TABLE IF NOT EXISTS job_numbers (id INTEGER PRIMARY KEY AUTOINCREMENT)')
  const newJobId = (dialect: Dialect): string | number =>
    dialect === 'spec' || dialect === 'detailed'
      ? ids.next('job')
      : firstInteger + store.run('INSERT INTO job_numbers DEFAULT VALUES').lastInsertRowid

  return async function retry(parent: JobFields, recipients: readonly Recipient[]): Promise<Accepted> {
    const { dialect, action, typeName: _, jobId: parentJobId, ...fields } = parent
    const body = encodeJob(
      {
        ...fields,
        jobId: newJobId(dialect),
        parentJobId,
        actionType: action,
        recipients,
        timestamp: new Date(clock.now()).toISOString(),
      },
      dialect,
    )
    const { accepted, answered } = await ingest.submit({
      body: Buffer.from(JSON.stringify(body)),
      envelope: { tenant: parent.tenant, dialect },
    })
    answered()
    return accepted
  }
}
