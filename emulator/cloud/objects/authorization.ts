import { ObjectsError } from './errors.ts'
import { isPresignedV2, verifyPresignedV2 } from './sigv2.ts'
import { isPresigned, verifyPresigned, type Known, type WireRequest } from './sigv4.ts'

/** How a request says who sends it. */
export type Authentication = 'query-v4' | 'query-v2' | 'header' | 'none'

/** Throws `several-signatures`, which S3 does not sort out either. */
export function authenticationOf({ query, headers }: WireRequest): Authentication {
  const kinds: Authentication[] = [
    ...(isPresigned(query) ? (['query-v4'] as const) : []),
    ...(isPresignedV2(query) ? (['query-v2'] as const) : []),
    ...(headers['authorization'] === undefined ? [] : (['header'] as const)),
  ]
  if (kinds.length > 1) throw new ObjectsError('several-signatures', `the request is signed by ${kinds.join(' and ')}`)
  return kinds[0] ?? 'none'
}

/** Where a presigned request goes. */
export interface Destination {
  /** The bucket's name where it stands in the Host, not in the path. */
  readonly bucketOfHost: string | undefined
  readonly isR2: boolean
  /** The hosts that may have been signed, the request's own first. */
  readonly hosts: readonly string[]
}

/** Checks a request that is authenticated by its query; R2's own answers where the bucket is one of R2's. */
export function verifyQuery(
  request: WireRequest,
  version: 'query-v4' | 'query-v2',
  to: Destination,
  known: Known,
): void {
  if (version === 'query-v2' && to.isR2) {
    throw new ObjectsError('r2-signature-version', 'R2 takes signature version 4 alone')
  }
  try {
    if (version === 'query-v4') verifyPresigned(request, { ...known, hosts: to.hosts })
    else verifyPresignedV2(request, to.bucketOfHost, known)
  } catch (error) {
    if (to.isR2 && error instanceof ObjectsError && error.code === 'request-expired') {
      throw new ObjectsError('r2-request-expired', error.message, error.details)
    }
    throw error
  }
}
