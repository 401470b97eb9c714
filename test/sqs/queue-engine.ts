import { createQueues, type Queues } from '../../emulator/cloud/queue/queues.ts'
import type { Clock } from '../../emulator/kernel/clock.ts'
import { boot } from '../../emulator/kernel/installation.ts'
import { createJournal } from '../../emulator/kernel/journal.ts'
import type { Store } from '../../emulator/kernel/store.ts'

/** The queue service alone, without HTTP; messages have at most 1,024 bytes. */
export function queueEngine(store: Store, clock: Clock, seed: string): Queues {
  const { ids } = boot({ store, seed })
  return createQueues({
    store,
    clock,
    ids,
    journal: createJournal({ store, clock }),
    account: '000000000000',
    region: 'us-east-1',
    maximumMessageSize: 1024,
  })
}

/** The attribute that sends what was received too often to this queue. */
export const redriveTo = (name: string, maxReceiveCount: number) => ({
  RedrivePolicy: JSON.stringify({
    deadLetterTargetArn: `arn:aws:sqs:us-east-1:000000000000:${name}`,
    maxReceiveCount,
  }),
})
