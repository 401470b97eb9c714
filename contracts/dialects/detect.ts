import type { Dialect, Envelope, JsonObject } from '../job.ts'
import { forms } from './forms.ts'

/** The dialect that a message looks like most, or `undefined` where it shows a mark of none. */
export function detectDialect(body: unknown, envelope: Envelope = {}): Dialect | undefined {
  if (!isObject(body)) return undefined
  const recipients = body['recipients']
  const head: unknown = Array.isArray(recipients) ? recipients[0] : undefined
  const looks = { body, first: isObject(head) ? head : {}, envelope }
  let best: Dialect | undefined
  let most = 0
  for (const form of Object.values(forms)) {
    const marks = form.marks(looks)
    if (marks > most) {
      best = form.dialect
      most = marks
    }
  }
  return best
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
