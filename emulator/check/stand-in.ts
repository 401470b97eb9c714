import { createHash } from 'node:crypto'
import type { JobRow, TargetJob } from '../../contracts/checks/receiver/index.ts'
import type { Dialect } from '../../contracts/job.ts'
import type { Moodle } from '../moodle/moodle.ts'
import type { Person } from '../moodle/sample-people.ts'
import type { SubmitInput } from '../moodle/submission.ts'
import { NoJobError, type JobSource, type Tables } from './target.ts'

/** Jobs that the stand-in for Moodle submits itself, of three people. */
export function standInJobs(moodle: Pick<Moodle, 'submit' | 'job' | 'recipients'>, dialect: Dialect): JobSource {
  let first = 1001
  return {
    kind: 'fresh',
    async take(wanted) {
      const { jobIds } = await moodle.submit(submissionOf(dialect, first, wanted?.sharing))
      first += 3
      const [id] = jobIds
      if (id === undefined) throw new NoJobError('the stand-in submitted nothing')
      return standInJob(moodle, id)
    },
  }
}

/** What the stand-in is told to submit; `first` is the first person's userid, `sharing` gives two the same address. */
export function submissionOf(dialect: Dialect, first: number, sharing = false): SubmitInput {
  const recipients = [0, 1, 2].map((nth): Person => {
    const address = sharing && nth === 2 ? first + 1 : first + nth
    return { userid: first + nth, email: `check${address}@example.com`, firstname: 'Ana', lastname: `Sá ${nth}` }
  })
  return { tenant: 0, type: 'welcome', recipients, certificate: false, mode: 'api', dialect, shape: 'batches' }
}

export function standInJob(moodle: Pick<Moodle, 'job' | 'recipients'>, jobid: string): TargetJob {
  const job = moodle.job(jobid)
  if (job === undefined) throw new NoJobError(`the stand-in has no job ${jobid}`)
  const byUserid = job.dialect === 'spec' || job.dialect === 'detailed'
  return {
    id: byUserid ? jobid : Number(jobid),
    tenant: job.tenantid,
    known: true,
    people: moodle
      .recipients(jobid)
      .map(({ userid, email }) => ({ key: String(userid), email, ...(byUserid ? { userid } : {}) })),
  }
}

/** The stand-in's tables, read in this process. */
export function standInTables(moodle: Pick<Moodle, 'jobs' | 'job' | 'recipients'>): Tables {
  const rowOf = (jobid: string): JobRow | undefined => {
    const job = moodle.job(jobid)
    return job === undefined
      ? undefined
      : {
          status: job.status,
          completed: job.completed_recipients,
          failed: job.failed_recipients,
          timeCompleted: job.timecompleted,
          error: job.error_message,
          recipients: moodle.recipients(jobid).map(({ userid, email, status, error_message }) => ({
            userid: String(userid),
            email,
            status,
            error: error_message,
          })),
        }
  }
  return {
    async snapshot(ids) {
      const all = moodle.jobs().map(({ jobid }) => [jobid, rowOf(jobid)])
      const digest = createHash('sha256').update(JSON.stringify(all)).digest('hex')
      const wanted = ids.map(String).flatMap((id) => {
        const row = rowOf(id)
        return row === undefined ? [] : [[id, row] as const]
      })
      return { digest, jobs: Object.fromEntries(wanted) }
    },
  }
}
