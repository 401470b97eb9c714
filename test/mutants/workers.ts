import type { Recipient } from '../../contracts/job.ts'
import type { FindingCode } from '../../emulator/worker/observer/judge.ts'
import type { Observations } from '../../emulator/worker/observer/observations.ts'

const john: Recipient = {
  key: '1001',
  userid: 1001,
  email: 'john@example.com',
  firstname: 'John',
  data: {},
  contentHash: 'x',
}
const handle = 'first'
const message = {
  messageId: '0a1b2c3d-0000-4000-8000-000000000000',
  recipients: ['1001'],
  receives: [{ at: 1000, receiptHandle: handle }],
  deletions: [{ at: 3000, receiptHandle: handle, judgedFrom: 8000 }],
}
const path = '/local/manireports/ui/ajax/cloud_callback.php'
const mail = { at: 1500, address: 'john@example.com', body: 'to John' }

/** What is seen of a worker that does its job of one recipient right. */
export const rightWorker: Observations = {
  job: { dialect: 'spec', action: 'email', callbackUrl: `http://127.0.0.1:4566${path}`, common: 'Hello' },
  recipients: new Map([[john.key, john]]),
  messages: [message],
  mails: [mail],
  bodies: new Map(),
  callbacks: [{ at: 2500, path, status: 200, reason: '', updates: [{ userid: '1001', status: 'completed' }] }],
  strays: [],
  invocations: [{ began: 1000, ended: 2900, receiptHandles: [handle] }],
  sees: { mails: true, callbacks: true },
}

const later = { at: 40_000, receiptHandle: 'second' }
const twice = {
  ...message,
  receives: [...message.receives, later],
  deletions: [{ ...later, judgedFrom: 45_000, at: 41_000 }],
}

/** Workers that are wrong in one thing: `offload up --worker none|exec:|lambda:` judges them. */
export const wrongWorkers: readonly {
  readonly does: string
  readonly mistake: number
  readonly seen: Observations
  readonly finds: FindingCode
}[] = [
  {
    does: 'mails again when a message comes again',
    mistake: 1,
    seen: {
      ...rightWorker,
      messages: [{ ...twice, deletions: message.deletions }],
      mails: [mail, { ...mail, at: 40_500 }],
    },
    finds: 'mailed-twice',
  },
  {
    does: 'catches everything and reports success',
    mistake: 2,
    seen: { ...rightWorker, mails: [] },
    finds: 'failure-swallowed',
  },
  {
    does: 'only logs that its callback failed',
    mistake: 3,
    seen: { ...rightWorker, callbacks: [] },
    finds: 'deleted-without-callback',
  },
  {
    does: 'takes longer than the visibility timeout',
    mistake: 17,
    seen: {
      ...rightWorker,
      messages: [twice],
      invocations: [{ began: 1000, ended: 41_000, receiptHandles: [handle] }],
    },
    finds: 'visibility-too-short',
  },
]
