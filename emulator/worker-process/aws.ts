import type { S3Client } from '@aws-sdk/client-s3'
import type { SQSClient } from '@aws-sdk/client-sqs'
import { explainAws, isUnreachable, regionOf } from '../deployment/aws.ts'
import { EmulatorError } from '../kernel/errors.ts'

/** Codes of the EmulatorErrors that the engines throw; `aws-refused` is everything that is answered and not taken. */
export type AwsErrorCode = 'queue-not-found' | 'bucket-not-found' | 'aws-unreachable' | 'aws-refused'

export interface AwsPlaces {
  readonly queueUrl: string
  /** Default: where the queue is, unless that is AWS; there the SDK finds S3 by itself. */
  readonly s3Endpoint?: string | undefined
  /** Default: the one in the queue's URL, then the SDK's usual chain. */
  readonly region?: string | undefined
}

export interface AwsClients {
  readonly sqs: SQSClient
  readonly s3: S3Client
  /** Where S3 is asked, for people. */
  readonly s3Place: string
  close(): void
}

/** The longest poll that SQS allows, in seconds. */
export const longestPoll = 20

const answerWithinMs = 30_000

/** More than 64 consumers that poll and what they do beside it: the SDK's own 50 would make a renewal wait for a poll. */
const connections = { maxSockets: 256 }

export const isAtAws = (url: string): boolean => /\.amazonaws\.com(\.cn)?$/.test(new URL(url).hostname)

/**
 * Clients for the queue's and the bucket's place; credentials from the SDK's usual chain. A call that is throttled or not
 * answered is tried 5 times, with the SDK's growing pauses.
 */
export async function createAwsClients({ queueUrl, s3Endpoint, region }: AwsPlaces): Promise<AwsClients> {
  const [{ SQSClient }, { S3Client }] = await Promise.all([import('@aws-sdk/client-sqs'), import('@aws-sdk/client-s3')])
  const known = region ?? regionOf(queueUrl)
  const common = {
    maxAttempts: 5,
    requestHandler: {
      connectionTimeout: 5000,
      requestTimeout: longestPoll * 1000 + answerWithinMs,
      throwOnRequestTimeout: true,
      httpAgent: connections,
      httpsAgent: connections,
    },
    ...(known === undefined ? {} : { region: known }),
  }
  const endpoint = s3Endpoint ?? (isAtAws(queueUrl) ? undefined : new URL(queueUrl).origin)
  const sqs = new SQSClient({ ...common, endpoint: new URL(queueUrl).origin })
  const s3 = new S3Client({
    ...common,
    requestHandler: { ...common.requestHandler, requestTimeout: answerWithinMs },
    // A host that is no AWS has no name for each bucket.
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: !isAtAws(endpoint) }),
  })
  return {
    sqs,
    s3,
    s3Place: endpoint ?? 'AWS',
    close() {
      sqs.destroy()
      s3.destroy()
    },
  }
}

/** What a call that failed means: `doing` begins the sentence, the SDK's own words and the request's id end it. */
export function awsError(error: unknown, doing: string, code?: AwsErrorCode): EmulatorError<AwsErrorCode> {
  const { requestId, attempts = 1 } = metadataOf(error)
  const tries = attempts > 1 ? ` (tried ${attempts} times)` : ''
  const request = requestId === undefined ? '' : ` (request ${requestId})`
  return new EmulatorError<AwsErrorCode>(
    code ?? (isUnreachable(error) ? 'aws-unreachable' : 'aws-refused'),
    `${doing}: ${explainAws(error)}${tries}${request}`,
    { name: nameOf(error) },
  )
}

export function metadataOf(error: unknown): { httpStatusCode?: number; requestId?: string; attempts?: number } {
  return error instanceof Error && '$metadata' in error ? (error.$metadata as object) : {}
}

export const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '')
