import { closeSync, fstatSync, openSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { isAbsolute, join, relative } from 'node:path'

/** A file of a template, as it was when it was read. */
export interface Asset {
  readonly bytes: Uint8Array
  readonly stamp: string
}

/** Why a file cannot be used, in words that follow its name. */
export class AssetError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'AssetError'
  }
}

/** Differs where a file was changed. */
const stampOf = ({ mtimeMs, size, ino }: { mtimeMs: number; size: number; ino: number }): string =>
  `${mtimeMs}:${size}:${ino}`

/** Reads a file inside the folder; throws an AssetError where it leads outside, is none, or is too large. */
export function readAsset(folder: string, name: string, largest: number): Asset {
  const outside = new AssetError('must be inside the folder of the templates: write its path from there, without ..')
  if (name.includes('\0') || isAbsolute(name) || /^[a-z]:|^\\/i.test(name)) throw outside
  if (name.split(/[\\/]/).includes('..')) throw outside
  let handle: number | undefined
  try {
    const path = realpathSync(join(folder, name))
    const inside = relative(realpathSync(folder), path)
    if (inside === '' || inside.startsWith('..') || isAbsolute(inside)) throw outside
    handle = openSync(path, 'r')
    const stat = fstatSync(handle)
    if (!stat.isFile()) throw new AssetError('is no file')
    if (stat.size > largest) {
      throw new AssetError(`has ${megabytes(stat.size)} MB: at most ${megabytes(largest)} are taken`)
    }
    return { bytes: new Uint8Array(readFileSync(handle)), stamp: stampOf(stat) }
  } catch (error) {
    throw reasonOf(error)
  } finally {
    if (handle !== undefined) closeSync(handle)
  }
}

/** What a path has now: the stamp of its file, or `absent`. */
export function stampAt(path: string): string {
  try {
    return stampOf(statSync(path))
  } catch {
    return 'absent'
  }
}

/** What will not pass is the file's fault; for anything else the error is passed on. */
function reasonOf(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new AssetError('is not there: its path begins in the folder of the templates')
  if (code === 'EACCES' || code === 'EPERM') return new AssetError('cannot be read: its permissions forbid it')
  return code === 'ELOOP' || code === 'ENAMETOOLONG' ? new AssetError(`cannot be read (${code})`) : error
}

const megabytes = (bytes: number) => String(Math.round(bytes / 1e5) / 10)
