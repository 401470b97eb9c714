import type { Message, MessageAttributeValue, SQSClient } from '@aws-sdk/client-sqs'
import type { Clock } from '../kernel/clock.ts'
import { EmulatorError } from '../kernel/errors.ts'
import type { QueueMessage, QueuePort } from '../worker/ports.ts'
import { awsError, longestPoll, nameOf } from './aws.ts'

export interface SqsQueueDeps {
  readonly client: SQSClient
  readonly queueUrl: string
  readonly clock: Clock
  /** How long a message that was received stays out of the sight of others, unless it is renewed. */
  readonly visibilityMs: number
}

export interface SqsQueue extends QueuePort {
  /** Throws where the queue is not there or may not be used; gives where its dead letters go. */
  check(): Promise<{ readonly deadLetters: string | undefined }>
}

/** The longest that SQS hides a message, in seconds. */
const longestVisibility = 43_200

/** Attributes that a message may have. */
const mostAttributes = 10

/** As Lambda names it in the dead letters of its own; the first 1 KB. */
const reasonAttribute = 'ErrorMessage'
const longestReason = 1024

/** The consumer's message is no longer its own: its visibility has ended, or it was deleted (which has no code of its own). */
const isLost = (error: unknown) =>
  /MessageNotInflight|ReceiptHandleIsInvalid/.test(nameOf(error)) ||
  (error instanceof Error && error.message.includes('Message does not exist or is not available'))

/** The worker's queue on a real SQS, or on what speaks its protocol. Throws EmulatorErrors of `AwsErrorCode`. */
export async function createSqsQueue({ client, queueUrl, clock, visibilityMs }: SqsQueueDeps): Promise<SqsQueue> {
  const {
    ChangeMessageVisibilityCommand,
    DeleteMessageCommand,
    GetQueueAttributesCommand,
    GetQueueUrlCommand,
    ReceiveMessageCommand,
    SendMessageCommand,
  } = await import('@aws-sdk/client-sqs')

  const ask = async <T>(doing: string, run: () => Promise<T>): Promise<T> => {
    try {
      return await run()
    } catch (error) {
      const missing = /NonExistentQueue|QueueDoesNotExist/.test(nameOf(error))
      throw awsError(error, doing, missing ? 'queue-not-found' : undefined)
    }
  }

  const deadLetterQueue = async (): Promise<string | undefined> => {
    const { Attributes = {} } = await ask(`${queueUrl} cannot be asked for its attributes`, () =>
      client.send(new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['RedrivePolicy'] })),
    )
    const { RedrivePolicy: policy } = Attributes
    return policy === undefined
      ? undefined
      : (JSON.parse(policy) as { deadLetterTargetArn?: string }).deadLetterTargetArn
  }

  /** What is visible at `at`; a message that is no longer ours comes again by itself. */
  const setVisible = async (message: QueueMessage, at: number): Promise<void> => {
    const seconds = Math.min(longestVisibility, Math.max(0, Math.ceil((at - clock.now()) / 1000)))
    const command = new ChangeMessageVisibilityCommand({
      QueueUrl: queueUrl,
      ReceiptHandle: message.receiptHandle,
      VisibilityTimeout: seconds,
    })
    await ask(`the visibility of message ${message.messageId} cannot be changed`, async () => {
      try {
        await client.send(command)
      } catch (error) {
        if (!isLost(error)) throw error
      }
    })
  }

  const remove = ({ messageId, receiptHandle }: QueueMessage) =>
    ask(`message ${messageId} cannot be deleted, and will come again`, async () => {
      await client.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: receiptHandle }))
    })

  return {
    async check() {
      return { deadLetters: (await deadLetterQueue())?.split(':').at(-1) }
    },

    async receive(signal) {
      const command = new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: 1,
        WaitTimeSeconds: longestPoll,
        VisibilityTimeout: Math.ceil(visibilityMs / 1000),
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      })
      while (!signal.aborted) {
        try {
          const { Messages: [message] = [] } = await client.send(command, { abortSignal: signal })
          if (message !== undefined) return readMessage(message)
        } catch (error) {
          if (signal.aborted) return undefined
          throw awsError(error, `no message can be received from ${queueUrl}`)
        }
      }
      return undefined
    },
    delete: remove,
    renew: setVisible,
    // SQS counts every receive.
    release: (message) => setVisible(message, clock.now()),
    defer: setVisible,

    async deadLetter(message, reason) {
      const arn = await deadLetterQueue()
      if (arn === undefined) {
        throw new EmulatorError(
          'no-dead-letter-queue',
          `message ${message.messageId} cannot be processed (${reason}) and ${queueUrl} has no dead-letter queue, so it ` +
            'comes again until it expires. Give the queue a RedrivePolicy: aws sqs set-queue-attributes',
        )
      }
      const [, , , , account, name] = arn.split(':')
      const doing = `message ${message.messageId} cannot be moved to the dead-letter queue ${name}`
      const { QueueUrl: target } = await ask(doing, () =>
        client.send(new GetQueueUrlCommand({ QueueName: name, QueueOwnerAWSAccountId: account })),
      )
      const attributes = writeAttributes(message)
      const withReason =
        Object.keys(attributes).length < mostAttributes
          ? { ...attributes, [reasonAttribute]: { DataType: 'String', StringValue: cut(reason) } }
          : attributes
      const send = (MessageAttributes: Record<string, MessageAttributeValue>) =>
        client.send(new SendMessageCommand({ QueueUrl: target, MessageBody: message.body, MessageAttributes }))
      await ask(doing, async () => {
        try {
          await send(withReason)
        } catch (error) {
          // A message that is as long as it may be has no room for the reason.
          if (!/InvalidParameterValue|InvalidMessageContents/.test(nameOf(error))) throw error
          await send(attributes)
        }
      })
      await remove(message)
    },
  }
}

function readMessage({ MessageId, ReceiptHandle, Body, Attributes, MessageAttributes }: Message): QueueMessage {
  const attributes = Object.entries(MessageAttributes ?? {}).flatMap(([name, { DataType, StringValue }]) =>
    StringValue === undefined ? [] : [[name, { dataType: DataType ?? 'String', value: StringValue }] as const],
  )
  return {
    messageId: MessageId ?? '',
    receiptHandle: ReceiptHandle ?? '',
    body: Body ?? '',
    attributes: Object.fromEntries(attributes),
    receiveCount: Number(Attributes?.['ApproximateReceiveCount'] ?? 1),
  }
}

const writeAttributes = ({ attributes }: QueueMessage): Record<string, MessageAttributeValue> =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, { dataType, value }]) => [name, { DataType: dataType, StringValue: value }]),
  )

function cut(reason: string): string {
  const bytes = Buffer.from(reason)
  return bytes.length <= longestReason ? reason : `${bytes.subarray(0, longestReason - 6).toString()}…`
}
