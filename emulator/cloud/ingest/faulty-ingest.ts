import { createHash } from 'node:crypto'
import { decodeJobText } from '../../../contracts/dialects/index.ts'
import type { Subject } from '../../../contracts/faults/decide.ts'
import type { EffectName } from '../../../contracts/faults/operations.ts'
import type { Clock, Timer } from '../../kernel/clock.ts'
import type { Faults } from '../../kernel/faults/faults.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Answer, Ingest, Submission } from './ingest.ts'

const duplicated: ReadonlySet<EffectName> = new Set<EffectName>(['duplicate'])
const early: ReadonlySet<EffectName> = new Set<EffectName>(['early'])

/** API Gateway ends a request after so long. */
const longestAnswerMs = 29_000

/**
 * What may go wrong behind the ingest: a gateway that repeats a submit, and a callback that comes before the submit's
 * answer: the answer is kept back until the job's first callback was attempted, at most 29 s.
 */
export function faultyIngest(
  ingest: Ingest,
  { faults, clock, journal }: { faults: Faults; clock: Clock; journal: Journal },
): Ingest {
  /** Begins to listen at once: the callback may be under way before the submit is written. */
  const firstAttempt = (tenant: number, job: string) => {
    let timer: Timer | undefined
    let unsubscribe = () => undefined as void
    const attempted = new Promise<void>((resolve) => {
      unsubscribe = journal.subscribe(({ event }) => {
        if (event.type === 'callback.attempt' && event.tenant === tenant && event.job === job) resolve()
      })
      timer = clock.at(clock.now() + longestAnswerMs, resolve)
    })
    const end = () => {
      timer?.cancel()
      unsubscribe()
    }
    return { attempted, end }
  }

  const submitEarly = async (submission: Submission, tenant: number, job: string): Promise<Answer> => {
    const { attempted, end } = firstAttempt(tenant, job)
    try {
      const answer = await ingest.submit(submission)
      // Its callbacks are held back until the answer is out: here they are let go before it.
      answer.answered()
      await attempted
      return { ...answer, answered: () => undefined }
    } finally {
      end()
    }
  }

  return {
    ...ingest,
    async submit(submission) {
      const duplicates = faults.active('ingest.submit')
      const calls = faults.active('callback.attempt')
      if (!duplicates && !calls) return await ingest.submit(submission)
      const subject = subjectOf(submission)
      if (calls && subject.tenant !== undefined && subject.job !== undefined) {
        const struck = faults.strike('callback.attempt', subject, early)
        if (struck !== undefined) return await submitEarly(submission, subject.tenant, subject.job)
      }
      const answer = await ingest.submit(submission)
      if (duplicates && faults.strike('ingest.submit', subject, duplicated) !== undefined) {
        const { answered } = await ingest.submit(submission)
        answered()
      }
      return answer
    },
  }
}

function subjectOf({ body, envelope }: Submission): Subject {
  const identity = createHash('sha256').update(body).digest('hex').slice(0, 32)
  const decoded = decodeJobText(body, envelope)
  if (!decoded.ok) return { identity }
  const { tenant, jobId, type, recipients } = decoded.job
  return { tenant, job: String(jobId), type, identity, addresses: recipients.map(({ email }) => email) }
}
