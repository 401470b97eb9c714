import Fastify from 'fastify'
import { S3Client } from '@aws-sdk/client-s3'
import { createObjects, type Objects } from '../../emulator/cloud/objects/objects.ts'
import { s3Face } from '../../emulator/http/s3/face.ts'
import { systemClock, virtualClock, type VirtualClock } from '../../emulator/kernel/clock.ts'
import { createIds } from '../../emulator/kernel/ids.ts'
import { openStore } from '../../emulator/kernel/store.ts'

export const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
export const bucket = 'manireports-certificates'

export interface Bucket extends AsyncDisposable {
  readonly clock: VirtualClock
  readonly objects: Objects
  /** Such as `http://127.0.0.1:41234`. */
  readonly url: string
  readonly s3: S3Client
}

/** The bucket behind a port, on a clock that stands still. */
export async function openBucket({
  start = systemClock().now(),
  aliases = [],
  publicUrl,
  verifySignatures = false,
}: { start?: number; aliases?: string[]; publicUrl?: string; verifySignatures?: boolean } = {}): Promise<Bucket> {
  // The SDK signs with the machine's time, so the clock that stands still starts there.
  const clock = virtualClock(Math.floor(start / 1000) * 1000)
  const store = openStore({})
  const ids = createIds({ seed: 'test', installation: 'test', boot: 1 })
  let url = ''
  const baseUrl = () => publicUrl ?? url
  const objects = createObjects({ store, clock, region: 'us-east-1', credentials, bucket, baseUrl, verifySignatures })
  const app = Fastify({ rewriteUrl: (request) => `/@s3${request.url ?? '/'}`, forceCloseConnections: true })
  await app.register(s3Face({ objects, ids, aliases }), { prefix: '/@s3' })
  url = await app.listen({ port: 0, host: '127.0.0.1' })
  const s3 = new S3Client({ endpoint: url, region: 'us-east-1', credentials, forcePathStyle: true })
  return {
    clock,
    objects,
    url,
    s3,
    async [Symbol.asyncDispose]() {
      s3.destroy()
      await app.close()
      store.close()
    },
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
