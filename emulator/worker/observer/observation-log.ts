import type { Store } from '../../kernel/store.ts'
import type { ObservedCallback, ObservedInvocation, ObservedMail, Stray } from './observations.ts'

/** One thing that was seen of a job, as it is kept. */
export type LogEntry =
  | { readonly kind: 'message'; readonly messageId: string; readonly recipients: readonly string[] }
  | { readonly kind: 'receive'; readonly messageId: string; readonly at: number; readonly receiptHandle: string }
  | { readonly kind: 'deletion'; readonly at: number; readonly receiptHandle: string; readonly judgedFrom: number }
  | ({ readonly kind: 'mail' } & ObservedMail)
  /** What a mail holds that a provider took, once it has come to the inbox. */
  | { readonly kind: 'body'; readonly accepted: string; readonly address: string; readonly body: string }
  /** The html of a body that more than one person got. */
  | { readonly kind: 'shared-html'; readonly body: string; readonly html: string }
  | { readonly kind: 'callback'; readonly callback: ObservedCallback }
  | { readonly kind: 'stray'; readonly stray: Stray }
  /** When it has ended. */
  | { readonly kind: 'invocation'; readonly invocation: ObservedInvocation }
  /** More was seen than is kept. */
  | { readonly kind: 'cut' }

export interface KeptJob {
  readonly jobId: number
  readonly entries: readonly LogEntry[]
  /** What was told of it last, by the findings' codes. */
  readonly told: ReadonlyMap<string, string>
}

export interface ObservationLog {
  add(jobId: number, entry: LogEntry): void
  /** In the caller's transaction. */
  tell(jobId: number, findings: ReadonlyMap<string, string>): void
  /** Oldest job first. */
  load(): KeptJob[]
  forget(jobId: number): void
  /** When what was added so far is on disk. */
  drained(): Promise<void>
}

/** Entries of one job: a mail to each of 50,000 recipients and its body, twice. A job of which more was seen is judged no more after a restart. */
const most = 200_000
/** What is read at a start, of all jobs: of the oldest beyond it nothing is said any more. */
const mostAtStart = 300_000
/** Html that several people got is kept so often: one is evidence enough. */
const mostBodies = 20

/** What was seen of the jobs, durable, so that a restart of the emulator changes no judgement. */
export function createObservationLog({
  store,
  onError,
  mostEntries = most,
  mostLoaded = mostAtStart,
}: {
  store: Store
  onError: (error: unknown) => void
  /** Of one job. */
  mostEntries?: number
  /** Of all jobs, at a start. */
  mostLoaded?: number
}): ObservationLog {
  store.define(`
    CREATE TABLE IF NOT EXISTS observations (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      job_id INTEGER NOT NULL,
      entry TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS observations_job ON observations (job_id);
    CREATE TABLE IF NOT EXISTS observed_findings (
      job_id INTEGER PRIMARY KEY,
      findings TEXT NOT NULL
    );
  `)
  // Writes are committed in order: the last one stands for all.
  let last: Promise<void> = Promise.resolve()
  const write = (run: () => void) => void (last = store.write(run).catch(onError))
  const counts = new Map<number, { entries: number; bodies: number }>()
  const count = (jobId: number, { kind }: LogEntry) => {
    const known = counts.get(jobId) ?? { entries: 0, bodies: 0 }
    counts.set(jobId, known)
    known.entries++
    if (kind === 'shared-html') known.bodies++
    return known
  }
  const cutOldest = () =>
    store.tx(() => {
      let loaded = 0
      const jobs = store.all<{ job_id: number; entries: number }>(
        'SELECT job_id, count(*) AS entries FROM observations GROUP BY job_id ORDER BY job_id DESC',
      )
      for (const { job_id: jobId, entries } of jobs) {
        loaded += entries
        if (loaded <= mostLoaded) continue
        const others = "DELETE FROM observations WHERE job_id = ? AND json_extract(entry, '$.kind') <> 'message'"
        store.run(others, jobId)
        insert(jobId, { kind: 'cut' })
      }
    })
  const insert = (jobId: number, entry: LogEntry) =>
    store.run('INSERT INTO observations (job_id, entry) VALUES (?, ?)', jobId, JSON.stringify(entry))

  return {
    add(jobId, entry) {
      const { entries, bodies } = count(jobId, entry)
      if (entries > mostEntries + 1 || (entry.kind === 'shared-html' && bodies > mostBodies)) return
      write(() => void insert(jobId, entries > mostEntries ? { kind: 'cut' } : entry))
    },
    tell: (jobId, findings) =>
      void store.run('INSERT OR REPLACE INTO observed_findings VALUES (?, ?)', jobId, JSON.stringify([...findings])),
    load() {
      cutOldest()
      const told = new Map(
        store
          .all<{ job_id: number; findings: string }>('SELECT * FROM observed_findings')
          .map(({ job_id, findings }) => [job_id, new Map(JSON.parse(findings) as [string, string][])] as const),
      )
      const jobs = new Map<number, LogEntry[]>()
      for (const { job_id, entry: text } of store.all<{ job_id: number; entry: string }>(
        'SELECT job_id, entry FROM observations ORDER BY id',
      )) {
        const entry = JSON.parse(text) as LogEntry
        count(job_id, entry)
        const known = jobs.get(job_id)
        if (known === undefined) jobs.set(job_id, [entry])
        else known.push(entry)
      }
      return [...jobs].map(([jobId, entries]) => ({
        jobId,
        entries,
        told: told.get(jobId) ?? new Map<string, string>(),
      }))
    },
    forget(jobId) {
      counts.delete(jobId)
      write(() => {
        store.run('DELETE FROM observations WHERE job_id = ?', jobId)
        store.run('DELETE FROM observed_findings WHERE job_id = ?', jobId)
      })
    },
    drained: () => last,
  }
}
