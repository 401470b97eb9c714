import type { DeploymentCase, Observation } from './case.ts'
import { accepted, everybodyTold, fail, first, mailedOnce, mailsOf, pass, seconds, unobserved, whole } from './judge.ts'

const poison = (label: string) => ({ to: 'queue' as const, body: `{"offload check": "${label}", "this is no JSON` })

const catchAll =
  'a message that cannot be read is reported as failed (batchItemFailures), not swallowed and not thrown for the whole batch; a redrive policy takes it to the dead-letter queue'

export const queueCases: readonly DeploymentCase[] = [
  {
    id: 'queue/redelivery',
    title: 'a message that comes twice mails nobody twice',
    fix: 'SQS delivers at least once: remember each (tenant, job, recipient) before it is mailed, where all workers look (a conditional put), and skip who is there',
    level: 'required',
    mistake: 1,
    needs: ['queue'],
    except: {},
    plan(context) {
      const job = context.invent(['success', 'success'])
      const message = { ...job.message(), to: 'queue' as const }
      return { jobs: [job], steps: [{ send: [message, message], until: whole(job) }], settles: true, mails: 2 }
    },
    judge: first(accepted, everybodyTold, mailedOnce()),
  },
  {
    id: 'queue/redelivered-later',
    title: 'a message that comes again after its job was done mails nobody again',
    fix: 'what was mailed is remembered longer than a message lives (14 days), not as long as a process does',
    level: 'required',
    mistake: 1,
    needs: ['queue'],
    except: {},
    plan(context) {
      const job = context.invent(['success'])
      const next = context.invent(['success'], { name: 'next' })
      const message = { ...job.message(), to: 'queue' as const }
      return {
        jobs: [job, next],
        steps: [
          { send: [message], until: whole(job) },
          { send: [message, { ...next.message(), to: 'queue' }], until: whole(next) },
        ],
        settles: true,
        mails: 2,
      }
    },
    judge: first(accepted, everybodyTold, mailedOnce()),
  },
  {
    id: 'queue/poison-blocks-nobody',
    title: 'a message that cannot be read does not keep others from their mail',
    fix: catchAll,
    level: 'required',
    mistake: 2,
    needs: ['queue'],
    except: {},
    plan(context) {
      const job = context.invent(['success'])
      const send = [poison(job.label), { ...job.message(), to: 'queue' as const }]
      return { jobs: [job], steps: [{ send, until: whole(job) }], mails: 1 }
    },
    judge: first(accepted, everybodyTold, () => pass('the job behind it was done')),
  },
  {
    id: 'queue/poison-dead-letter',
    title: 'a message that cannot be read ends in the dead-letter queue',
    fix: catchAll,
    level: 'required',
    mistake: 2,
    needs: ['queue'],
    alone: true,
    except: {},
    plan(context) {
      const { label } = context.invent(['success'])
      return { jobs: [], steps: [{ send: [poison(label)] }], deadLetter: label }
    },
    judge: first(accepted, ({ deadLetter }) => {
      if (deadLetter === undefined) return unobserved('nobody looked')
      if (deadLetter.state === 'there') return pass('it is there')
      return deadLetter.state === 'gone' ? fail(deadLetter.reason) : unobserved(deadLetter.reason)
    }),
  },
]

const budget = { recipients: 50_000, minutes: 30 }

export const throughputCases: readonly DeploymentCase[] = [
  {
    id: 'throughput/small-job',
    title: 'a small job is done in time, and nobody is mailed twice',
    fix: "raise the concurrency of the worker, or the rate of the provider; the visibility timeout of the queue must be longer than a batch takes (six times the function's timeout)",
    level: 'required',
    mistake: 17,
    needs: [],
    alone: true,
    except: {},
    plan(context) {
      const job = context.invent(Array.from({ length: context.throughput }, () => 'success' as const))
      return {
        jobs: [job],
        steps: [{ send: [job.message()], until: whole(job) }],
        settles: true,
        mails: context.throughput,
      }
    },
    judge: first(accepted, everybodyTold, (observation) => {
      const mailed = mailedOnce()(observation)
      if (mailed.verdict === 'fail') return mailed
      const seen = typeof mailsOf(observation) === 'string' ? '; how often each was mailed is not seen' : ''
      return pass(`${paceOf(observation)}${seen}`)
    }),
  },
]

/** A small job foretells no large one; what it would mean is told all the same. */
function paceOf({ tookMs, context }: Observation): string {
  const rate = context.throughput / (tookMs / 1000)
  const minutes = Math.ceil(budget.recipients / rate / 60)
  const pace = `${context.throughput} recipients in ${seconds(tookMs)}, ${Math.round(rate * 10) / 10} a second`
  return `${pace}: at this pace ${budget.recipients.toLocaleString('en')} take ${minutes} min (the budget is ${budget.minutes})`
}
