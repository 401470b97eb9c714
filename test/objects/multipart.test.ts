import { createHash } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
  type ListMultipartUploadsCommandInput,
  type ListMultipartUploadsCommandOutput,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { describe, expect, it } from 'vitest'
import { checksumOf, compositeChecksum } from '../../emulator/cloud/objects/checksums.ts'
import { ask, bucket, element, openBucket, type Bucket } from './bucket.ts'

const mega = 1024 * 1024
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest()
const parts = [Buffer.alloc(5 * mega, 'a'), Buffer.alloc(5 * mega, 'b'), Buffer.from('end')]
const content = Buffer.concat(parts)
const etag = `"${createHash('md5')
  .update(Buffer.concat(parts.map(md5)))
  .digest('hex')}-3"`
const target = { Bucket: bucket, Key: 'folder/big file.bin' }

/** An upload whose parts are there, not completed. */
async function upload(at: Bucket, input: Partial<CreateMultipartUploadCommand['input']> = {}) {
  const { UploadId = '' } = await at.s3.send(new CreateMultipartUploadCommand({ ...target, ...input }))
  const done: { PartNumber: number; ETag: string | undefined }[] = []
  for (const [index, Body] of parts.entries()) {
    const algorithm = input.ChecksumAlgorithm
    const part = await at.s3.send(
      new UploadPartCommand({
        ...target,
        UploadId,
        PartNumber: index + 1,
        Body,
        ...(algorithm === undefined ? {} : { ChecksumAlgorithm: algorithm }),
      }),
    )
    const { $metadata: _, ...sums } = part
    done.push({ ...sums, PartNumber: index + 1, ETag: part.ETag })
  }
  return { ...target, UploadId, MultipartUpload: { Parts: done } }
}

describe('an upload in parts', () => {
  it('by lib-storage becomes one object with all that was said of it', async () => {
    await using at = await openBucket()
    const upload = new Upload({
      client: at.s3,
      params: { ...target, Body: content, ContentType: 'a/b', Metadata: { job: '17' }, CacheControl: 'no-store' },
      partSize: 5 * mega,
    })
    expect(await upload.done()).toMatchObject({ ETag: etag, Bucket: bucket, Key: target.Key })
    const got = await at.s3.send(new GetObjectCommand(target))
    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(content)).toBe(true)
    expect(got).toMatchObject({ ETag: etag, ContentType: 'a/b', Metadata: { job: '17' }, CacheControl: 'no-store' })
    const range = await at.s3.send(new GetObjectCommand({ ...target, Range: `bytes=${5 * mega - 1}-${5 * mega}` }))
    expect(await range.Body?.transformToString()).toBe('ab')
    expect((await at.s3.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads).toBeUndefined()
  })

  it('is seen while it goes on, and gone when it is aborted', async () => {
    await using at = await openBucket()
    const { UploadId } = await upload(at)
    const listed = await at.s3.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: 'folder/' }))
    expect(listed.Uploads).toMatchObject([{ Key: target.Key, UploadId, Initiated: new Date(at.clock.now()) }])
    const first = await at.s3.send(new ListPartsCommand({ ...target, UploadId, MaxParts: 2 }))
    expect(first).toMatchObject({ IsTruncated: true, NextPartNumberMarker: '2', Parts: [{ Size: 5 * mega }, {}] })
    const rest = await at.s3.send(new ListPartsCommand({ ...target, UploadId, PartNumberMarker: '2' }))
    expect(rest).toMatchObject({ IsTruncated: false, Parts: [{ PartNumber: 3, Size: 3 }] })
    await expect(at.s3.send(new HeadObjectCommand(target))).rejects.toMatchObject({ name: 'NotFound' })

    await at.s3.send(new AbortMultipartUploadCommand({ ...target, UploadId }))
    await expect(at.s3.send(new ListPartsCommand({ ...target, UploadId }))).rejects.toMatchObject({
      name: 'NoSuchUpload',
    })
    await expect(at.s3.send(new AbortMultipartUploadCommand({ ...target, UploadId }))).rejects.toMatchObject({
      name: 'NoSuchUpload',
      $metadata: { httpStatusCode: 404 },
    })
  })

  it('lists uploads page by page, in the order of keys and of their beginning', async () => {
    await using at = await openBucket()
    const ids: (string | undefined)[] = []
    for (const Key of ['a', 'b', 'b', 'c']) {
      ids.push((await at.s3.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key }))).UploadId)
    }
    expect(new Set(ids).size).toBe(4)
    const seen: (string | undefined)[] = []
    let marker: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {}
    while (marker !== undefined) {
      const page: ListMultipartUploadsCommandOutput = await at.s3.send(
        new ListMultipartUploadsCommand({ Bucket: bucket, MaxUploads: 1, ...marker }),
      )
      seen.push(...(page.Uploads ?? []).map(({ UploadId }) => UploadId))
      marker = page.IsTruncated ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : undefined
    }
    expect(seen).toEqual(ids)
  })

  it('is listed under a common prefix, each of them once and page by page', async () => {
    await using at = await openBucket()
    for (const Key of ['a', 'b/1', 'b/1', 'b/2/x', 'b/3', 'c', 'd/1']) {
      await at.s3.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key }))
    }
    const list = async (MaxUploads: number, input: Partial<ListMultipartUploadsCommandInput>) => {
      const seen: (string | undefined)[] = []
      for (
        let marker: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {};
        marker;
      ) {
        const page: ListMultipartUploadsCommandOutput = await at.s3.send(
          new ListMultipartUploadsCommand({ Bucket: bucket, MaxUploads, ...input, ...marker }),
        )
        seen.push(...(page.Uploads ?? []).map(({ Key }) => Key))
        seen.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix))
        marker = page.IsTruncated
          ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
          : undefined
      }
      return seen
    }
    expect(await list(10, { Delimiter: '/' })).toEqual(['a', 'c', 'b/', 'd/'])
    expect(await list(1, { Delimiter: '/' })).toEqual(['a', 'b/', 'c', 'd/'])
    expect(await list(1, { Delimiter: '/', Prefix: 'b/' })).toEqual(['b/1', 'b/1', 'b/2/', 'b/3'])
  })

  it('has a checksum of its parts’ checksums, or of all its bytes', async () => {
    await using at = await openBucket()
    const composite = compositeChecksum(
      'SHA256',
      parts.map((part) => checksumOf('SHA256', part)),
    )
    const done = await at.s3.send(new CompleteMultipartUploadCommand(await upload(at, { ChecksumAlgorithm: 'SHA256' })))
    expect(done).toMatchObject({ ChecksumSHA256: composite, ChecksumType: 'COMPOSITE' })
    expect(composite).toMatch(/-3$/)
    const whole = await upload(at, { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' })
    const wrong = new CompleteMultipartUploadCommand({ ...whole, ChecksumCRC32: 'AAAAAA==' })
    await expect(at.s3.send(wrong)).rejects.toMatchObject({ name: 'BadDigest' })
    expect(await at.s3.send(new CompleteMultipartUploadCommand(whole))).toMatchObject({
      ChecksumCRC32: checksumOf('CRC32', content),
      ChecksumType: 'FULL_OBJECT',
    })
    const sha = new CreateMultipartUploadCommand({ ...target, ChecksumAlgorithm: 'SHA1', ChecksumType: 'FULL_OBJECT' })
    await expect(at.s3.send(sha)).rejects.toMatchObject({ name: 'InvalidRequest' })
  })

  it('takes parts out of other objects', async () => {
    await using at = await openBucket()
    await at.objects.put([{ key: 'source ü', contentType: 'a/b', pieces: [content] }])
    const { UploadId } = await at.s3.send(new CreateMultipartUploadCommand(target))
    const copy = (PartNumber: number, CopySourceRange?: string) =>
      at.s3.send(
        new UploadPartCopyCommand({
          ...target,
          UploadId,
          PartNumber,
          CopySource: `${bucket}/${encodeURIComponent('source ü')}`,
          ...(CopySourceRange === undefined ? {} : { CopySourceRange }),
        }),
      )
    const first = await copy(1, `bytes=0-${5 * mega - 1}`)
    expect(first.CopyPartResult?.ETag).toBe(`"${md5(parts[0] ?? Buffer.alloc(0)).toString('hex')}"`)
    const second = await copy(2, `bytes=0-2`)
    for (const range of ['bytes=0-', 'bytes=2-1', `bytes=0-${content.length}`]) {
      await expect(copy(3, range)).rejects.toMatchObject({ name: 'InvalidArgument' })
    }
    const Parts = [first, second].map(({ CopyPartResult }, index) => ({
      PartNumber: index + 1,
      ETag: CopyPartResult?.ETag,
    }))
    await at.s3.send(new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }))
    expect(at.objects.head(bucket, target.Key).size).toBe(5 * mega + 3)
  })

  it('is not completed by wrong parts, and can be completed all the same', async () => {
    await using at = await openBucket()
    const whole = await upload(at)
    const [one, two, three] = whole.MultipartUpload.Parts
    if (one === undefined || two === undefined || three === undefined) throw new Error('three parts')
    const complete = (...Parts: (typeof one)[]) =>
      at.s3.send(new CompleteMultipartUploadCommand({ ...whole, MultipartUpload: { Parts } }))
    await expect(complete(two, one)).rejects.toMatchObject({ name: 'InvalidPartOrder' })
    await expect(complete(one, one)).rejects.toMatchObject({ name: 'InvalidPartOrder' })
    await expect(complete(one, { ...two, ETag: one.ETag })).rejects.toMatchObject({ name: 'InvalidPart' })
    await expect(complete(one, { ...two, PartNumber: 9 })).rejects.toMatchObject({ name: 'InvalidPart' })
    await expect(complete(one, three, { ...three, PartNumber: 4 })).rejects.toMatchObject({ name: 'InvalidPart' })
    const four = await ask(`${at.url}/${bucket}/folder/big%20file.bin?partNumber=4&uploadId=${whole.UploadId}`, {
      method: 'PUT',
      body: 'more',
    })
    const last = { PartNumber: 4, ETag: four.headers.get('etag') ?? '' }
    await expect(complete(one, two, three, last)).rejects.toMatchObject({ name: 'EntityTooSmall' })
    // Parts that are not named are left out.
    expect(await complete(one, two, three)).toMatchObject({ ETag: etag })
  })

  it('refuses what it cannot read', async () => {
    await using at = await openBucket()
    const { UploadId } = await at.s3.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: 'k' }))
    const url = `${at.url}/${bucket}/k?uploadId=${UploadId}`
    const part = '<Part><PartNumber>1</PartNumber><ETag>x</ETag></Part>'
    const bodies = [
      '',
      'x',
      '{}',
      '<CompleteMultipartUpload/>',
      '<Other/>',
      '<CompleteMultipartUpload><Part/></CompleteMultipartUpload>',
      `<CompleteMultipartUpload>${part}`,
      `<!DOCTYPE a [<!ENTITY b "c">]><CompleteMultipartUpload>${part}</CompleteMultipartUpload>`,
      `<CompleteMultipartUpload>${part.replace('>1<', '>1e9<')}</CompleteMultipartUpload>`,
      `<CompleteMultipartUpload>${part.replace('>1<', '>10001<')}</CompleteMultipartUpload>`,
    ]
    for (const body of bodies) expect((await ask(url, { method: 'POST', body })).code).toBe('MalformedXML')
    for (const number of ['0', '10001', '-1', 'x', '']) {
      const refused = await ask(`${url}&partNumber=${number}`, { method: 'PUT', body: 'x' })
      expect(refused).toMatchObject({ status: 400, code: 'InvalidArgument' })
    }
    const elsewhere = await ask(`${at.url}/${bucket}/other?partNumber=1&uploadId=${UploadId}`, { method: 'PUT' })
    expect(elsewhere).toMatchObject({ status: 404, code: 'NoSuchUpload' })
    expect(element(elsewhere.text, 'UploadId')).toBe(UploadId)
  })
})
