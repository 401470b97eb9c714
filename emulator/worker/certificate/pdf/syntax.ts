/** A coordinate, as exact as print needs. */
export const number = (value: number) => String(Math.round(value * 100) / 100)

/** A text string: parentheses for plain ASCII, otherwise UTF-16 in hexadecimal. Neither can hold PDF syntax. */
export function textString(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return `(${text.replace(/[()\\]/g, '\\$&')})`
  return `<feff${utf16(text.toWellFormed())}>`
}

/** UTF-16, big-endian, in hexadecimal. */
export function utf16(text: string): string {
  let hex = ''
  for (let at = 0; at < text.length; at++) hex += text.charCodeAt(at).toString(16).padStart(4, '0')
  return hex
}

/** `#rrggbb` → the operands of `rg` or `RG`. */
export function colour(value: string): string {
  const parts = [1, 3, 5].map((at) => parseInt(value.slice(at, at + 2), 16) / 255)
  if (value.length !== 7 || parts.some(Number.isNaN)) throw new Error(`"${value}" is no colour such as #1a2b3c`)
  return parts.map((part) => String(Math.round(part * 1000) / 1000)).join(' ')
}

/** A date in UTC; undefined for years that have no four digits. */
export function dateString(milliseconds: number): string | undefined {
  const date = new Date(milliseconds)
  if (Number.isNaN(date.getTime())) throw new Error(`${milliseconds} is no date in epoch milliseconds`)
  const iso = date.toISOString()
  return iso.length === 24 ? `(D:${iso.slice(0, 19).replace(/\D/g, '')}Z)` : undefined
}
