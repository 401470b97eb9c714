import type { SqsMessage } from '../ports.ts'

/**
 * The event that Lambda makes of a batch of SQS messages.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
 */
export interface SqsEvent {
  readonly Records: readonly SqsRecord[]
}

export interface SqsRecord {
  readonly messageId: string
  readonly receiptHandle: string
  readonly body: string
  readonly attributes: Readonly<Record<string, string>>
  readonly messageAttributes: Readonly<Record<string, RecordAttribute>>
  readonly md5OfBody: string
  readonly eventSource: 'aws:sqs'
  readonly eventSourceARN: string
  readonly awsRegion: string
}

interface RecordAttribute {
  readonly stringValue?: string
  readonly binaryValue?: string
  /** Always empty: SQS has no lists, and Lambda writes them all the same. */
  readonly stringListValues: readonly never[]
  readonly binaryListValues: readonly never[]
  readonly dataType: string
}

export function eventOf(messages: readonly SqsMessage[], queueArn: string): SqsEvent {
  const awsRegion = queueArn.split(':')[3] ?? ''
  return {
    Records: messages.map((message) => ({
      messageId: message.MessageId,
      receiptHandle: message.ReceiptHandle,
      body: message.Body,
      attributes: message.Attributes ?? {},
      messageAttributes: Object.fromEntries(
        Object.entries(message.MessageAttributes ?? {}).map(([name, { DataType, StringValue, BinaryValue }]) => [
          name,
          {
            ...(StringValue === undefined ? {} : { stringValue: StringValue }),
            ...(BinaryValue === undefined ? {} : { binaryValue: BinaryValue }),
            stringListValues: [],
            binaryListValues: [],
            dataType: DataType,
          },
        ]),
      ),
      md5OfBody: message.MD5OfBody,
      eventSource: 'aws:sqs',
      eventSourceARN: queueArn,
      awsRegion,
    })),
  }
}
