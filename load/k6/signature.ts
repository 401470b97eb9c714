import crypto from 'k6/crypto'
import encoding from 'k6/encoding'

/** `X-Signature` of the specification: lower-case hex HMAC-SHA256 of the raw body. */
export const signBody = (secret: string, body: string): string => crypto.hmac('sha256', secret, body, 'hex')

/** The headers of Standard Webhooks; `secret` as `whsec_…`, or as plain text. `seconds`: epoch seconds. */
export function standardWebhookHeaders(
  secret: string,
  { id, seconds, body }: { readonly id: string; readonly seconds: number; readonly body: string },
): Record<string, string> {
  const key = secret.startsWith('whsec_') ? encoding.b64decode(secret.slice('whsec_'.length)) : secret
  const signature = crypto.hmac('sha256', key, `${id}.${seconds}.${body}`, 'base64')
  return { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': `v1,${signature}` }
}
