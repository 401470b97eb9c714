/** What is drawn where no font has the character. */
export const replacement = '□'

/** Text on one line, composed (NFC), every kind of white space a single space. */
export function plain(text: string): string {
  // Most is plain already.
  if (/^(?:[!-~]+ )*[!-~]*$/.test(text) && !text.endsWith(' ')) return text
  return text
    .normalize('NFC')
    .replace(/[\s\u0085]+/gu, ' ')
    .trim()
}

const ignorable = /\p{Default_Ignorable_Code_Point}/u

/** Invisible by definition (joiners, direction marks, variation selectors): leaving it out takes nothing away. */
export function isIgnorable(codePoint: number): boolean {
  return codePoint > 0x7f && ignorable.test(String.fromCodePoint(codePoint))
}

/** `U+1F600`. */
export function codePointName(codePoint: number): string {
  return `U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}`
}
