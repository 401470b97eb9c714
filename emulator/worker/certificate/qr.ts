import { encode } from 'uqr'

export interface QrImage {
  /** Modules on a side, without a quiet zone. */
  readonly size: number
  /** An image mask, one bit a module, rows padded to bytes; 0 is a dark module. */
  readonly bits: Uint8Array
}

/** The longest text that a QR code of the largest version holds, in bytes. */
export const longestQrText = 2331

/**
 * The code that opens an address; undefined where it is longer than 2,331 bytes. Error correction M, as for print. The mask is fixed: readers take any of the eight, and trying them all for the
 * prettiest costs more than the rest of the certificate.
 */
export function qrImage(address: string): QrImage | undefined {
  // Readers guess at the charset of what is not ASCII, and guess differently.
  const text = address.toWellFormed().replace(/[^\x20-\x7e]/gu, encodeURIComponent)
  if (text.length > longestQrText) return undefined
  const { size, data } = encode(text, { ecc: 'M', border: 0, maskPattern: 0 })
  const stride = Math.ceil(size / 8)
  const bits = new Uint8Array(stride * size).fill(0xff)
  for (const [y, row] of data.entries()) {
    for (const [x, dark] of row.entries()) {
      const at = y * stride + (x >> 3)
      if (dark) bits[at] = (bits[at] ?? 0) & ~(0x80 >> (x & 7))
    }
  }
  return { size, bits }
}
