import { PutObjectCommand, GetObjectCommand, ChecksumAlgorithm } from '@aws-sdk/client-s3'
import { assert, property, uint8Array } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checksumAlgorithms, checksumOf } from '../../emulator/cloud/objects/checksums.ts'
import { ask, bucket, element, openBucket } from './bucket.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const hex = (base64: string) => Buffer.from(base64, 'base64').toString('hex')

describe('a checksum', () => {
  it('is the one that its catalogue gives for "123456789"', () => {
    expect(hex(checksumOf('CRC32', bytes('123456789')))).toBe('cbf43926')
    expect(hex(checksumOf('CRC32C', bytes('123456789')))).toBe('e3069283')
    expect(hex(checksumOf('CRC64NVME', bytes('123456789')))).toBe('ae8b14860a799888')
  })

  it('of CRC64NVME is what its definition says, bit by bit, for any bytes', () => {
    const slow = (data: Uint8Array) => {
      let crc = 0xffffffffffffffffn
      for (const byte of data) {
        crc ^= BigInt(byte)
        for (let bit = 0; bit < 8; bit++) crc = (crc >> 1n) ^ (crc & 1n ? 0x9a6c9329ac4bc9b5n : 0n)
      }
      return (crc ^ 0xffffffffffffffffn).toString(16).padStart(16, '0')
    }
    assert(property(uint8Array({ maxLength: 64 }), (data) => hex(checksumOf('CRC64NVME', data)) === slow(data)))
  })
})

describe('an upload with a checksum', () => {
  it.each(checksumAlgorithms)('of %s is checked, kept, and told to who asks', async (algorithm) => {
    await using at = await openBucket()
    const sum = checksumOf(algorithm, bytes('hello'))
    const header = `x-amz-checksum-${algorithm.toLowerCase()}`
    const url = `${at.url}/${bucket}/k`
    const put = await ask(url, { method: 'PUT', body: 'hello', headers: { [header]: sum } })
    expect([put.status, put.headers.get(header), put.headers.get('x-amz-checksum-type')]).toEqual([
      200,
      sum,
      'FULL_OBJECT',
    ])
    const other = await ask(url, { method: 'PUT', body: 'other', headers: { [header]: sum } })
    expect(other).toMatchObject({ status: 400, code: 'BadDigest' })
    expect(other.message).toContain(algorithm)
    const cut = await ask(url, { method: 'PUT', body: 'hello', headers: { [header]: sum.slice(4) } })
    expect(cut).toMatchObject({
      status: 400,
      code: 'InvalidRequest',
      message: `Value for ${header} header is invalid.`,
    })

    expect((await ask(url)).headers.get(header)).toBeNull()
    const asked = { 'x-amz-checksum-mode': 'ENABLED' }
    expect((await ask(url, { headers: asked })).headers.get(header)).toBe(sum)
    expect((await ask(url, { method: 'HEAD', headers: asked })).headers.get(header)).toBe(sum)
    // A part's bytes have another checksum.
    expect((await ask(url, { headers: { ...asked, range: 'bytes=0-1' } })).headers.get(header)).toBeNull()
    const listed = await ask(`${at.url}/${bucket}?list-type=2`)
    expect(element(listed.text, 'ChecksumAlgorithm')).toBe(algorithm)
  })

  it.each([ChecksumAlgorithm.CRC32, ChecksumAlgorithm.CRC32C, ChecksumAlgorithm.SHA1, ChecksumAlgorithm.SHA256])(
    'of %s by the SDK is right, and the SDK finds it right when it gets the object back',
    async (ChecksumAlgorithm) => {
      await using at = await openBucket()
      const input = { Bucket: bucket, Key: 'k' }
      await at.s3.send(new PutObjectCommand({ ...input, Body: 'hello', ChecksumAlgorithm }))
      const got = await at.s3.send(new GetObjectCommand({ ...input, ChecksumMode: 'ENABLED' }))
      expect(await got.Body?.transformToString()).toBe('hello')
      expect(got[`Checksum${ChecksumAlgorithm}`]).toBe(checksumOf(ChecksumAlgorithm, bytes('hello')))
    },
  )

  it('is refused where there are two, none that was announced, or another hash than was signed', async () => {
    await using at = await openBucket()
    const put = async (headers: Record<string, string>, body = 'hello') => {
      const { status, code } = await ask(`${at.url}/${bucket}/k`, { method: 'PUT', body, headers })
      return [status, code]
    }
    const crc32 = checksumOf('CRC32', bytes('hello'))
    const sha1 = checksumOf('SHA1', bytes('hello'))
    expect(await put({ 'x-amz-checksum-crc32': crc32, 'x-amz-checksum-sha1': sha1 })).toEqual([400, 'InvalidRequest'])
    expect(await put({ 'x-amz-sdk-checksum-algorithm': 'CRC32' })).toEqual([400, 'InvalidRequest'])
    const trailing = {
      'content-encoding': 'aws-chunked',
      'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      'x-amz-trailer': 'x-amz-checksum-crc64nvme',
    }
    const crc64 = checksumOf('CRC64NVME', bytes('hello'))
    expect(await put(trailing, `5\r\nhello\r\n0\r\nx-amz-checksum-crc64nvme:${crc64}\r\n\r\n`)).toEqual([
      200,
      undefined,
    ])
    expect(await put(trailing, `5\r\nhellO\r\n0\r\nx-amz-checksum-crc64nvme:${crc64}\r\n\r\n`)).toEqual([
      400,
      'BadDigest',
    ])
    expect(await put(trailing, '5\r\nhello\r\n0\r\n\r\n')).toEqual([400, 'MalformedTrailerError'])
    const sha256 = hex(checksumOf('SHA256', bytes('hello')))
    expect(await put({ 'x-amz-content-sha256': sha256 })).toEqual([200, undefined])
    expect(await put({ 'x-amz-content-sha256': sha256 }, 'other')).toEqual([400, 'XAmzContentSHA256Mismatch'])
    expect(await put({ 'x-amz-content-sha256': 'x' })).toEqual([400, 'InvalidArgument'])
    const headers = { 'x-amz-content-sha256': sha256 }
    const ofXml = [
      await ask(`${at.url}/new-bucket`, { method: 'PUT', body: '<CreateBucketConfiguration/>', headers }),
      await ask(`${at.url}/${bucket}?delete`, { method: 'POST', body: '<Delete/>', headers }),
      await ask(`${at.url}/${bucket}/k?uploadId=x`, { method: 'POST', body: '<CompleteMultipartUpload/>', headers }),
    ]
    expect(ofXml.map(({ status, code }) => [status, code])).toEqual(ofXml.map(() => [400, 'XAmzContentSHA256Mismatch']))
  })
})
