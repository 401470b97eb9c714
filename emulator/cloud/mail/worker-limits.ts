import type { Clock } from '../../kernel/clock.ts'
import { sleep } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import type { MailPort, MailResult } from '../../worker/ports.ts'
import { createAllowance } from './allowance.ts'
import { isSimulator } from './simulator.ts'

export interface WorkerLimits {
  /** Mails in any 24 hours; Infinity for no limit. */
  readonly dailyQuota: number
  /** Whether SES's sandbox takes no mail to this address. */
  readonly refuses: (address: string) => boolean
}

const stopping: MailResult = { outcome: 'untried' }

/**
 * What the worker's account at SES may do, beside its rate: in the sandbox it reaches verified identities only, and where
 * its daily quota is used up it waits until it may send again. Waiting costs no attempt; the quota outlives a restart.
 */
export function limitWorker(
  mail: MailPort,
  { dailyQuota, refuses }: WorkerLimits,
  { store, clock, region, onError }: { store: Store; clock: Clock; region: string; onError: (error: unknown) => void },
) {
  const limits = { rate: Infinity, dailyQuota }
  const allowance = createAllowance({ store, clock, name: 'worker', limits, onError })
  const ending = new AbortController()

  const turn = async (): Promise<boolean> => {
    while (!ending.signal.aborted) {
      if (allowance.take(1) === 'granted') return true
      await sleepUntil(allowance.freesAt())
    }
    return false
  }
  // Not a delay of ours: `--speed` makes no day shorter.
  const sleepUntil = (at: number) => sleep({ ...clock, deadline: () => at }, 0, ending.signal)

  return {
    async send(outgoing: Parameters<MailPort['send']>[0]): Promise<MailResult> {
      const { address } = outgoing.to
      if (refuses(address) && !isSimulator(address)) {
        const error = `554 Message rejected: Email address is not verified. The following identities failed the check in region ${region.toUpperCase()}: ${address}`
        return { outcome: 'rejected', error }
      }
      // SES does not count its simulator's addresses.
      if (dailyQuota !== Infinity && !isSimulator(address) && !(await turn())) return stopping
      return await mail.send(outgoing)
    },
    find: mail.find,
    endWaits: () => ending.abort(),
    reset: () => allowance.reset(),
  }
}
