import type { Ids } from '../../kernel/ids.ts'

export interface CodeOf {
  readonly tenant: number
  readonly job: string
  readonly recipient: string
  /** The recipient's row in the ledger, below 2^32. */
  readonly row: number
}

const tagLength = 8
const rowLength = 8

/** The code of a certificate: 16 characters in hex, of which half is a keyed hash: a guess is right once in 2^46 for 200,000 certificates. */
export function certificateCode(ids: Ids, { tenant, job, recipient, row }: CodeOf): string {
  const tag = ids.stable(tagLength, 'certificate', tenant, job, recipient)
  const hidden = (row ^ maskOf(ids, tag)) >>> 0
  return `${tag}${hidden.toString(16).padStart(rowLength, '0')}`.toUpperCase()
}

/**
 * The only row whose code this may be; whether it is decides the code that the row has. An index over codes, which are in
 * no order, would be a third of what is written for a recipient.
 */
export function rowOfCode(ids: Ids, code: string): number {
  const tag = code.slice(0, tagLength).toLowerCase()
  return (parseInt(code.slice(tagLength), 16) ^ maskOf(ids, tag)) >>> 0
}

function maskOf(ids: Ids, tag: string): number {
  return parseInt(ids.stable(rowLength, 'certificate of row', tag), 16)
}
