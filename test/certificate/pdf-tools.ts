import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { crc32, deflateSync, inflateSync } from 'node:zlib'

const tools = ['qpdf', 'pdftotext', 'pdftoppm', 'pdfinfo', 'zbarimg'] as const

const missing = tools.filter(
  (tool) => !(process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, tool))),
)

/** Where these programs are not installed the tests that need them are skipped, but never in CI: there they fail. */
export const skipped = missing.length > 0 && process.env['CI'] !== 'true'
export const why = skipped ? ` (skipped: install ${missing.join(', ')})` : ''

/** A folder for the files of one test. */
export function openFolder(): Disposable & { write(name: string, bytes: Uint8Array): string } {
  const folder = mkdtempSync(join(tmpdir(), 'offload-certificate-'))
  return {
    write(name, bytes) {
      const path = join(folder, name)
      writeFileSync(path, bytes)
      return path
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Throws, with what qpdf says, where the file is not sound. */
export function qpdfCheck(...files: readonly string[]): void {
  for (const file of files) execFileSync('qpdf', ['--check', file], { stdio: 'pipe' })
}

export function textOf(file: string): string {
  return execFileSync('pdftotext', [file, '-'], { encoding: 'utf8' })
}

/** What pdfinfo says of a file, and all that its Info dictionary holds. */
export function infoOf(file: string): string {
  const env = { ...process.env, TZ: 'UTC' }
  const info = (...args: readonly string[]) => execFileSync('pdfinfo', [...args, file], { encoding: 'utf8', env })
  return info() + info('-custom')
}

/** With its streams and objects readable. */
export function inflated(file: string): string {
  return execFileSync('qpdf', ['--qdf', '--object-streams=disable', file, '-'], { encoding: 'latin1' })
}

/** What the QR code says, read from the rendered page. */
export function qrOf(file: string): string {
  const picture = file.replace(/\.pdf$/, '')
  execFileSync('pdftoppm', ['-r', '120', '-gray', '-png', '-singlefile', file, picture])
  return execFileSync('zbarimg', ['--quiet', '--raw', '-Sdisable', '-Sqrcode.enable', `${picture}.png`], {
    encoding: 'utf8',
    stdio: 'pipe',
  }).trim()
}

/** The letters of a text in a fixed order, without what is invisible: extraction may put them in another. */
export function letters(text: string): string {
  return Array.from(text.normalize('NFC').replaceAll(/[\s\p{Default_Ignorable_Code_Point}]/gu, ''))
    .toSorted()
    .join('')
}

/** A page in grey, one byte a pixel. */
export interface Picture {
  readonly width: number
  readonly height: number
  readonly pixels: Uint8Array
}

export function pictureOf(file: string, dotsPerInch: number): Picture {
  const pgm = execFileSync('pdftoppm', ['-r', String(dotsPerInch), '-gray', '-singlefile', file])
  const [, width = '', height = ''] = /^P5\n(\d+) (\d+)\n255\n/.exec(pgm.subarray(0, 40).toString('latin1')) ?? []
  const size = { width: Number(width), height: Number(height) }
  return { ...size, pixels: pgm.subarray(pgm.length - size.width * size.height) }
}

/** The share of pixels that are dark in one picture and light in the other; 1 where their sizes differ. */
export function difference(one: Picture, other: Picture): number {
  if (one.width !== other.width || one.height !== other.height) return 1
  let count = 0
  for (const [at, value] of one.pixels.entries()) if (Math.abs(value - (other.pixels[at] ?? 0)) > 100) count++
  return count / one.pixels.length
}

const signature = Buffer.from('89504e470d0a1a0a', 'hex')

/** A grey PNG whose lines are not filtered, so that reading it back takes no library. */
export function writePng(path: string, { width, height, pixels }: Picture): void {
  const chunk = (type: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, sum])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = 8
  const lines = Array.from({ length: height }, (_, y) => [
    Buffer.alloc(1),
    pixels.subarray(y * width, (y + 1) * width),
  ]).flat()
  const data = deflateSync(Buffer.concat(lines), { level: 9 })
  writeFileSync(
    path,
    Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]),
  )
}

/** What `writePng` has written. */
export function readPng(path: string): Picture {
  const png = readFileSync(path)
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)]
  const at = 33
  const lines = inflateSync(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)))
  const rows = Array.from({ length: height }, (_, y) => lines.subarray(y * (width + 1) + 1, (y + 1) * (width + 1)))
  return { width, height, pixels: Buffer.concat(rows) }
}
