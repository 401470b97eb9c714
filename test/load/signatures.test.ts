import { createHash, createHmac } from 'node:crypto'
import { expect, it } from 'vitest'
import { signAws } from '../../emulator/moodle/aws-signature.ts'
import { signedHeaders, type Crypto } from '../../load/k6/sigv4.ts'

/** `k6/crypto`, as Node does it. */
const crypto: Crypto = {
  sha256: (text) => createHash('sha256').update(text).digest('hex'),
  hmac(_algorithm, key, text, encoding) {
    const digest = createHmac('sha256', typeof key === 'string' ? key : Buffer.from(key))
      .update(text)
      .digest()
    return encoding === 'hex'
      ? digest.toString('hex')
      : digest.buffer.slice(digest.byteOffset, digest.byteOffset + digest.length)
  },
}

const request = {
  url: 'https://sqs.eu-west-1.amazonaws.com/123456789012/my%20jobs',
  headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.SendMessage' },
  body: JSON.stringify({ QueueUrl: 'https://…', MessageBody: 'Élodie' }),
  region: 'eu-west-1',
  service: 'sqs',
  now: Date.UTC(2026, 10, 22, 12, 0, 0),
}

it("signs as Offload's own signer does, which AWS's clients and the emulator agree with", () => {
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }
  const plain = { ...request, url: 'https://sqs.eu-west-1.amazonaws.com/123456789012/jobs' }
  expect(signedHeaders(crypto, { ...plain, credentials })).toEqual(
    signAws({ ...plain, url: new URL(plain.url), credentials }),
  )
})

it("is AWS's own example", () => {
  // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html speaks of S3; this is the suite's post-vanilla.
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }
  const { authorization } = signedHeaders(crypto, {
    url: 'https://example.amazonaws.com/',
    headers: {},
    body: '',
    region: 'us-east-1',
    service: 'service',
    credentials,
    now: Date.UTC(2015, 7, 30, 12, 36, 0),
  })
  expect(authorization).toBe(
    'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, ' +
      'Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  )
})

it('signs a session token, and encodes an encoded path again', () => {
  const credentials = { accessKeyId: 'A', secretAccessKey: 'B', sessionToken: 'C' }
  const headers = signedHeaders(crypto, { ...request, credentials })
  expect(headers['x-amz-security-token']).toBe('C')
  expect(headers['authorization']).toContain(
    'SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target',
  )
  expect(headers['authorization']).not.toBe(
    signedHeaders(crypto, { ...request, url: request.url.replace('%20', '-'), credentials })['authorization'],
  )
})
