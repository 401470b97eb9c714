/** What moves the pen by this much, unless nobody would see it. */
export const adjustment = (distance: number) => (Math.abs(distance) < 0.5 ? 0 : Math.round(-distance * 10) / 10)

/** A glyph's code in a string of two bytes each. */
export const hexCode = (code: number) => code.toString(16).padStart(4, '0')
