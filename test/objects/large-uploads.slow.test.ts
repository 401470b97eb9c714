import { CreateMultipartUploadCommand } from '@aws-sdk/client-s3'
import { expect, it } from 'vitest'
import { ask, bucket, openBucket } from './bucket.ts'

const mega = 1024 * 1024

it('an upload in parts holds no more than an object may have', async () => {
  await using at = await openBucket()
  const { UploadId } = await at.s3.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: 'k' }))
  const put = async (number: number, size: number) =>
    (
      await ask(`${at.url}/${bucket}/k?uploadId=${UploadId}&partNumber=${number}`, {
        method: 'PUT',
        body: Buffer.alloc(size),
      })
    ).code
  expect(await put(1, 40 * mega)).toBeUndefined()
  expect(await put(2, 25 * mega)).toBe('EntityTooLarge')
  expect(await put(2, 24 * mega)).toBeUndefined()
  expect(await put(3, 1)).toBe('EntityTooLarge')
  // A part that is replaced does not count twice.
  expect(await put(1, 40 * mega)).toBeUndefined()
})
