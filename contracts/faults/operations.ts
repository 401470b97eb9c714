/** What a fault rule may do. Which of them make sense where is the table `operations`. */
export const effectNames = [
  'error',
  'throttle',
  'delay',
  'hang',
  'reset',
  'answer-lost',
  'clock-skew',
  'duplicate',
  'reorder',
  'crash',
  'bounce',
  'complaint',
  'account-paused',
  'drop',
  'late',
  'early',
  'twice',
  'out-of-order',
  'bad-signature',
  'stale-timestamp',
  'altered-body',
  'wrong-secret',
] as const
export type EffectName = (typeof effectNames)[number]

/** By what a rule may choose its victims. */
export const selectorNames = ['tenant', 'type', 'job', 'recipient', 'every', 'nth', 'share', 'times', 'window'] as const
export type SelectorName = (typeof selectorNames)[number]

/** What an operation knows about whom it is for. */
const call = ['share', 'times', 'window'] as const
const address = ['recipient', ...call] as const
const job = ['tenant', 'type', 'job', ...address] as const
const recipient = [...job, 'every', 'nth'] as const

/** Codes of `error`: names where the protocol has names, else statuses or SMTP replies. */
const codes = {
  ingest: ['400', '401', '403', '413', '500', '502', '503', '504'],
  sqs: ['AccessDenied', 'InternalFailure', 'OverLimit', 'QueueDoesNotExist', 'ServiceUnavailable'],
  s3: ['AccessDenied', 'InternalError', 'NoSuchBucket', 'NoSuchKey', 'ServiceUnavailable', 'SlowDown'],
  ses: ['AccountSendingPaused', 'InternalFailure', 'MessageRejected', 'ServiceUnavailable', 'Throttling'],
  provider: ['400', '401', '403', '413', '500', '503'],
  receiver: ['301', '302', '303', '400', '401', '403', '404', '410', '413', '500', '502', '503', '504'],
  smtp: ['421', '450', '451', '452', '454', '550', '551', '552', '553', '554'],
  certificate: ['broken', 'failed'],
  objects: ['AccessDenied', 'InternalError', 'ServiceUnavailable', 'SlowDown'],
} as const

export interface OperationRow {
  readonly effects: readonly EffectName[]
  readonly selectors: readonly SelectorName[]
  /** Which codes `error` may have. */
  readonly codes: readonly string[]
  /** Effects for which the operation knows more, or less, than for the others. */
  readonly except?: { readonly effects: readonly EffectName[]; readonly selectors: readonly SelectorName[] }
}

const exchange = ['error', 'throttle', 'delay', 'hang', 'reset', 'answer-lost'] as const
const aws = [...exchange, 'clock-skew'] as const
const awsSend = [...aws, 'account-paused'] as const
/** Effects on one HTTP exchange, whatever its operation does. */
export const exchangeEffects: readonly EffectName[] = awsSend

const row = (
  effects: readonly EffectName[],
  selectors: readonly SelectorName[],
  known: readonly string[] = [],
): OperationRow => ({ effects, selectors, codes: known })

const each = <Name extends string>(names: readonly Name[], of: OperationRow) =>
  Object.fromEntries(names.map((name) => [name, of])) as Record<Name, OperationRow>

const sqsCalls = [
  'sqs.CancelMessageMoveTask',
  'sqs.ChangeMessageVisibility',
  'sqs.ChangeMessageVisibilityBatch',
  'sqs.CreateQueue',
  'sqs.DeleteMessage',
  'sqs.DeleteMessageBatch',
  'sqs.DeleteQueue',
  'sqs.GetQueueAttributes',
  'sqs.GetQueueUrl',
  'sqs.ListDeadLetterSourceQueues',
  'sqs.ListMessageMoveTasks',
  'sqs.ListQueueTags',
  'sqs.ListQueues',
  'sqs.PurgeQueue',
  'sqs.SetQueueAttributes',
  'sqs.StartMessageMoveTask',
  'sqs.TagQueue',
  'sqs.UntagQueue',
] as const

const sqsSends = ['sqs.SendMessage', 'sqs.SendMessageBatch'] as const

const s3Calls = [
  's3.AbortMultipartUpload',
  's3.CompleteMultipartUpload',
  's3.CopyObject',
  's3.CreateBucket',
  's3.CreateMultipartUpload',
  's3.DeleteBucket',
  's3.DeleteObject',
  's3.DeleteObjects',
  's3.GetBucketLocation',
  's3.GetBucketVersioning',
  's3.GetObject',
  's3.GetObjectTagging',
  's3.HeadBucket',
  's3.HeadObject',
  's3.ListBuckets',
  's3.ListMultipartUploads',
  's3.ListObjects',
  's3.ListObjectsV2',
  's3.ListParts',
  's3.PutObject',
  's3.UploadPart',
  's3.UploadPartCopy',
] as const

const sesSends = [
  'ses.SendBulkEmail',
  'ses.SendBulkTemplatedEmail',
  'ses.SendEmail',
  'ses.SendRawEmail',
  'ses.SendTemplatedEmail',
] as const

const providerSends = ['sendgrid.send', 'mailgun.send', 'mailchannels.send', 'cloudflare.send'] as const
const cloudflareQueueCalls = ['cloudflare.push', 'cloudflare.push-batch', 'cloudflare.pull', 'cloudflare.ack'] as const

/** The worker's steps, in their order. A worker may die before or after each. */
const workerSteps = {
  'worker.receive': row(['delay', 'duplicate', 'reorder', 'crash'], job),
  'worker.admit': row(['crash'], job),
  'worker.lease': row(['crash'], job),
  'worker.certificate': row(['error', 'delay', 'crash'], recipient, codes.certificate),
  'worker.objects': row(['error', 'throttle', 'delay', 'answer-lost', 'crash'], recipient, codes.objects),
  'worker.mail': row(
    [
      'error',
      'throttle',
      'delay',
      'hang',
      'reset',
      'answer-lost',
      'duplicate',
      'crash',
      'bounce',
      'complaint',
      'account-paused',
    ],
    recipient,
    codes.smtp,
  ),
  'worker.conclude': row(['crash'], job),
  'worker.delete': row(['crash'], job),
}

/** Every operation on a job's way where a fault may be, with what may happen there and by what it may be chosen. */
export const operations = {
  'ingest.submit': row([...exchange, 'duplicate'], job, codes.ingest),
  ...each(sqsCalls, row(aws, call, codes.sqs)),
  ...each(sqsSends, row([...aws, 'duplicate', 'reorder'], job, codes.sqs)),
  // A receive asks for whatever is there; only the messages that it brings have a job.
  'sqs.ReceiveMessage': {
    ...row([...aws, 'duplicate', 'reorder'], call, codes.sqs),
    except: { effects: ['duplicate', 'reorder'], selectors: job },
  },
  ...each(s3Calls, row(aws, call, codes.s3)),
  ...each(sesSends, row(awsSend, address, codes.ses)),
  'ses.other': row(aws, call, codes.ses),
  ...each(providerSends, row(exchange, address, codes.provider)),
  ...each(cloudflareQueueCalls, row(exchange, call, codes.provider)),
  /** What becomes of a mail that a caller outside gave to a provider. */
  'mail.accept': row(['bounce', 'complaint'], address),
  ...workerSteps,
  /** The inbox's own SMTP. */
  'inbox.accept': row(['error', 'delay', 'hang', 'reset', 'answer-lost', 'duplicate'], address, codes.smtp),
  'callback.attempt': row(
    [
      'error',
      'throttle',
      'delay',
      'hang',
      'reset',
      'answer-lost',
      'clock-skew',
      'drop',
      'late',
      'early',
      'twice',
      'out-of-order',
      'bad-signature',
      'stale-timestamp',
      'altered-body',
      'wrong-secret',
    ],
    job,
    codes.receiver,
  ),
  /** The stand-in for Moodle, called by a worker of one's own. */
  'moodle.callback': row(exchange, call, codes.receiver),
} satisfies Record<string, OperationRow>

export type OperationName = keyof typeof operations

export const operationNames = Object.keys(operations) as OperationName[]
export const isOperation = (name: string): name is OperationName => Object.hasOwn(operations, name)

const services = [...new Set(operationNames.map((name) => name.split('.')[0] ?? ''))]
/** `sqs.*`: every operation of a service where the effect is possible. */
export const wildcards = services.map((service) => `${service}.*`)

export const rowOf = (name: OperationName): OperationRow => operations[name]

export function selectorsOf(name: OperationName, effect: EffectName): readonly SelectorName[] {
  const { selectors, except } = rowOf(name)
  return except?.effects.includes(effect) === true ? except.selectors : selectors
}
