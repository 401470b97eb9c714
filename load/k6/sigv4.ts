/** What is needed of `k6/crypto`. */
export interface Crypto {
  sha256(text: string, encoding: 'hex'): string
  hmac(algorithm: 'sha256', key: string | ArrayBuffer, text: string, encoding: 'hex' | 'binary'): string | ArrayBuffer
}

export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** A POST to `/`-like paths of a host, as SQS takes it. */
export interface AwsRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly region: string
  readonly service: string
  readonly credentials: AwsCredentials
  /** Epoch milliseconds. */
  readonly now: number
}

const algorithm = 'AWS4-HMAC-SHA256'

/** The headers of a POST without a query, with those that AWS Signature Version 4 adds. */
export function signedHeaders(crypto: Crypto, request: AwsRequest): Record<string, string> {
  const { url, headers, body, region, service, credentials, now } = request
  const [, host = '', path = '/'] = /^https?:\/\/([^/]+)(\/[^?]*)?/.exec(url) ?? []
  const date = new Date(now).toISOString().replace(/[-:]|\.\d{3}/g, '')
  const day = date.slice(0, 8)
  const token = credentials.sessionToken
  const added = { 'x-amz-date': date, ...(token ? { 'x-amz-security-token': token } : {}) }
  const all: Record<string, string> = { ...headers, host, ...added }
  const names = Object.keys(all).sort()
  const canonical = [
    'POST',
    // Every service but S3 encodes an encoded path again.
    path.split('/').map(encodeURIComponent).join('/'),
    '',
    ...names.map((name) => `${name}:${(all[name] ?? '').trim().replace(/ +/g, ' ')}`),
    '',
    names.join(';'),
    crypto.sha256(body, 'hex'),
  ].join('\n')
  const scope = `${day}/${region}/${service}/aws4_request`
  const toSign = [algorithm, date, scope, crypto.sha256(canonical, 'hex')].join('\n')
  const key = signingKey(crypto, credentials.secretAccessKey, day, region, service)
  const signature = crypto.hmac('sha256', key, toSign, 'hex') as string
  return {
    ...headers,
    ...added,
    authorization:
      `${algorithm} Credential=${credentials.accessKeyId}/${scope}, ` +
      `SignedHeaders=${names.join(';')}, Signature=${signature}`,
  }
}

/** Four rounds of HMAC. */
function signingKey(crypto: Crypto, secret: string, ...scope: readonly string[]): ArrayBuffer {
  let key: string | ArrayBuffer = `AWS4${secret}`
  for (const part of [...scope, 'aws4_request']) key = crypto.hmac('sha256', key, part, 'binary')
  return key as ArrayBuffer
}
