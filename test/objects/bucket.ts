import Fastify from 'fastify'
import { S3Client } from '@aws-sdk/client-s3'
import { createObjects, type Objects } from '../../emulator/cloud/objects/objects.ts'
import { s3Face } from '../../emulator/http/s3/face.ts'
import { systemClock, virtualClock, type VirtualClock } from '../../emulator/kernel/clock.ts'
import { createIds } from '../../emulator/kernel/ids.ts'
import { openStore, type Store } from '../../emulator/kernel/store.ts'

export const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
export const bucket = 'manireports-certificates'

export interface Bucket extends AsyncDisposable {
  readonly clock: VirtualClock
  readonly objects: Objects
  readonly store: Store
  /** Such as `http://127.0.0.1:41234`. */
  readonly url: string
  readonly s3: S3Client
}

interface Options {
  readonly start?: number
  readonly aliases?: string[]
  readonly publicUrl?: string
  readonly verifySignatures?: boolean
  readonly r2Buckets?: string[]
}

/** The bucket behind a port, on a clock that stands still. */
export async function openBucket({
  start = systemClock().now(),
  aliases = [],
  publicUrl,
  verifySignatures = false,
  r2Buckets = [],
}: Options = {}): Promise<Bucket> {
  // The SDK signs with the machine's time, so the clock that stands still starts there.
  const clock = virtualClock(Math.floor(start / 1000) * 1000)
  const store = openStore({})
  const ids = createIds({ seed: 'test', installation: 'test', boot: 1 })
  let url = ''
  const baseUrl = () => publicUrl ?? url
  const region = 'us-east-1'
  const objects = createObjects({ store, clock, region, credentials, bucket, r2Buckets, baseUrl, verifySignatures })
  const app = Fastify({ rewriteUrl: () => '/@s3/', forceCloseConnections: true })
  const signers = verifySignatures ? { signers: { credentials: [credentials], clock } } : {}
  await app.register(s3Face({ objects, ids, aliases, ...signers }), { prefix: '/@s3' })
  url = await app.listen({ port: 0, host: '127.0.0.1' })
  const s3 = new S3Client({ endpoint: url, region: 'us-east-1', credentials, forcePathStyle: true })
  return {
    clock,
    objects,
    store,
    url,
    s3,
    async [Symbol.asyncDispose]() {
      s3.destroy()
      await app.close()
      store.close()
    },
  }
}

/** For requests by hand: any credentials will do. */
export const signed = { authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request' }

/** Status, headers and body of a request by hand, with the elements of an error. */
export async function ask(url: string | URL, init: RequestInit = {}) {
  const isPresigned = /[?&](X-Amz-|AWSAccessKeyId|Signature)/.test(String(url))
  const headers = { ...(isPresigned ? {} : signed), ...(init.headers as Record<string, string>) }
  const answer = await fetch(url, { ...init, headers })
  const text = await answer.text()
  return {
    status: answer.status,
    headers: answer.headers,
    text,
    code: element(text, 'Code'),
    message: element(text, 'Message'),
  }
}

/** The text of an XML element, its entities resolved. */
export function element(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`)
    .exec(xml)?.[1]
    ?.replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
}
