/** One table of a TrueType or OpenType font; undefined where it has none, or is no such font. */
export function tableOf(font: Uint8Array, name: string): Uint8Array | undefined {
  const view = new DataView(font.buffer, font.byteOffset, font.byteLength)
  const count = font.byteLength < 12 ? 0 : view.getUint16(4)
  for (let at = 12; at < 12 + count * 16 && at + 16 <= font.byteLength; at += 16) {
    if (String.fromCharCode(...font.subarray(at, at + 4)) === name) {
      const offset = view.getUint32(at + 8)
      return font.subarray(offset, offset + view.getUint32(at + 12))
    }
  }
  return undefined
}

/**
 * The CID of each glyph of a CID-keyed CFF font, from its charset; undefined where the font is keyed by name. A PDF finds
 * the glyphs of the former by CID, and harfbuzz keeps the CIDs in a subset. After Adobe's technical note 5176.
 */
export function cidsOf(cff: Uint8Array): Uint16Array | undefined {
  const view = new DataView(cff.buffer, cff.byteOffset, cff.byteLength)
  const offsetAt = (at: number, size: number) => {
    let value = 0
    for (let index = 0; index < size; index++) value = value * 256 + view.getUint8(at + index)
    return value
  }
  const index = (at: number) => {
    const count = view.getUint16(at)
    if (count === 0) return { count, first: at, end: at + 2 }
    const size = view.getUint8(at + 2)
    const data = at + 2 + (count + 1) * size
    return { count, first: data + 1, end: data + offsetAt(at + 3 + count * size, size) }
  }
  const names = index(view.getUint8(2))
  const top = index(names.end)
  const dictionary = operatorsOf(cff.subarray(top.first, top.end))
  if (!dictionary.has(ros)) return undefined

  const glyphs = view.getUint16(dictionary.get(charStrings) ?? 0)
  const cids = new Uint16Array(glyphs)
  let at = dictionary.get(charset) ?? 0
  const format = view.getUint8(at++)
  for (let glyph = 1; glyph < glyphs;) {
    let cid = view.getUint16(at)
    at += 2
    let left = 0
    if (format === 1) left = view.getUint8(at++)
    if (format === 2) {
      left = view.getUint16(at)
      at += 2
    }
    for (; left >= 0 && glyph < glyphs; left--) cids[glyph++] = cid++
  }
  return cids
}

const charset = 15
const charStrings = 17
const ros = 0x0c1e

/** The last operand of each operator of a DICT; those of two bytes are 0x0c and the second. */
function operatorsOf(dict: Uint8Array): ReadonlyMap<number, number> {
  const found = new Map<number, number>()
  const view = new DataView(dict.buffer, dict.byteOffset, dict.byteLength)
  let operand = 0
  for (let at = 0; at < dict.byteLength;) {
    const byte = view.getUint8(at++)
    if (byte === 12) found.set(0x0c00 | view.getUint8(at++), operand)
    else if (byte <= 21) found.set(byte, operand)
    else if (byte === 28) {
      operand = view.getInt16(at)
      at += 2
    } else if (byte === 29) {
      operand = view.getInt32(at)
      at += 4
    } else if (byte === 30) {
      // A real number ends in a nibble of 15; none of the operators above takes one.
      while ((view.getUint8(at++) & 0x0f) !== 0x0f);
    } else if (byte <= 246) operand = byte - 139
    else if (byte <= 250) operand = (byte - 247) * 256 + view.getUint8(at++) + 108
    else operand = -(byte - 251) * 256 - view.getUint8(at++) - 108
  }
  return found
}
