/**
 * JSON as PHP's `json_encode` writes it by default: `/` and everything beyond ASCII escaped. What `json_decode(…, true)`
 * loses is lost here too: an empty object becomes a list.
 */
export function phpJson(value: unknown): string {
  const text = JSON.stringify(value, (_name, inner: unknown) => (isEmptyObject(inner) ? [] : inner)) ?? 'null'
  return text
    .replaceAll('/', '\\/')
    .replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
}
