import { encode } from 'uqr'

export interface QrImage {
  /** Modules on a side, without a quiet zone. */
  readonly size: number
  /** An image mask, one bit a module, rows padded to bytes; 0 is a dark module. Read it before the next one is made. */
  readonly bits: Uint8Array
}

/** The longest text that a QR code of the largest version holds, in bytes. */
export const longestQrText = 2331

/** The code that opens an address; undefined where it is longer than 2,331 bytes. */
export type QrPrinter = (address: string) => QrImage | undefined

/** Codes of one length, of which the last is remembered: the next differs from it in a few bits. */
interface Series {
  readonly size: number
  readonly image: Uint8Array
  readonly words: Uint32Array
  readonly text: number[]
  /** What the image changes by where these bits of a byte of the text change. */
  readonly changes: Map<number, Uint32Array>
  made: number
}

const longestInSeries = 200
const seriesAtMost = 16
const madeWhole = 4

/**
 * A QR code is a linear code (Reed-Solomon, with fixed mask and version): each bit of the text changes the same modules
 * whatever the others are. So of many codes that differ in a few characters each is the one before, with the changes of
 * the characters that differ; a tenth of the time of making it anew.
 */
export function createQrPrinter(): QrPrinter {
  const series = new Map<number, Series>()

  const begin = (text: number[]): void => {
    const { size, image } = drawn(text)
    if (series.size >= seriesAtMost) series.clear()
    series.set(text.length, { size, image, words: new Uint32Array(image.buffer), text, changes: new Map(), made: 0 })
  }

  const change = (of: Series, byte: number, bits: number): Uint32Array => {
    const known = of.changes.get(byte * 256 + bits)
    if (known !== undefined) return known
    const text = Array.from(of.text, () => 0)
    const difference = new Uint32Array(drawn(text).image.buffer)
    text[byte] = bits
    xor(difference, new Uint32Array(drawn(text).image.buffer))
    of.changes.set(byte * 256 + bits, difference)
    return difference
  }

  return (address) => {
    // Readers guess at the charset of what is not ASCII, and guess differently.
    const ascii = address.toWellFormed().replace(/[^\x20-\x7e]/gu, encodeURIComponent)
    if (ascii.length > longestQrText) return undefined
    const text = Array.from(ascii, (character) => character.charCodeAt(0))
    if (text.length <= longestInSeries && !series.has(text.length)) begin(text)
    const known = series.get(text.length)
    if (known === undefined || known.made++ < madeWhole) return trimmed(drawn(text))
    for (const [byte, value] of text.entries()) {
      const bits = (known.text[byte] ?? 0) ^ value
      if (bits === 0) continue
      xor(known.words, change(known, byte, bits))
      known.text[byte] = value
    }
    return trimmed(known)
  }
}

/** The image is padded to whole words. */
function trimmed({ size, image }: { readonly size: number; readonly image: Uint8Array }): QrImage {
  return { size, bits: image.subarray(0, Math.ceil(size / 8) * size) }
}

function xor(words: Uint32Array, others: Uint32Array): void {
  for (let at = 0; at < words.length; at++) words[at] = (words[at] ?? 0) ^ (others[at] ?? 0)
}

/**
 * Error correction M, as for print. The mask is fixed: readers take any of the eight, and trying them all for the prettiest
 * costs more than the rest of a certificate.
 */
function drawn(text: readonly number[]): { size: number; image: Uint8Array<ArrayBuffer> } {
  const { size, data } = encode(text, { ecc: 'M', border: 0, maskPattern: 0 })
  const stride = Math.ceil(size / 8)
  const image = new Uint8Array(Math.ceil((stride * size) / 4) * 4).fill(0xff)
  for (const [y, row] of data.entries()) {
    for (const [x, dark] of row.entries()) {
      const at = y * stride + (x >> 3)
      if (dark) image[at] = (image[at] ?? 0) & ~(0x80 >> (x & 7))
    }
  }
  return { size, image }
}
