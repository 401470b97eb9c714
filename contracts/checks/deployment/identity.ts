import type { DeploymentCase, Observation } from './case.ts'
import { jobOf, required } from './define.ts'
import type { InventedJob } from './job.ts'
import { accepted, everybodyTold, fail, first, mailedOnce, pass, told, whole } from './judge.ts'

const remember =
  'remember each (tenant, job, recipient) before it is mailed, in one place that all workers share (a conditional put, INSERT … ON CONFLICT DO NOTHING), and skip who is there'

export const identityCases: readonly DeploymentCase[] = [
  required({
    id: 'identity/same-again',
    title: 'the same submission again is the same job, and mails nobody twice',
    fix: `the job id is the key: the same id with the same content gets the first answer again; ${remember}`,
    mistake: 16,
    needs: ['http'],
    plan(context) {
      const job = context.invent(['success', 'success'])
      const again = job.message()
      return {
        jobs: [job],
        steps: [{ send: [again, again], until: whole(job) }, { send: [again] }],
        settles: true,
        mails: 2,
      }
    },
    judge: first(accepted, everybodyTold, mailedOnce()),
  }),
  required({
    id: 'identity/other-content',
    title: 'the same job id with other content is refused, and nobody is mailed by it',
    fix: 'keep a hash of what came under a job id, and answer 409 to another (by SQS: dead letter)',
    plan(context) {
      const job = context.invent(['success'])
      const other = job.message(job.people, (body) => ({ ...body, type: otherType[job.dialect] }))
      return {
        jobs: [job],
        steps: [{ send: [job.message()], until: whole(job) }, { send: [other] }],
        settles: true,
        mails: 1,
      }
    },
    judge: (observation) => {
      const { exchanges, context } = observation
      const [one, other] = exchanges
      if (one?.answer.accepted !== true) return accepted(observation) ?? fail('the job itself was refused')
      const late = everybodyTold(observation)
      if (late !== undefined) return late
      if (context.way !== 'sqs') {
        const status = other?.answer.status ?? null
        if (status === null || status >= 500) return fail(`the other content was answered ${status ?? 'with nothing'}`)
        if (status < 400) return fail(`the other content was answered ${status}: taken, or silently dropped`)
        const mailed = mailedOnce()(observation)
        return mailed.verdict === 'fail' ? mailed : pass(`refused with ${status}`)
      }
      return mailedOnce()(observation)
    },
  }),
  required({
    id: 'identity/duplicate-recipients',
    title: 'a recipient who is in a message twice is mailed once and counted once',
    fix: `a recipient is known by userid, row id, or address and data: drop equal rows; ${remember}`,
    mistake: 1,
    plan(context) {
      const job = context.invent(['success', 'success'])
      const twice = job.message([...job.people, ...job.people])
      return { jobs: [job], steps: [{ send: [twice], until: whole(job) }], settles: true, mails: 2 }
    },
    judge: first(
      accepted,
      everybodyTold,
      (observation) => {
        const { sent, failed } = told(observation, jobOf(observation))
        return sent + failed > 2 ? fail(`${sent + failed} outcomes were counted for 2 recipients`) : undefined
      },
      mailedOnce(),
    ),
  }),
  required({
    id: 'identity/same-address',
    title: 'two recipients who share an address both get their mail and their outcome',
    fix: 'know a recipient by userid (or row id), not by address: two licences to one address are two mails',
    mistake: 11,
    plan(context) {
      const job = sharing(context.invent(['success', 'success']))
      return {
        jobs: [job],
        steps: [{ send: [job.message()], until: (progress) => outcomesIn(progress, job) >= 2 }],
        settles: true,
        mails: 2,
      }
    },
    judge: first(
      accepted,
      (observation) => {
        const known = outcomesIn(observation, jobOf(observation))
        return known < 2 ? fail(`callbacks tell of ${known} of the 2 recipients`) : undefined
      },
      mailedOnce(() => 2),
    ),
  }),
  required({
    id: 'identity/batches-in-any-order',
    title: 'a job in three messages, the last one first: everybody has one outcome',
    fix: 'every message of a job adds recipients; counts are those of the whole job, derived from its rows, not of the message',
    mistake: 6,
    except: { plugin: 'a job is one message' },
    plan(context) {
      const job = context.invent(['success', 'success', 'success'])
      const send = job.people.map((person) => job.message([person])).toReversed()
      return { jobs: [job], steps: [{ send, until: whole(job) }], settles: true, mails: 3 }
    },
    judge: first(accepted, everybodyTold, mailedOnce()),
  }),
]

const otherType = {
  spec: 'send_reminder',
  detailed: 'EMAIL_REENGAGEMENT',
  flow: 'reengagement',
  plugin: 'license_allocated',
} as const

/** Both at the address of the first. */
function sharing(job: InventedJob): InventedJob {
  const email = job.people[0]?.email ?? ''
  const people = job.people.map((person) => ({ ...person, email }))
  return { ...job, people, message: (some = people, change) => job.message(some, change) }
}

/** Outcomes of two who share an address, which `plugin` tells by the address. */
function outcomesIn(progress: Pick<Observation, 'callbacks'>, job: InventedJob): number {
  const { outcomes, sent, failed } = told(progress, job)
  return job.dialect === 'spec' ? outcomes.size : sent + failed
}
