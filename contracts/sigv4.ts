import { createHmac, hash, timingSafeEqual, type KeyObject } from 'node:crypto'

/** AWS Signature Version 4: what is signed, and the signature of it. Signers and verifiers of every service use this. */

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** In order; a name may come twice. */
export type Parameters = readonly (readonly [name: string, value: string])[]

export interface Scope {
  /** `20260314`. */
  readonly day: string
  readonly region: string
  readonly service: string
}

export const algorithm = 'AWS4-HMAC-SHA256'

/** What AWS allows a signer's clock to differ. */
export const skewMs = 15 * 60_000

/** Percent-encodes everything but RFC 3986's unreserved characters. */
function encodeComponent(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** A path, encoded once; slashes stay. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeComponent).join('/')
}

export function parseQuery(query: string): Parameters {
  return query === '' ? [] : Array.from(new URLSearchParams(query).entries())
}

const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)

/** Encoded and sorted, without the signature itself. */
export function canonicalQuery(parameters: Parameters): string {
  return parameters
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [encodeComponent(name), encodeComponent(value)] as const)
    .toSorted(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

export const sha256 = (content: string | Uint8Array): string => hash('sha256', content)
const hmac = (key: string | Buffer | KeyObject, text: string) => createHmac('sha256', key).update(text).digest()

/** Epoch milliseconds → `20260314T150926Z`. */
export function amzDate(at: number): string {
  return new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '')
}

/** `20260314T150926Z` → epoch milliseconds; undefined for anything else. */
export function parseAmzDate(date: string): number | undefined {
  if (!/^\d{8}T\d{6}Z$/.test(date)) return undefined
  const at = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  return Number.isNaN(at) ? undefined : at
}

export interface SignatureV4 {
  readonly canonicalRequest: string
  readonly stringToSign: string
  /** Lower-case hex. */
  readonly signature: string
}

/** The key that signs within a scope. */
export function signingKey({ secret, scope }: { readonly secret: string; readonly scope: Scope }): Buffer {
  const { day, region, service } = scope
  return hmac(hmac(hmac(hmac(`AWS4${secret}`, day), region), service), 'aws4_request')
}

/** Header names are in lower case, in the order of `SignedHeaders`. */
export function signV4(request: {
  readonly method: string
  /** Encoded: once for S3, twice for every other service. */
  readonly path: string
  readonly parameters: Parameters
  readonly headers: Parameters
  readonly payloadHash: string
  /** As `amzDate` writes it. */
  readonly date: string
  readonly scope: Scope
  readonly secret: string
  /** `signingKey` of this secret and scope, where many requests are signed with it. */
  readonly key?: KeyObject | undefined
}): SignatureV4 {
  const { day, region, service } = request.scope
  const canonicalRequest = [
    request.method,
    request.path,
    canonicalQuery(request.parameters),
    ...request.headers.map(([name, value]) => `${name}:${value.trim().replace(/ +/g, ' ')}`),
    '',
    request.headers.map(([name]) => name).join(';'),
    request.payloadHash,
  ].join('\n')
  const stringToSign = [
    algorithm,
    request.date,
    `${day}/${region}/${service}/aws4_request`,
    sha256(canonicalRequest),
  ].join('\n')
  const key = request.key ?? signingKey(request)
  return { canonicalRequest, stringToSign, signature: hmac(key, stringToSign).toString('hex') }
}

/** Whether two signatures are the same, in a time that does not tell where they differ. */
export function equalSignatures(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}
