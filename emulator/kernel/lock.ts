import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { EmulatorError, messageOf } from './errors.ts'

type LockErrorCode = 'state-locked' | 'state-unusable'

const refusal = (code: LockErrorCode, message: string, directory: string) =>
  new EmulatorError(code, message, { directory })

export interface Lock {
  release(): void
}

/**
 * An exclusive lock on a file of its own, which is made where there is none; undefined where another process has it. It is
 * the operating system's, held by SQLite, so a process that dies by `kill -9` leaves none behind.
 */
export function tryLock(file: string): Lock | undefined {
  const db = new DatabaseSync(file)
  try {
    db.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
    return { release: () => db.close() }
  } catch (error) {
    db.close()
    if (isBusy(error)) return undefined
    throw error
  }
}

/**
 * One emulator per data directory. Throws EmulatorError `state-locked` where another process has it, `state-unusable`
 * where the directory cannot be made or written.
 */
export function lockDirectory(directory: string): Lock {
  let lock: Lock | undefined
  try {
    mkdirSync(directory, { recursive: true })
    lock = tryLock(join(directory, 'lock.db'))
  } catch (error) {
    throw refusal(
      'state-unusable',
      `${directory} cannot hold the state: ${messageOf(error)}. Make it a directory that this user (uid ${process.getuid?.() ?? 'unknown'}) can write, or give another --data-dir (or --ephemeral).`,
      directory,
    )
  }
  if (lock !== undefined) return lock
  throw refusal(
    'state-locked',
    `Another emulator uses ${directory}. Stop it, or give another --data-dir (or --ephemeral).`,
    directory,
  )
}

/** SQLITE_BUSY, in its extended forms too. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5
}
