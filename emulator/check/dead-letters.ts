import type { Message, SQSClient } from '@aws-sdk/client-sqs'
import type { DeadLetter } from '../../contracts/checks/deployment/index.ts'
import { createSqsClient, explainAws, type AwsOptions } from '../deployment/aws.ts'
import { sleep, type Clock } from '../kernel/clock.ts'

const lookEveryMs = 1000
/** Approximate counts lag behind: an empty queue is believed when it is seen so often in a row. */
const emptyLooks = 3
const mostBatches = 20

interface Depth {
  readonly waiting: number
  readonly visibilitySeconds: number
  readonly maxReceiveCount: number | undefined
  readonly deadLetterQueue: string | undefined
}

export interface QueueWatch {
  /** Looks for a message by a text in its body, for so many milliseconds; what is found is taken out. */
  find(text: string, ms: number): Promise<DeadLetter>
  close(): void
}

/** The dead-letter queue behind a queue. */
export function createQueueWatch({
  queueUrl,
  clock,
  ...aws
}: { queueUrl: string; clock: Clock } & AwsOptions): QueueWatch {
  const client = createSqsClient(queueUrl, aws)
  client.catch(() => {})

  const find = async (sqs: SQSClient, text: string, ms: number): Promise<DeadLetter> => {
    const limit = clock.now() + ms
    let empty = 0
    for (;;) {
      const depth = await depthOf(sqs, queueUrl)
      if (depth.deadLetterQueue === undefined) {
        return { state: 'gone', reason: 'the queue has no dead-letter queue: set a RedrivePolicy' }
      }
      if (await takeOut(sqs, depth.deadLetterQueue, text)) return { state: 'there' }
      empty = depth.waiting === 0 ? empty + 1 : 0
      if (empty >= emptyLooks) {
        return {
          state: 'gone',
          reason: 'it is neither in the queue nor in the dead-letter queue: it was deleted as if it had been done',
        }
      }
      if (clock.now() >= limit) {
        const { maxReceiveCount = 0, visibilitySeconds } = depth
        return {
          state: 'waiting',
          reason: `it is still in its queue: it is moved after ${maxReceiveCount} receives of ${visibilitySeconds} s each (--patience)`,
        }
      }
      await sleep(clock, lookEveryMs)
    }
  }

  return {
    async find(text, ms) {
      try {
        return await find(await client, text, ms)
      } catch (error) {
        return { state: 'unknown', reason: `the dead-letter queue is not seen: ${explainAws(error)}` }
      }
    },
    close: () => void client.then((sqs) => sqs.destroy()).catch(() => {}),
  }
}

async function depthOf(sqs: SQSClient, queueUrl: string): Promise<Depth> {
  const { GetQueueAttributesCommand } = await import('@aws-sdk/client-sqs')
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: queueUrl,
      AttributeNames: [
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesNotVisible',
        'ApproximateNumberOfMessagesDelayed',
        'VisibilityTimeout',
        'RedrivePolicy',
      ],
    }),
  )
  const number = (name: keyof typeof Attributes) => Number(Attributes[name] ?? 0)
  const policy = JSON.parse(Attributes.RedrivePolicy ?? '{}') as {
    deadLetterTargetArn?: string
    maxReceiveCount?: number | string
  }
  return {
    waiting:
      number('ApproximateNumberOfMessages') +
      number('ApproximateNumberOfMessagesNotVisible') +
      number('ApproximateNumberOfMessagesDelayed'),
    visibilitySeconds: number('VisibilityTimeout'),
    maxReceiveCount: policy.maxReceiveCount === undefined ? undefined : Number(policy.maxReceiveCount),
    deadLetterQueue: policy.deadLetterTargetArn === undefined ? undefined : urlOf(policy.deadLetterTargetArn, queueUrl),
  }
}

/** A dead-letter queue is in the account and region of its queue. */
const urlOf = (arn: string, queueUrl: string) => queueUrl.replace(/[^/]+$/, arn.split(':').at(-1) ?? '')

/** Takes our own message out, and leaves all others visible again at once. */
async function takeOut(sqs: SQSClient, queueUrl: string, text: string): Promise<boolean> {
  const { ReceiveMessageCommand, DeleteMessageCommand, ChangeMessageVisibilityBatchCommand } =
    await import('@aws-sdk/client-sqs')
  const others: Message[] = []
  let found: Message | undefined
  for (let n = 0; n < mostBatches && found === undefined; n++) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 30 }),
    )
    if (Messages.length === 0) break
    found = Messages.find(({ Body = '' }) => Body.includes(text))
    others.push(...Messages.filter((message) => message !== found))
  }
  for (let at = 0; at < others.length; at += 10) {
    await sqs.send(
      new ChangeMessageVisibilityBatchCommand({
        QueueUrl: queueUrl,
        Entries: others
          .slice(at, at + 10)
          .map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle, VisibilityTimeout: 0 })),
      }),
    )
  }
  if (found === undefined) return false
  await sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: found.ReceiptHandle }))
  return true
}
