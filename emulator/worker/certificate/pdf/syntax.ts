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

/** `#rrggbb` → the operands of `rg` or `RG`; throws where it is none. */
export function colour(value: string): string {
  if (!/^#[0-9a-f]{6}$/i.test(value)) throw new Error(`"${value}" is no colour such as #1a2b3c`)
  const rgb = parseInt(value.slice(1), 16)
  return `${share(rgb >> 16)} ${share((rgb >> 8) & 0xff)} ${share(rgb & 0xff)}`
}

const share = (of255: number) => Math.round((of255 / 255) * 1000) / 1000

/** A date in UTC; undefined for none, and for years that have no four digits. */
export function dateString(milliseconds: number): string | undefined {
  const date = new Date(milliseconds)
  if (Number.isNaN(date.getTime())) return undefined
  const iso = date.toISOString()
  return iso.length === 24 ? `(D:${iso.slice(0, 19).replace(/\D/g, '')}Z)` : undefined
}
