import type { SQSClient } from '@aws-sdk/client-sqs'
import { isLoopback } from './safety.ts'

/** What an AWS client is made with: the region and the credentials of the usual chain, unless given. */
export interface AwsOptions {
  /** Default: the one in the URL's host, then the usual chain, then us-east-1 on this machine. */
  readonly region?: string | undefined
  /** For one answer, milliseconds; 10 s by default. */
  readonly timeoutMs?: number | undefined
}

/** `https://sqs.eu-west-1.amazonaws.com/123456789012/jobs` → `eu-west-1`. */
export function regionOf(url: string): string | undefined {
  const { hostname } = new URL(url)
  return (
    /(?:^|\.)sqs\.([a-z]{2}(?:-[a-z]+)+-\d)\./.exec(hostname)?.[1] ??
    /^([a-z]{2}(?:-[a-z]+)+-\d)\.queue\./.exec(hostname)?.[1]
  )
}

/**
 * An SQS client for one queue. It speaks to the host of the queue's URL and to no other, whatever AWS_ENDPOINT_URL says:
 * that host is the one that the safety rules have judged.
 */
export async function createSqsClient(
  queueUrl: string,
  { region, timeoutMs = 10_000 }: AwsOptions = {},
): Promise<SQSClient> {
  const { SQSClient } = await import('@aws-sdk/client-sqs')
  const { origin, hostname } = new URL(queueUrl)
  const known = region ?? regionOf(queueUrl)
  const own = isLoopback(hostname)
  return new SQSClient({
    endpoint: origin,
    maxAttempts: 3,
    // Without `throwOnRequestTimeout` the SDK only warns, and waits on.
    requestHandler: {
      requestTimeout: timeoutMs,
      throwOnRequestTimeout: true,
      connectionTimeout: Math.min(timeoutMs, 5000),
    },
    ...(known !== undefined ? { region: known } : own ? { region: 'us-east-1' } : {}),
    // An emulator takes any; real ones are for real hosts.
    ...(own ? { credentials: { accessKeyId: 'test', secretAccessKey: 'test' } } : {}),
  })
}

/** Why a call to AWS failed, in words: cause, and what to do about it. */
export function explainAws(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { name, message } = error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (name === 'CredentialsProviderError' || /could not load credentials/i.test(message)) {
    return 'no AWS credentials: export AWS_PROFILE=…, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (aws sts get-caller-identity shows who you are)'
  }
  if (/region is missing/i.test(message)) return 'no AWS region: --region eu-west-1, or export AWS_REGION=…'
  if (/ExpiredToken|TokenRefreshRequired/.test(name)) return `the AWS session has expired (aws sso login): ${message}`
  if (
    /AccessDenied|NotAuthorized|UnrecognizedClient|InvalidClientTokenId|InvalidSecurity|SignatureDoesNotMatch/.test(
      name,
    )
  ) {
    return `AWS refuses these credentials (${name}): ${message}`
  }
  if (/NonExistentQueue|QueueDoesNotExist/.test(name))
    return `the queue does not exist in this account and region: ${message}`
  if (/Throttl|TooManyRequests|RequestThrottled|OverLimit/.test(name))
    return `AWS throttles these calls (${name}): ${message}`
  if (name === 'TimeoutError' || /ETIMEDOUT|time.?out/i.test(`${code} ${message}`))
    return `no answer from AWS in time: ${message}`
  if (/ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH/.test(code))
    return `AWS cannot be reached (${code}): ${message}`
  return name === 'Error' ? message : `${name}: ${message}`
}

/** Nobody answered, or the host is not there: not the deployment's doing. */
export const isUnreachable = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/.test(String(error.code))
