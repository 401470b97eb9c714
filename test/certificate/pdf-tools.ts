import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

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

export function infoOf(file: string): string {
  return execFileSync('pdfinfo', [file], { encoding: 'utf8', env: { ...process.env, TZ: 'UTC' } })
}

/** What the QR code says, read from the rendered page. */
export function qrOf(file: string): string {
  const picture = file.replace(/\.pdf$/, '')
  execFileSync('pdftoppm', ['-r', '120', '-gray', '-png', '-singlefile', file, picture])
  return execFileSync('zbarimg', ['--quiet', '--raw', `${picture}.png`], { encoding: 'utf8', stdio: 'pipe' }).trim()
}
