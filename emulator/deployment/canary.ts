import { judgeCanary, type CanarySeen, type CanaryVerdict } from '../../contracts/checks/deployment/canary.ts'
import type { InventedJob } from '../../contracts/checks/deployment/job.ts'
import { toldOf } from '../../contracts/checks/deployment/seen.ts'
import type { Clock } from '../kernel/clock.ts'
import type { MailWitness } from './mails.ts'
import type { Receiver } from './receiver.ts'
import type { Submitter } from './submitter.ts'

export interface Canary {
  readonly verdict: CanaryVerdict
  readonly seen: CanarySeen
  /** Nobody is there: the run ends with exit 3. */
  readonly unreachable: boolean
}

/** One job of one recipient, before anything else is sent: what a deployment cannot do once it need not be asked often. */
export async function runCanary({
  job,
  submitter,
  receiver,
  mails,
  clock,
  patienceMs,
}: {
  /** Of one recipient. */
  job: InventedJob
  submitter: Submitter
  receiver: Pick<Receiver, 'callbacks' | 'waitFor' | 'callbackUrl' | 'listensOn'>
  mails: MailWitness
  clock: Pick<Clock, 'monotonic' | 'now'>
  /** How long its callback may take, in milliseconds. */
  patienceMs: number
}): Promise<Canary> {
  const before = receiver.callbacks().length
  const began = clock.monotonic()
  const answer = await submitter.submit(job.message())
  const answeredAt = clock.now()
  const whole = () => toldOf(job.dialect, job.people, receiver.callbacks(job.id)).whole
  if (answer.accepted) await receiver.waitFor(whole, patienceMs)
  const waitedMs = clock.monotonic() - began
  const seen: CanarySeen = {
    job,
    way: submitter.kind,
    target: submitter.url,
    answer,
    answeredAt,
    callbacks: receiver.callbacks(job.id),
    strays: receiver
      .callbacks()
      .slice(before)
      .filter((callback) => callback.job !== String(job.id)),
    mails: answer.accepted
      ? await mails.find({ label: job.label })
      : { observed: false, reason: 'nothing was accepted' },
    callbackUrl: receiver.callbackUrl,
    listensOn: receiver.listensOn,
    waitedMs,
  }
  return { verdict: judgeCanary(seen), seen, unreachable: answer.unreachable }
}
