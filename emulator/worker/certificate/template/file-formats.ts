import type { Picture } from '../layout-model.ts'
import { AssetError } from './assets.ts'

export interface SizedPicture extends Picture {
  /** In pixels. */
  readonly width: number
  readonly height: number
}

const mostPixels = 40_000_000

const begins = (bytes: Uint8Array, ...start: readonly number[]) => start.every((byte, index) => bytes[index] === byte)
const letters = (bytes: Uint8Array, from: number, to: number) =>
  Buffer.from(bytes.subarray(from, to)).toString('latin1')

/** `pdf`, or what a picture's first bytes say; a name may lie. */
export function isPdf(bytes: Uint8Array): boolean {
  // Readers allow up to 1024 bytes before it.
  return letters(bytes, 0, 1024).includes('%PDF-')
}

/** A PNG or JPEG with its size; throws an AssetError for what is neither, or cannot be drawn. */
export function pictureOf(bytes: Uint8Array): SizedPicture {
  const picture = begins(bytes, 0x89, 0x50, 0x4e, 0x47)
    ? png(bytes)
    : begins(bytes, 0xff, 0xd8)
      ? jpeg(bytes)
      : undefined
  if (picture === undefined) throw new AssetError(`is ${otherFormat(bytes)}: save it as PNG or JPEG`)
  const { width, height } = picture
  if (width === 0 || height === 0) throw new AssetError('is a picture without any pixel')
  if (width * height > mostPixels) {
    throw new AssetError(`has ${width} × ${height} pixels: at most ${mostPixels / 1e6} million are taken`)
  }
  return picture
}

function png(bytes: Uint8Array): SizedPicture {
  if (
    bytes.length < 33 ||
    letters(bytes, 12, 16) !== 'IHDR' ||
    letters(bytes, bytes.length - 8, bytes.length - 4) !== 'IEND'
  ) {
    throw new AssetError('is a PNG that was cut off, or is broken')
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return { kind: 'png', bytes, width: view.getUint32(16), height: view.getUint32(20) }
}

/** Walks over the segments to the frame header, which has the size. */
function jpeg(bytes: Uint8Array): SizedPicture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 2; at + 9 < bytes.length;) {
    if (view.getUint8(at) !== 0xff) break
    const marker = view.getUint8(at + 1)
    if (marker === 0xff) {
      at++
      continue
    }
    // C4, C8 and CC are tables; the others from C0 to CF begin a frame.
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      if (marker > 0xc2) throw new AssetError('is a lossless or arithmetic JPEG: save it as baseline or progressive')
      return { kind: 'jpeg', bytes, height: view.getUint16(at + 5), width: view.getUint16(at + 7) }
    }
    if (marker === 0xd9 || marker === 0xda) break
    at += 2 + view.getUint16(at + 2)
  }
  throw new AssetError('is a JPEG that was cut off, or is broken')
}

function otherFormat(bytes: Uint8Array): string {
  if (letters(bytes, 0, 3) === 'GIF') return 'a GIF'
  if (letters(bytes, 0, 4) === 'RIFF' && letters(bytes, 8, 12) === 'WEBP') return 'a WebP'
  if (/^\s*(<\?xml|<!--|<svg)/.test(letters(bytes, 0, 200))) return 'an SVG'
  if (isPdf(bytes)) return 'a PDF'
  return 'no picture'
}

/** Throws an AssetError unless these are the bytes of a TrueType or OpenType font. */
export function checkFont(bytes: Uint8Array): void {
  const tag = letters(bytes, 0, 4)
  if (tag === 'ttcf') throw new AssetError('is a collection of fonts: extract the one that is meant')
  if (tag === 'wOFF' || tag === 'wOF2') throw new AssetError('is a web font (WOFF): take the .ttf or .otf')
  if (tag !== 'OTTO' && tag !== 'true' && tag !== '\0\u0001\0\0')
    throw new AssetError('is no TrueType or OpenType font')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const tables = new Set<string>()
  const count = view.getUint16(4)
  for (let index = 0, at = 12; index < count; index++, at += 16) {
    if (at + 16 > bytes.length || view.getUint32(at + 8) + view.getUint32(at + 12) > bytes.length) {
      throw new AssetError('is a font that was cut off')
    }
    tables.add(letters(bytes, at, at + 4))
  }
  const missing = ['cmap', 'head', 'hhea', 'hmtx', 'maxp'].filter((table) => !tables.has(table))
  if (!tables.has('glyf') && !tables.has('CFF ')) missing.push('glyf')
  if (missing.length > 0) throw new AssetError(`is a font without the table ${missing.join(', ')}`)
}

/** The size of a PDF's first page, in points; throws an AssetError where it cannot be read. */
export async function firstPage(bytes: Uint8Array): Promise<{ readonly width: number; readonly height: number }> {
  const { PDFDocument } = await import('@cantoo/pdf-lib')
  try {
    const document = await PDFDocument.load(bytes, { throwOnInvalidObject: true, updateMetadata: false })
    const page = document.getPage(0)
    const { width, height } = page.getCropBox()
    return page.getRotation().angle % 180 === 0 ? { width, height } : { width: height, height: width }
  } catch (error) {
    const locked = error instanceof Error && /encrypt/i.test(error.message)
    throw new AssetError(locked ? 'is encrypted: save it without a password' : 'is a PDF that cannot be read')
  }
}
