import { inventJob, runLabel } from '../../contracts/checks/deployment/job.ts'
import { runCanary } from '../../emulator/deployment/canary.ts'
import { createMailWitness } from '../../emulator/deployment/mails.ts'
import { createReceiver } from '../../emulator/deployment/receiver.ts'
import { createSafety } from '../../emulator/deployment/safety.ts'
import { createSubmitter } from '../../emulator/deployment/submitter.ts'
import type { Clock } from '../../emulator/kernel/clock.ts'
import { EmulatorError } from '../../emulator/kernel/errors.ts'
import type { LoadPlan } from './plan.ts'
import type { Reached } from './k6-variables.ts'

const patienceMs = 90_000

/**
 * One job of one recipient before all others. Throws EmulatorError `canary-failed` with what to do, or `unreachable`.
 * Resolves with where it listened: the receiver of the run takes the same address.
 */
export async function sendCanary(
  plan: LoadPlan,
  reached: Reached,
  { clock, ownsTarget, allowedDomains }: { clock: Clock; ownsTarget: boolean; allowedDomains: readonly string[] },
): Promise<{ reason: string; listensOn: string }> {
  const seed = `load ${plan.run}`
  const targets = [reached.url, plan.way === 'sqs' ? reached.queueUrl : ''].filter((each) => each !== '')
  const names = createSafety({ targets, ownsTarget, allowedDomains, seed })
  const receiver = await createReceiver({
    clock,
    dialect: plan.dialect,
    secret: reached.secret,
    token: reached.pluginToken,
    listen: plan.listen,
    publicUrl: plan.publicUrl,
    keep: 'without-bodies',
  })
  const submitter = createSubmitter(
    plan.way === 'sqs'
      ? { kind: 'sqs', queueUrl: reached.queueUrl, region: reached.region }
      : { kind: plan.way, url: reached.url, token: reached.token },
  )
  const run = runLabel(seed)
  const witness = createMailWitness(
    reached.mailsBy.kind === 'ses-events'
      ? { ...reached.mailsBy, ours: (address) => address.includes(run) }
      : reached.mailsBy,
  )
  try {
    const { verdict, unreachable } = await runCanary({
      job: inventJob({
        names,
        dialect: plan.dialect,
        tenant: plan.tenant,
        name: 'canary',
        run,
        kinds: ['success'],
        callbackUrl: receiver.callbackUrl,
        now: clock.now(),
        certificate: plan.certificates,
      }),
      submitter,
      receiver,
      mails: witness,
      clock,
      patienceMs,
    })
    if (verdict.ok) return { reason: verdict.reason, listensOn: receiver.listensOn }
    throw new EmulatorError(unreachable ? 'unreachable' : 'canary-failed', `the canary: ${verdict.reason}`, {
      fix: [verdict.fix],
    })
  } finally {
    submitter.close()
    witness.close()
    await receiver.close()
  }
}
