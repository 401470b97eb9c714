import type { Face } from './faces.ts'

/** What is drawn where no font has the character. */
export const replacement = '□'

/** Text on one line, composed (NFC), every kind of white space a single space. */
export function plain(text: string): string {
  return text
    .normalize('NFC')
    .replace(/[\s\u0085]+/gu, ' ')
    .trim()
}

const ignorable = /\p{Default_Ignorable_Code_Point}/u

/** Invisible by definition (joiners, direction marks, variation selectors): leaving it out takes nothing away. */
function isIgnorable(character: string): boolean {
  return ignorable.test(character)
}

/** Whether the font has all of the text. */
export function coversAll(font: Pick<Face, 'covers'>, text: string): boolean {
  for (const character of text) {
    if (!font.covers(character.codePointAt(0) ?? 0) && !isIgnorable(character)) return false
  }
  return true
}

/** The text as this font can draw it, and which characters it could not. */
export function drawable(font: Pick<Face, 'covers'>, text: string): { text: string; missing: readonly string[] } {
  const missing: string[] = []
  let drawn = ''
  for (const character of text) {
    if (font.covers(character.codePointAt(0) ?? 0)) {
      drawn += character
    } else if (!isIgnorable(character)) {
      missing.push(character)
      drawn += replacement
    }
  }
  return { text: drawn, missing }
}

/** `U+1F600`. */
export function codePointName(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
}
