import { ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { json, query, sqsServer, type SqsServer } from './sqs-server.ts'

let sqs: SqsServer
let handle: string
let expired: string
let task: string
const url = '/000000000000/jobs'
const absent = '/000000000000/absent'
const arn = (name: string) => `arn:aws:sqs:us-east-1:000000000000:${name}`

beforeAll(async () => {
  sqs = await sqsServer({ inFlightLimit: 2 })
  sqs.queue('jobs')
  sqs.queue('purged')
  sqs.queue('gone')
  await json(sqs.url, 'PurgeQueue', { QueueUrl: '/000000000000/purged' })
  await json(sqs.url, 'DeleteQueue', { QueueUrl: '/000000000000/gone' })
  await json(sqs.url, 'SendMessage', { QueueUrl: url, MessageBody: 'x' })
  const { Messages } = await sqs.client.send(new ReceiveMessageCommand({ QueueUrl: url }))
  handle = Messages?.[0]?.ReceiptHandle ?? ''
  await json(sqs.url, 'DeleteMessage', { QueueUrl: url, ReceiptHandle: handle })

  sqs.queue('full')
  for (const MessageBody of ['1', '2', '3']) await json(sqs.url, 'SendMessage', { QueueUrl: '/0/full', MessageBody })
  await json(sqs.url, 'ReceiveMessage', { QueueUrl: '/0/full', MaxNumberOfMessages: 10 })

  sqs.queue('first.fifo', { FifoQueue: 'true' })
  const toFifo = { QueueUrl: '/0/first.fifo', MessageBody: 'x', MessageGroupId: 'a', MessageDeduplicationId: 'd' }
  await json(sqs.url, 'SendMessage', toFifo)
  const { Messages: ofFifo } = await sqs.client.send(
    new ReceiveMessageCommand({ QueueUrl: toFifo.QueueUrl, VisibilityTimeout: 0 }),
  )
  expired = ofFifo?.[0]?.ReceiptHandle ?? ''

  sqs.queue('jobs-dlq')
  sqs.queue('failing', { RedrivePolicy: `{"deadLetterTargetArn":"${arn('jobs-dlq')}","maxReceiveCount":1}` })
  const { body } = await json(sqs.url, 'StartMessageMoveTask', { SourceArn: arn('jobs-dlq') })
  task = (body as { TaskHandle: string }).TaskHandle
  await sqs.clock.advance(0)
})
afterAll(() => sqs.close())

interface Refusal {
  readonly of: string
  readonly action: string
  readonly input: () => Record<string, unknown>
  readonly fields: () => Record<string, string>
  readonly status?: number
  readonly type: string
  readonly code: string
  readonly message: () => string
  readonly queryMessage?: string
}

const sqsType = (name: string) => `com.amazonaws.sqs#${name}`
const coral = (name: string) => `com.amazon.coral.service#${name}`
const a = (name: string) => `AWS.SimpleQueueService.${name}`

const entries = (count: number, id = (index: number) => `id_${index}`, body = 'x') =>
  Array.from({ length: count }, (_, index) => ({ Id: id(index), MessageBody: body }))
const entryFields = (list: readonly { Id: string; MessageBody: string }[]) =>
  Object.fromEntries(
    list.flatMap(({ Id, MessageBody }, index) => [
      [`SendMessageBatchRequestEntry.${index + 1}.Id`, Id],
      [`SendMessageBatchRequestEntry.${index + 1}.MessageBody`, MessageBody],
    ]),
  )
const batch = (list: readonly { Id: string; MessageBody: string }[]) => ({
  action: 'SendMessageBatch',
  input: () => ({ QueueUrl: url, Entries: list }),
  fields: () => ({ QueueUrl: url, ...entryFields(list) }),
})
const traced = (StringValue: string) => ({
  action: 'SendMessage',
  input: () => ({
    QueueUrl: url,
    MessageBody: 'x',
    MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue } },
  }),
  fields: () => ({
    QueueUrl: url,
    MessageBody: 'x',
    'MessageSystemAttribute.1.Name': 'AWSTraceHeader',
    'MessageSystemAttribute.1.Value.DataType': 'String',
    'MessageSystemAttribute.1.Value.StringValue': StringValue,
  }),
})
/** The same members in both protocols, where they are plain. */
const plain = (action: string, members: () => Record<string, string | number>) => ({
  action,
  input: members,
  fields: () => Object.fromEntries(Object.entries(members()).map(([name, value]) => [name, String(value)])),
})
const invalidParameter = { type: coral('InvalidParameterValueException'), code: 'InvalidParameterValue' }

const refusals: readonly Refusal[] = [
  {
    of: 'a queue that is not there',
    ...plain('SendMessage', () => ({ QueueUrl: absent, MessageBody: 'x' })),
    type: sqsType('QueueDoesNotExist'),
    code: a('NonExistentQueue'),
    message: () => 'The specified queue does not exist.',
    queryMessage: 'The specified queue does not exist for this wsdl version.',
  },
  {
    of: 'the URL of a queue that is not there',
    ...plain('GetQueueUrl', () => ({ QueueName: 'absent' })),
    type: sqsType('QueueDoesNotExist'),
    code: a('NonExistentQueue'),
    message: () => 'The specified queue does not exist.',
    queryMessage: 'The specified queue does not exist for this wsdl version.',
  },
  {
    of: 'a queue that exists with another attribute',
    action: 'CreateQueue',
    input: () => ({ QueueName: 'jobs', Attributes: { VisibilityTimeout: '31' } }),
    fields: () => ({ QueueName: 'jobs', 'Attribute.1.Name': 'VisibilityTimeout', 'Attribute.1.Value': '31' }),
    type: sqsType('QueueNameExists'),
    code: 'QueueAlreadyExists',
    message: () => 'A queue already exists with the same name and a different value for attribute VisibilityTimeout',
  },
  {
    of: 'a name that was deleted a moment ago',
    ...plain('CreateQueue', () => ({ QueueName: 'gone' })),
    type: sqsType('QueueDeletedRecently'),
    code: a('QueueDeletedRecently'),
    message: () => 'You must wait 60 seconds after deleting a queue before you can create another with the same name.',
  },
  {
    of: 'a name with characters that none may have',
    ...plain('CreateQueue', () => ({ QueueName: 'a b' })),
    ...invalidParameter,
    message: () => 'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
  },
  {
    of: 'a message over the limit',
    ...plain('SendMessage', () => ({ QueueUrl: url, MessageBody: 'é'.repeat(524_289) })),
    ...invalidParameter,
    message: () => 'One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.',
  },
  {
    of: 'eleven messages at once',
    ...plain('ReceiveMessage', () => ({ QueueUrl: url, MaxNumberOfMessages: 11 })),
    ...invalidParameter,
    message: () =>
      'Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.',
  },
  {
    of: 'a wait of 21 seconds',
    ...plain('ReceiveMessage', () => ({ QueueUrl: url, WaitTimeSeconds: 21 })),
    ...invalidParameter,
    message: () => 'Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.',
  },
  {
    of: 'a negative visibility',
    ...plain('ReceiveMessage', () => ({ QueueUrl: url, VisibilityTimeout: -1 })),
    ...invalidParameter,
    message: () =>
      'Value -1 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.',
  },
  {
    of: 'a delay of 901 seconds',
    ...plain('SendMessage', () => ({ QueueUrl: url, MessageBody: 'x', DelaySeconds: 901 })),
    ...invalidParameter,
    message: () => 'Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.',
  },
  {
    of: 'a deduplication id on a standard queue',
    ...plain('SendMessage', () => ({ QueueUrl: url, MessageBody: 'x', MessageDeduplicationId: 'd' })),
    ...invalidParameter,
    message: () =>
      'Value d for parameter MessageDeduplicationId is invalid. Reason: The request includes a parameter that is not valid for this queue type.',
  },
  {
    of: 'the visibility of a deleted message',
    ...plain('ChangeMessageVisibility', () => ({ QueueUrl: url, ReceiptHandle: handle, VisibilityTimeout: 1 })),
    ...invalidParameter,
    message: () =>
      `Value ${handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.`,
  },
  {
    of: 'a dead-letter queue that is not there',
    action: 'SetQueueAttributes',
    input: () => ({
      QueueUrl: url,
      Attributes: {
        RedrivePolicy: '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:absent","maxReceiveCount":1}',
      },
    }),
    fields: () => ({
      QueueUrl: url,
      'Attribute.1.Name': 'RedrivePolicy',
      'Attribute.1.Value': '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:absent","maxReceiveCount":1}',
    }),
    ...invalidParameter,
    message: () =>
      'Value {"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:absent","maxReceiveCount":1} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.',
  },
  {
    of: 'a message attribute of an unknown type',
    action: 'SendMessage',
    input: () => ({
      QueueUrl: url,
      MessageBody: 'x',
      MessageAttributes: { n: { DataType: 'Float', StringValue: '1' } },
    }),
    fields: () => ({
      QueueUrl: url,
      MessageBody: 'x',
      'MessageAttribute.1.Name': 'n',
      'MessageAttribute.1.Value.DataType': 'Float',
      'MessageAttribute.1.Value.StringValue': '1',
    }),
    ...invalidParameter,
    message: () =>
      "The message attribute 'n' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.",
  },
  {
    of: 'no body',
    ...plain('SendMessage', () => ({ QueueUrl: url })),
    type: coral('MissingRequiredParameterException'),
    code: 'MissingParameter',
    message: () => 'The request must contain the parameter MessageBody.',
  },
  {
    of: 'an empty body',
    ...plain('SendMessage', () => ({ QueueUrl: url, MessageBody: '' })),
    type: coral('MissingRequiredParameterException'),
    code: 'MissingParameter',
    message: () => 'The request must contain the parameter MessageBody.',
  },
  {
    of: 'no queue',
    ...plain('SendMessage', () => ({ MessageBody: 'x' })),
    type: coral('MissingRequiredParameterException'),
    code: 'MissingParameter',
    message: () => 'The request must contain the parameter QueueUrl.',
  },
  {
    of: 'an entry without a body',
    action: 'SendMessageBatch',
    input: () => ({ QueueUrl: url, Entries: [{ Id: 'a' }] }),
    fields: () => ({ QueueUrl: url, 'SendMessageBatchRequestEntry.1.Id': 'a' }),
    type: coral('MissingRequiredParameterException'),
    code: 'MissingParameter',
    message: () => 'The request must contain the parameter SendMessageBatchRequestEntry.1.MessageBody.',
  },
  {
    of: 'a handle that no queue gave out',
    ...plain('DeleteMessage', () => ({ QueueUrl: url, ReceiptHandle: 'garbage' })),
    status: 404,
    type: sqsType('ReceiptHandleIsInvalid'),
    code: 'ReceiptHandleIsInvalid',
    message: () => 'The input receipt handle "garbage" is not a valid receipt handle.',
  },
  {
    of: 'the handle of another queue',
    ...plain('ChangeMessageVisibility', () => ({
      QueueUrl: '/000000000000/purged',
      ReceiptHandle: handle,
      VisibilityTimeout: 1,
    })),
    status: 404,
    type: sqsType('ReceiptHandleIsInvalid'),
    code: 'ReceiptHandleIsInvalid',
    message: () => `The input receipt handle "${handle}" is not a valid receipt handle.`,
  },
  {
    of: 'an empty batch',
    ...batch([]),
    type: sqsType('EmptyBatchRequest'),
    code: a('EmptyBatchRequest'),
    message: () => 'There should be at least one SendMessageBatchRequestEntry in the request.',
  },
  {
    of: 'an empty batch of deletes',
    ...plain('DeleteMessageBatch', () => ({ QueueUrl: url })),
    type: sqsType('EmptyBatchRequest'),
    code: a('EmptyBatchRequest'),
    message: () => 'There should be at least one DeleteMessageBatchRequestEntry in the request.',
  },
  {
    of: 'a batch of twenty',
    ...batch(entries(20)),
    type: sqsType('TooManyEntriesInBatchRequest'),
    code: a('TooManyEntriesInBatchRequest'),
    message: () => 'Maximum number of entries per request are 10. You have sent 20.',
  },
  {
    of: 'an id twice',
    ...batch(entries(3, (index) => `id_${Math.max(1, index) + 1}`)),
    type: sqsType('BatchEntryIdsNotDistinct'),
    code: a('BatchEntryIdsNotDistinct'),
    message: () => 'Id id_2 repeated.',
  },
  {
    of: 'an id with a space',
    ...batch(entries(1, () => 'a b')),
    type: sqsType('InvalidBatchEntryId'),
    code: a('InvalidBatchEntryId'),
    message: () =>
      'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
  },
  {
    of: 'a batch one byte over the limit',
    ...batch([...entries(1, () => 'big', 'x'.repeat(1_048_570)), ...entries(1, () => 'small', '1234567')]),
    type: sqsType('BatchRequestTooLong'),
    code: a('BatchRequestTooLong'),
    message: () => 'Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.',
  },
  {
    of: 'a control character',
    ...plain('SendMessage', () => ({ QueueUrl: url, MessageBody: 'a\u0001' })),
    type: sqsType('InvalidMessageContents'),
    code: 'InvalidMessageContents',
    message: () => expect.stringMatching(/^Invalid characters found. Valid unicode characters are /) as string,
  },
  ...(['String.a\u0001', 'String.\ud800'].map((DataType) => ({
    of: `${JSON.stringify(DataType)}, a type that XML cannot say`,
    action: 'SendMessage',
    input: () => ({ QueueUrl: url, MessageBody: 'x', MessageAttributes: { n: { DataType, StringValue: '1' } } }),
    fields: () => ({
      QueueUrl: url,
      MessageBody: 'x',
      'MessageAttribute.1.Name': 'n',
      // A form cannot hold half a character.
      'MessageAttribute.1.Value.DataType': 'String.a\u0001',
      'MessageAttribute.1.Value.StringValue': '1',
    }),
    type: sqsType('InvalidMessageContents'),
    code: 'InvalidMessageContents',
    message: () => expect.stringMatching(/^Invalid characters found. /) as string,
  })) satisfies Refusal[]),
  {
    of: 'a control character in a trace header',
    ...traced('Root=\u0001'),
    type: sqsType('InvalidMessageContents'),
    code: 'InvalidMessageContents',
    message: () => expect.stringMatching(/^Invalid characters found. /) as string,
  },
  {
    of: 'an empty trace header',
    ...traced(''),
    ...invalidParameter,
    message: () =>
      "The message system attribute 'AWSTraceHeader' must contain non-empty message attribute value for message attribute type 'String'.",
  },
  {
    of: 'an attribute that no queue has',
    action: 'GetQueueAttributes',
    input: () => ({ QueueUrl: url, AttributeNames: ['Foobar'] }),
    fields: () => ({ QueueUrl: url, 'AttributeName.1': 'Foobar' }),
    type: sqsType('InvalidAttributeName'),
    code: 'InvalidAttributeName',
    message: () => 'Unknown Attribute Foobar.',
  },
  {
    of: 'a read-only attribute',
    action: 'SetQueueAttributes',
    input: () => ({ QueueUrl: url, Attributes: { QueueArn: 'x' } }),
    fields: () => ({ QueueUrl: url, 'Attribute.Name': 'x', 'Attribute.1.Name': 'QueueArn', 'Attribute.1.Value': 'x' }),
    type: sqsType('InvalidAttributeName'),
    code: 'InvalidAttributeName',
    message: () => 'Unknown Attribute QueueArn.',
  },
  {
    of: 'an attribute out of range',
    action: 'SetQueueAttributes',
    input: () => ({ QueueUrl: url, Attributes: { VisibilityTimeout: '43201' } }),
    fields: () => ({ QueueUrl: url, 'Attribute.1.Name': 'VisibilityTimeout', 'Attribute.1.Value': '43201' }),
    type: sqsType('InvalidAttributeValue'),
    code: 'InvalidAttributeValue',
    message: () => 'Invalid value for the parameter VisibilityTimeout.',
  },
  {
    of: 'a second purge',
    ...plain('PurgeQueue', () => ({ QueueUrl: '/000000000000/purged' })),
    status: 403,
    type: sqsType('PurgeQueueInProgress'),
    code: a('PurgeQueueInProgress'),
    message: () => 'Only one PurgeQueue operation on purged is allowed every 60 seconds.',
  },
  {
    of: 'a FIFO queue’s name without the attribute',
    ...plain('CreateQueue', () => ({ QueueName: 'jobs.fifo' })),
    ...invalidParameter,
    message: () => 'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
  },
  {
    of: 'a message without a group in a FIFO queue',
    ...plain('SendMessage', () => ({ QueueUrl: '/0/first.fifo', MessageBody: 'x' })),
    type: coral('MissingRequiredParameterException'),
    code: 'MissingParameter',
    message: () => 'The request must contain the parameter MessageGroupId.',
  },
  {
    of: 'a message without anything to know it again by in a FIFO queue',
    ...plain('SendMessage', () => ({ QueueUrl: '/0/first.fifo', MessageBody: 'x', MessageGroupId: 'a' })),
    ...invalidParameter,
    message: () =>
      'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
  },
  {
    of: 'an expired handle in a FIFO queue',
    ...plain('DeleteMessage', () => ({ QueueUrl: '/0/first.fifo', ReceiptHandle: expired })),
    ...invalidParameter,
    message: () => `Value ${expired} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.`,
  },
  {
    of: 'an attempt’s id on a standard queue',
    ...plain('ReceiveMessage', () => ({ QueueUrl: url, ReceiveRequestAttemptId: 'try' })),
    ...invalidParameter,
    message: () =>
      'Value try for parameter ReceiveRequestAttemptId is invalid. Reason: The request includes a parameter that is not valid for this queue type.',
  },
  {
    of: 'one message too many in flight',
    ...plain('ReceiveMessage', () => ({ QueueUrl: '/0/full' })),
    status: 403,
    type: sqsType('OverLimit'),
    code: 'OverLimit',
    message: () =>
      'Too many messages have been received without being deleted. Please delete your received messages or let them timeout before receiving more.',
  },
  {
    of: 'a move task from a queue that takes no dead letters',
    ...plain('StartMessageMoveTask', () => ({ SourceArn: arn('jobs') })),
    ...invalidParameter,
    message: () => 'Source queue must be configured as a Dead Letter Queue.',
  },
  {
    of: 'a move task from a queue that is not there',
    ...plain('StartMessageMoveTask', () => ({ SourceArn: arn('absent') })),
    status: 404,
    type: sqsType('ResourceNotFoundException'),
    code: 'ResourceNotFoundException',
    message: () => "The resource that you specified for the SourceArn parameter doesn't exist.",
  },
  {
    of: 'a move task to a queue that is not there',
    ...plain('StartMessageMoveTask', () => ({ SourceArn: arn('jobs-dlq'), DestinationArn: arn('absent') })),
    status: 404,
    type: sqsType('ResourceNotFoundException'),
    code: 'ResourceNotFoundException',
    message: () => "The resource that you specified for the DestinationArn parameter doesn't exist.",
  },
  {
    of: 'a move task from what is no ARN',
    ...plain('ListMessageMoveTasks', () => ({ SourceArn: 'jobs-dlq' })),
    ...invalidParameter,
    message: () =>
      'You must use this format to specify the SourceArn: arn:<partition>:<service>:<region>:<account-id>:<resource-id>',
  },
  {
    of: 'a move task that is faster than AWS',
    ...plain('StartMessageMoveTask', () => ({ SourceArn: arn('jobs-dlq'), MaxNumberOfMessagesPerSecond: 501 })),
    ...invalidParameter,
    message: () =>
      'Value 501 for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You must enter a number from 1 to 500.',
  },
  {
    of: 'a task that nobody started',
    ...plain('CancelMessageMoveTask', () => ({
      TaskHandle: Buffer.from(JSON.stringify({ taskId: 'x', sourceArn: arn('jobs-dlq') })).toString('base64'),
    })),
    status: 404,
    type: sqsType('ResourceNotFoundException'),
    code: 'ResourceNotFoundException',
    message: () => 'Task does not exist.',
  },
  {
    of: 'a task handle that is none',
    ...plain('CancelMessageMoveTask', () => ({ TaskHandle: 'garbage' })),
    ...invalidParameter,
    message: () => 'Value for parameter TaskHandle is invalid.',
  },
  {
    of: 'a task that has ended',
    ...plain('CancelMessageMoveTask', () => ({ TaskHandle: task })),
    type: sqsType('UnsupportedOperation'),
    code: a('UnsupportedOperation'),
    message: () => 'Only active tasks can be cancelled.',
  },
  {
    of: 'an action that SQS does not have',
    ...plain('Frobnicate', () => ({ QueueUrl: url })),
    type: coral('UnknownOperationException'),
    code: 'InvalidAction',
    message: () => 'The action Frobnicate is not valid for this endpoint.',
  },
  {
    of: 'an action that only an object has',
    ...plain('toString', () => ({})),
    type: coral('UnknownOperationException'),
    code: 'InvalidAction',
    message: () => 'The action toString is not valid for this endpoint.',
  },
  {
    of: 'a number that is none',
    ...plain('ReceiveMessage', () => ({ QueueUrl: url, MaxNumberOfMessages: 'many' })),
    type: coral('SerializationException'),
    code: 'MalformedInput',
    message: () => expect.stringContaining('MaxNumberOfMessages') as string,
  },
]

const unescape = (xml: string) =>
  xml.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')

describe.each(refusals)('$of', ({ action, input, fields, status = 400, type, code, message, queryMessage }) => {
  it('is refused in JSON', async () => {
    const answer = await json(sqs.url, action, input())
    expect({ status: answer.status, body: answer.body }).toEqual({ status, body: { __type: type, message: message() } })
    expect(answer.headers.get('x-amzn-query-error')).toBe(`${code};Sender`)
    expect(answer.headers.get('x-amzn-requestid')).toMatch(/^[0-9a-f-]{36}$/)
    expect(answer.headers.get('content-type')).toBe('application/x-amz-json-1.0')
  })

  it('is refused in Query', async () => {
    const answer = await query(sqs.url, { Action: action, ...fields() })
    const shape =
      /^<\?xml version="1\.0"\?><ErrorResponse xmlns="http:\/\/queue\.amazonaws\.com\/doc\/2012-11-05\/"><Error><Type>Sender<\/Type><Code>(.*?)<\/Code><Message>(.*?)<\/Message><Detail\/><\/Error><RequestId>([0-9a-f-]{36})<\/RequestId><\/ErrorResponse>$/s
    const [, gotCode, gotMessage, requestId] = shape.exec(answer.xml) ?? []
    expect({ status: answer.status, code: gotCode, message: unescape(gotMessage ?? '') }).toEqual({
      status,
      code,
      message: queryMessage ?? message(),
    })
    expect(answer.headers.get('x-amzn-requestid')).toBe(requestId)
    expect(answer.headers.get('content-type')).toMatch(/^text\/xml/)
  })
})

it('a refusal for an unknown queue tells the log which queues exist', async () => {
  await json(sqs.url, 'SendMessage', { QueueUrl: absent, MessageBody: 'x' })
  expect(sqs.refusals.at(-1)).toMatchObject({
    action: 'SendMessage',
    error: {
      code: 'queue-not-found',
      details: { name: 'absent', existing: ['failing', 'first.fifo', 'full', 'jobs', 'jobs-dlq', 'purged'] },
    },
  })
})

describe('input that no client sends', () => {
  const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>, path = '') =>
    fetch(`${sqs.url}${path}`, { method: 'POST', body, headers })
  const jsonHeaders = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.SendMessage' }
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const notUtf8 = Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)

  it.each([
    ['JSON cut short', '{"QueueUrl":', jsonHeaders, 400, 'MalformedInput'],
    ['a JSON array', '[]', jsonHeaders, 400, 'MalformedInput'],
    ['JSON null', 'null', jsonHeaders, 400, 'MalformedInput'],
    ['no body', '', jsonHeaders, 400, 'MissingParameter'],
    ['members that are null', '{"QueueUrl":null,"MessageBody":null}', jsonHeaders, 400, 'MissingParameter'],
    ['a body that is a number', '{"QueueUrl":"/0/jobs","MessageBody":7}', jsonHeaders, 400, 'MalformedInput'],
    [
      'attributes that are a list',
      '{"QueueUrl":"/0/jobs","MessageBody":"x","MessageAttributes":[1]}',
      jsonHeaders,
      400,
      'MalformedInput',
    ],
    [
      'a huge number',
      '{"QueueUrl":"/0/jobs","MessageBody":"x","DelaySeconds":1e999}',
      jsonHeaders,
      400,
      'MalformedInput',
    ],
    ['a fraction', '{"QueueUrl":"/0/jobs","MessageBody":"x","DelaySeconds":1.5}', jsonHeaders, 400, 'MalformedInput'],
    ['a lone surrogate', '{"QueueUrl":"/0/jobs","MessageBody":"\\ud800"}', jsonHeaders, 400, 'InvalidMessageContents'],
    ['a queue URL that is no URL', '{"QueueUrl":"///","MessageBody":"x"}', jsonHeaders, 400, 'MalformedInput'],
    ['bytes that are no UTF-8', notUtf8, jsonHeaders, 400, 'InvalidMessageContents'],
    [
      'JSON nested deeply',
      `{"MessageBody":"x","QueueUrl":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      jsonHeaders,
      400,
      'MalformedInput',
    ],
    ['another service', '{}', { ...jsonHeaders, 'x-amz-target': 'DynamoDB.PutItem' }, 400, 'InvalidAction'],
    ['JSON without a target', '{}', { 'content-type': 'application/json' }, 400, 'InvalidAction'],
    ['a form without an action', 'QueueUrl=x', form, 400, 'MissingParameter'],
    [
      'an escaped byte that is no UTF-8',
      'Action=SendMessage&QueueUrl=%2F0%2Fjobs&MessageBody=%ff',
      form,
      400,
      'InvalidMessageContents',
    ],
    [
      'an attribute without a value',
      'Action=SendMessage&QueueUrl=%2F0%2Fjobs&MessageBody=x&MessageAttribute.1.Name=a',
      form,
      400,
      'InvalidParameterValue',
    ],
    [
      'a member that is not a list',
      'Action=SendMessageBatch&QueueUrl=%2F0%2Fjobs&Entries=x',
      form,
      400,
      'MalformedInput',
    ],
    ['an unknown content type', 'hello', { 'content-type': 'text/whatever' }, 400, 'MissingParameter'],
    ['a content type that is none', 'hello', { 'content-type': 'garbage' }, 400, 'MissingParameter'],
    ['too large a body', 'x'.repeat(8 * 1024 * 1024 + 1), jsonHeaders, 413, 'RequestEntityTooLarge'],
  ] as const)('%s', async (_name, body, headers, status, code) => {
    const answer = await post(body, headers)
    const text = await answer.text()
    expect(text).toContain(answer.headers.get('content-type')?.includes('json') ? '__type' : '<ErrorResponse')
    expect({ status: answer.status, error: answer.headers.get('x-amzn-query-error') }).toEqual({
      status,
      error: `${code};Sender`,
    })
  })

  it('another method, and an empty User-Agent', async () => {
    const put = await fetch(`${sqs.url}/000000000000/jobs`, { method: 'DELETE' })
    expect(put.status).toBe(400)
    expect(await put.text()).toContain('<Code>InvalidAction</Code>')
    const answer = await post('{"QueueUrl":"/0/jobs","MessageBody":"x"}', { ...jsonHeaders, 'user-agent': '' })
    expect(answer.status).toBe(200)
  })
})
