import { phpJson } from '../../../contracts/php-json.ts'
import { freshnessSeconds } from '../../../contracts/signature.ts'

/**
 * What we know that a developer needs to explain a refused signature: which bytes are signed, whether PHP would write
 * them otherwise, and how far the clocks are apart. Undefined where the answer has nothing to do with the signature.
 */
export function evidenceOf({
  id,
  signed,
  status,
  body,
  stampedAt,
  date,
}: {
  id: string
  signed: boolean
  status: number
  body: string
  /** Epoch milliseconds. */
  stampedAt: number
  /** The answer's `Date` header. */
  date: string | undefined
}): string | undefined {
  if (!signed || (status !== 401 && status !== 403)) return undefined
  const sent = Buffer.byteLength(body)
  const reencoded = reencodedBytes(body)
  const facts = [`our signature covers the ${sent} bytes sent`]
  if (reencoded === sent) facts.push("re-encoding them as PHP's json_encode does keeps their number")
  else if (reencoded !== undefined) {
    facts.push(`re-encoded as PHP's json_encode does it is ${reencoded}: read php://input`)
  }
  const ahead = Math.round((Date.parse(date ?? '') - stampedAt) / 1000)
  if (Math.abs(ahead) > freshnessSeconds) {
    facts.push(`the receiver's clock is ${Math.abs(ahead)} s ${ahead > 0 ? 'ahead of' : 'behind'} our timestamp`)
  }
  return `Evidence: ${facts.join('; ')}. Reproduce: offload callbacks replay ${id.slice(0, 8)}`
}

/** Undefined for what is no JSON: a callback that was cut on purpose. */
function reencodedBytes(body: string): number | undefined {
  try {
    return Buffer.byteLength(phpJson(JSON.parse(body)))
  } catch {
    return undefined
  }
}
