/**
 * Whether a text is base64, padded or not; white space between is allowed where `spaced`. Looks for what must not be
 * there: an expression for the whole text would take the stack where that is megabytes long.
 */
export function isBase64(text: string, { spaced = false } = {}): boolean {
  if ((spaced ? /[^A-Za-z0-9+/=\s]/ : /[^A-Za-z0-9+/=]/).test(text)) return false
  const padding = text.indexOf('=')
  return padding < 0 || /^=\s*=?\s*$/.test(text.slice(padding, padding + 100))
}
