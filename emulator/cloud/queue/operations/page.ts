import { z } from 'zod'
import { invalidParameter, invalidValue } from '../errors.ts'
import type { Caller } from '../operation.ts'

export const pageInput = z.object({ MaxResults: z.int().optional(), NextToken: z.string().optional() })

/** A page of queue URLs under `member`, which is left out where the page is empty; `names` are in order. */
export function pageOf(
  member: string,
  names: readonly string[],
  { MaxResults: most, NextToken: token }: z.output<typeof pageInput>,
  caller: Caller,
): Readonly<Record<string, unknown>> {
  if (most !== undefined && (most < 1 || most > 1000)) {
    throw invalidValue(most, 'MaxResults', 'Must be between 1 and 1000, if provided.')
  }
  const after = token === undefined ? '' : Buffer.from(token, 'base64').toString()
  if (token !== undefined && Buffer.from(after).toString('base64') !== token) {
    throw invalidParameter('Invalid or expired next token.')
  }
  const left = names.filter((name) => name > after)
  const page = left.slice(0, most ?? 1000)
  const last = page.at(-1)
  return {
    ...(page.length > 0 && { [member]: page.map((name) => caller.queueUrl(name)) }),
    // Without MaxResults AWS answers the first 1,000, and no token.
    ...(most !== undefined &&
      last !== undefined &&
      page.length < left.length && { NextToken: Buffer.from(last).toString('base64') }),
  }
}
