import { ObjectsError } from '../../cloud/objects/errors.ts'

const mark = 'after:'

/** Where a listing goes on, for who must not look into it. */
export const writeToken = (last: string) => Buffer.from(mark + last).toString('base64')

/** Throws ObjectsError `continuation-token`. */
export function readToken(token: string): string {
  const text = Buffer.from(token, 'base64').toString('utf8')
  const last = text.slice(mark.length)
  if (text.startsWith(mark) && writeToken(last) === token) return last
  throw new ObjectsError('continuation-token', 'this is no token that a listing gave')
}
