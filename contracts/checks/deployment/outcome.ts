import type { DeploymentCase, Observation } from './case.ts'
import { jobOf, required } from './define.ts'
import type { InventedJob } from './job.ts'
import { accepted, everybodyTold, fail, first, mailsOf, outcomesAre, pass, told, unobserved, whole } from './judge.ts'

const events =
  "subscribe to the provider's bounces (SES: configuration set or notifications → SNS → queue), look the message id up, and call back with failed"

export const outcomeCases: readonly DeploymentCase[] = [
  required({
    id: 'outcome/hard-bounce',
    title: 'a recipient whose mail bounces is told as failed, the others as sent',
    fix: events,
    mistake: 2,
    plan(context) {
      const job = context.invent(['success', 'bounce'])
      const failedOne = (progress: Pick<Observation, 'callbacks'>) => told(progress, job).failed >= 1
      return {
        jobs: [job],
        steps: [{ send: [job.message()], until: (progress) => whole(job)(progress) && failedOne(progress) }],
      }
    },
    judge: (observation) => {
      const job = jobOf(observation)
      const wrong = accepted(observation)
      if (wrong !== undefined) return wrong
      const { failed, whole: all } = told(observation, job)
      const gone = observation.gaveUp
      if (gone !== undefined && all && failed === 0) {
        return fail(`it was told as sent, and no word of the bounce came within ${Math.round(gone.ms / 1000)} s`)
      }
      return (
        everybodyTold(observation) ?? outcomesAre(job, ['completed', 'failed'])(observation) ?? pass('told as failed')
      )
    },
  }),
  required({
    id: 'outcome/suppressed',
    title: 'a recipient on the suppression list is told as failed',
    fix: events,
    mistake: 2,
    plan(context) {
      const job = context.invent(['suppressed', 'success'])
      return {
        jobs: [job],
        steps: [
          { send: [job.message()], until: (progress) => whole(job)(progress) && told(progress, job).failed >= 1 },
        ],
      }
    },
    judge: (observation) => {
      const job = jobOf(observation)
      const gone = observation.gaveUp
      if (gone !== undefined && told(observation, job).whole) {
        return fail(`it was told as sent, and no word of the suppression came within ${Math.round(gone.ms / 1000)} s`)
      }
      return (
        accepted(observation) ??
        everybodyTold(observation) ??
        outcomesAre(job, ['failed', 'completed'])(observation) ??
        pass('told as failed')
      )
    },
  }),
  required({
    id: 'outcome/all-failed',
    title: 'a job of which nothing was sent is failed, not partly failed',
    fix: "derive the job's status from its recipients: none sent is failed",
    mistake: 12,
    except: { spec: 'a callback has no status of the job' },
    plan(context) {
      const job = context.invent(['bounce', 'bounce'])
      return {
        jobs: [job],
        steps: [{ send: [job.message()], until: (progress) => told(progress, job).failed >= 2 }],
        settles: true,
      }
    },
    judge: (observation) => {
      const job = jobOf(observation)
      const { status, failed } = told(observation, job)
      const wrong = accepted(observation)
      if (wrong !== undefined) return wrong
      // Whether bounces are told at all is the matter of outcome/hard-bounce.
      if (failed < 2) return unobserved(`${failed} of 2 bounces were told: nothing can be said of the job's status`)
      return status === 'failed' ? pass('the job is failed') : fail(`the job is "${status ?? 'without a status'}"`)
    },
  }),
  required({
    id: 'outcome/complaint',
    title: 'a recipient who complains was sent the mail, once, and is told as sent',
    fix: 'a complaint comes after the delivery: keep the outcome, put the address on the suppression list, send nothing again',
    plan(context) {
      const job = context.invent(['complaint'])
      return { jobs: [job], steps: [{ send: [job.message()], until: whole(job) }], settles: true, mails: 1 }
    },
    judge: first(
      accepted,
      everybodyTold,
      (observation) => outcomesAre(jobOf(observation), ['completed'])(observation),
      (observation) => {
        const mails = mailsOf(observation)
        const count = typeof mails === 'string' ? 1 : [...mails.values()].flat().length
        return count > 1 ? fail(`${count} mails went to it`) : pass('told as sent')
      },
    ),
  }),
  required({
    id: 'outcome/undeliverable-address',
    title: 'what is no address is told as failed or refused, and the others get their mail',
    fix: 'a recipient who cannot be mailed fails alone: catch the error for each recipient, tell it, go on',
    mistake: 2,
    plan(context) {
      const job = withoutAddress(context.invent(['success', 'success']))
      return { jobs: [job], steps: [{ send: [job.message()], until: whole(job) }] }
    },
    judge: (observation) => {
      const { answer } = observation.exchanges[0] ?? {}
      const status = answer?.status ?? 0
      if (answer?.accepted === false && status >= 400 && status < 500) return pass(`refused with ${status}`)
      const job = jobOf(observation)
      return (
        accepted(observation) ??
        everybodyTold(observation) ??
        outcomesAre(job, ['completed', 'failed'])(observation) ??
        pass('told as failed, and the other as sent')
      )
    },
  }),
  required({
    id: 'outcome/own-content',
    title: 'everybody gets their own text, not that of the first recipient',
    fix: 'fill the template for each recipient, inside the loop',
    mistake: 14,
    plan(context) {
      const job = context.invent(['success', 'success'])
      return {
        jobs: [job],
        steps: [{ send: [job.message()], until: whole(job) }],
        settles: true,
        mails: 2,
        readsMails: true,
      }
    },
    judge: first(accepted, everybodyTold, (observation) => {
      const mails = mailsOf(observation)
      if (typeof mails === 'string') return unobserved(mails)
      const job = jobOf(observation)
      const marks = job.people.map(markOf(job))
      for (const [nth, { email }] of job.people.entries()) {
        const [mail] = mails.get(email.toLowerCase()) ?? []
        if (observation.context.sees !== 'content') return unobserved('what the mails say is not seen (--mailpit)')
        if (mail?.content === undefined) return fail(`no mail to ${email}`)
        const text = mail.content
        const foreign = marks.findIndex((mark, other) => other !== nth && text.includes(mark))
        if (foreign !== -1) return fail(`the mail to ${email} holds what belongs to ${job.people[foreign]?.email}`)
        if (!text.includes(marks[nth] ?? ''))
          return fail(`the mail to ${email} holds nothing of its own ("${marks[nth]}")`)
      }
      return pass('each mail has its own')
    }),
  }),
]

/** What a mail must say of its recipient and of nobody else: the code in the first name, or in the licence. */
const markOf =
  ({ dialect }: InventedJob) =>
  ({ firstname, data }: InventedJob['people'][number]): string => {
    const licence = data['license_code']
    return dialect === 'flow' && typeof licence === 'string' ? licence : (firstname.split('-')[1] ?? firstname)
  }

/** The second without an @. */
function withoutAddress(job: InventedJob): InventedJob {
  const people = job.people.map((person, nth) =>
    nth === 1 ? { ...person, email: person.email.replace(/@.*/, '') } : person,
  )
  return { ...job, people, message: (some = people, change) => job.message(some, change) }
}
