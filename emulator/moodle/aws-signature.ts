import { algorithm, amzDate, sha256, signV4, type Credentials } from '../../contracts/sigv4.ts'

interface SignedRequest {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Epoch milliseconds. */
  readonly now: number
  readonly region: string
  readonly service: string
  readonly credentials: Credentials
}

/** The headers of a POST without a query, with those that AWS Signature Version 4 adds. */
export function signAws({
  url,
  headers,
  body,
  now,
  region,
  service,
  credentials,
}: SignedRequest): Record<string, string> {
  const date = amzDate(now)
  const day = date.slice(0, 8)
  const signed = Object.entries({ ...headers, host: url.host, 'x-amz-date': date }).toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  )
  const { signature } = signV4({
    method: 'POST',
    path: url.pathname,
    parameters: [],
    headers: signed,
    payloadHash: sha256(body),
    date,
    scope: { day, region, service },
    secret: credentials.secretAccessKey,
  })
  const names = signed.map(([name]) => name).join(';')
  return {
    ...headers,
    'x-amz-date': date,
    authorization:
      `${algorithm} Credential=${credentials.accessKeyId}/${day}/${region}/${service}/aws4_request, ` +
      `SignedHeaders=${names}, Signature=${signature}`,
  }
}
