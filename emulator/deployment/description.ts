import { createSqsClient, explainAws, regionOf } from './aws.ts'
import { isLoopback } from './safety.ts'

/** What was read, or why it could not be. */
export type Read<T> = ({ readonly seen: true } & T) | { readonly seen: false; readonly reason: string }

export interface SesDescription {
  /** Mails a second. */
  readonly rate: number
  /** Mails in 24 hours, and how many of them have gone. */
  readonly dailyQuota: number
  readonly sentToday: number
  /** Only verified addresses, 200 a day. SES's simulator counts as verified. */
  readonly sandbox: boolean
  readonly sendingEnabled: boolean
}

export interface QueueDescription {
  readonly arn: string
  readonly visibilitySeconds: number
  /** Undefined where no dead-letter queue takes what fails. */
  readonly maxReceiveCount: number | undefined
  readonly waiting: number
  readonly inFlight: number
  readonly maximumMessageSize: number
  readonly retentionSeconds: number
}

export interface LambdaDescription {
  readonly name: string
  readonly timeoutSeconds: number
  readonly memoryMb: number
  /** Undefined where it shares the account's. */
  readonly reservedConcurrency: number | undefined
  /** Messages of one invocation. */
  readonly batchSize: number
  readonly batchingWindowSeconds: number
  /** Of the event source; undefined where it has no limit. */
  readonly maximumConcurrency: number | undefined
  readonly enabled: boolean
  readonly reportsBatchItemFailures: boolean
}

/** A deployment as AWS describes it. */
export interface DeploymentDescription {
  readonly ses: Read<SesDescription>
  readonly queue: Read<QueueDescription>
  readonly lambda: Read<LambdaDescription>
}

export interface DescribeOptions {
  readonly queueUrl?: string | undefined
  readonly region?: string | undefined
}

/**
 * Reads what it may of a deployment: SES's account, the queue, and the function that takes it. Changes nothing, never
 * rejects; credentials come from the usual chain. A queue of this machine has its SES and Lambda beside it.
 */
export async function describeDeployment({ queueUrl, region }: DescribeOptions): Promise<DeploymentDescription> {
  const known = region ?? (queueUrl === undefined ? undefined : regionOf(queueUrl))
  const options = clientOptions(queueUrl, known)
  const [ses, queue] = await Promise.all([
    attempt('SES', () => readSes(options)),
    queueUrl === undefined
      ? ({ seen: false, reason: 'no --queue-url was given' } as const)
      : attempt('the queue', () => readQueue(queueUrl, known)),
  ])
  const lambda = queue.seen
    ? await attempt('Lambda', () => readLambda(options, queue.arn))
    : ({ seen: false, reason: 'the function is found by its queue, which could not be read' } as const)
  return { ses, queue, lambda }
}

interface ClientOptions {
  readonly region?: string
  readonly endpoint?: string
  readonly credentials?: { accessKeyId: string; secretAccessKey: string }
  readonly maxAttempts: number
}

function clientOptions(queueUrl: string | undefined, region: string | undefined): ClientOptions {
  const url = queueUrl === undefined ? undefined : new URL(queueUrl)
  if (url === undefined || !isLoopback(url.hostname))
    return { ...(region === undefined ? {} : { region }), maxAttempts: 2 }
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  return { region: region ?? 'us-east-1', endpoint: url.origin, credentials, maxAttempts: 1 }
}

async function attempt<T>(what: string, read: () => Promise<T>): Promise<Read<T>> {
  try {
    return { seen: true, ...(await read()) }
  } catch (error) {
    return { seen: false, reason: `${what}: ${explainAws(error).split('\n', 1)[0]}` }
  }
}

async function readSes(options: ClientOptions): Promise<SesDescription> {
  const { GetAccountCommand, SESv2Client } = await import('@aws-sdk/client-sesv2')
  const client = new SESv2Client(options)
  try {
    const { SendQuota, ProductionAccessEnabled, SendingEnabled } = await client.send(new GetAccountCommand({}))
    return {
      rate: SendQuota?.MaxSendRate ?? 0,
      dailyQuota: SendQuota?.Max24HourSend ?? 0,
      sentToday: SendQuota?.SentLast24Hours ?? 0,
      sandbox: ProductionAccessEnabled === false,
      sendingEnabled: SendingEnabled !== false,
    }
  } finally {
    client.destroy()
  }
}

async function readQueue(queueUrl: string, region: string | undefined): Promise<QueueDescription> {
  const { GetQueueAttributesCommand } = await import('@aws-sdk/client-sqs')
  const client = await createSqsClient(queueUrl, { region })
  try {
    const { Attributes = {} } = await client.send(
      new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['All'] }),
    )
    return {
      arn: Attributes['QueueArn'] ?? '',
      visibilitySeconds: Number(Attributes['VisibilityTimeout'] ?? 30),
      maxReceiveCount: maxReceivesIn(Attributes['RedrivePolicy']),
      waiting: Number(Attributes['ApproximateNumberOfMessages'] ?? 0),
      inFlight: Number(Attributes['ApproximateNumberOfMessagesNotVisible'] ?? 0),
      maximumMessageSize: Number(Attributes['MaximumMessageSize'] ?? 1_048_576),
      retentionSeconds: Number(Attributes['MessageRetentionPeriod'] ?? 345_600),
    }
  } finally {
    client.destroy()
  }
}

function maxReceivesIn(policy: string | undefined): number | undefined {
  if (policy === undefined) return undefined
  try {
    const { maxReceiveCount } = JSON.parse(policy) as { maxReceiveCount?: number | string }
    return maxReceiveCount === undefined ? undefined : Number(maxReceiveCount)
  } catch {
    return undefined
  }
}

async function readLambda(options: ClientOptions, queueArn: string): Promise<LambdaDescription> {
  const {
    GetFunctionConcurrencyCommand,
    GetFunctionConfigurationCommand,
    LambdaClient,
    ListEventSourceMappingsCommand,
  } = await import('@aws-sdk/client-lambda')
  const client = new LambdaClient(options)
  try {
    const { EventSourceMappings = [] } = await client.send(
      new ListEventSourceMappingsCommand({ EventSourceArn: queueArn }),
    )
    const [source] = EventSourceMappings
    const name = source?.FunctionArn
    if (source === undefined || name === undefined)
      throw new Error('no function takes this queue: another kind of worker does, or none')
    const [configuration, concurrency] = await Promise.all([
      client.send(new GetFunctionConfigurationCommand({ FunctionName: name })),
      client.send(new GetFunctionConcurrencyCommand({ FunctionName: name })),
    ])
    return {
      name: configuration.FunctionName ?? name,
      timeoutSeconds: configuration.Timeout ?? 3,
      memoryMb: configuration.MemorySize ?? 128,
      reservedConcurrency: concurrency.ReservedConcurrentExecutions,
      batchSize: source.BatchSize ?? 10,
      batchingWindowSeconds: source.MaximumBatchingWindowInSeconds ?? 0,
      maximumConcurrency: source.ScalingConfig?.MaximumConcurrency,
      enabled: source.State === 'Enabled' || source.State === undefined,
      reportsBatchItemFailures: source.FunctionResponseTypes?.includes('ReportBatchItemFailures') ?? false,
    }
  } finally {
    client.destroy()
  }
}
