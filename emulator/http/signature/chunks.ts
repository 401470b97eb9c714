import { createHmac } from 'node:crypto'
import { equalSignatures, sha256, signingKey, type Scope } from '../../../contracts/sigv4.ts'

/** What the signatures of a body's chunks begin with: the request's own, and with what it was made. */
export interface SeedSignature {
  readonly signature: string
  readonly date: string
  readonly scope: Scope
  readonly secret: string
}

/** Why a chunk's signature is wrong: what was signed here, and what came. */
export interface ChunkMismatch {
  readonly stringToSign: string
  readonly signatureProvided: string
}

/** Checks a body's chunks in the order in which they came: each signature is over the one before it. */
export interface ChunkSignatures {
  /** Undefined where it is right. */
  chunk(bytes: Uint8Array, signature: string): ChunkMismatch | undefined
  /** The trailing header fields, as they were signed: `name:value\n`. */
  trailer(fields: string, signature: string): ChunkMismatch | undefined
}

/** Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html */
export function chunkSignatures({ signature: seed, date, scope, secret }: SeedSignature): ChunkSignatures {
  const key = signingKey({ secret, scope })
  const { day, region, service } = scope
  let previous = seed
  const check = (kind: 'PAYLOAD' | 'TRAILER', hashes: readonly string[], signatureProvided: string) => {
    const stringToSign = [
      `AWS4-HMAC-SHA256-${kind}`,
      date,
      `${day}/${region}/${service}/aws4_request`,
      previous,
      ...hashes,
    ].join('\n')
    previous = createHmac('sha256', key).update(stringToSign).digest('hex')
    return equalSignatures(previous, signatureProvided) ? undefined : { stringToSign, signatureProvided }
  }
  return {
    chunk: (bytes, signature) => check('PAYLOAD', [sha256(''), sha256(bytes)], signature),
    trailer: (fields, signature) => check('TRAILER', [sha256(fields)], signature),
  }
}
