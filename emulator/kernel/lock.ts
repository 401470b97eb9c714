import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { EmulatorError, messageOf } from './errors.ts'

type LockErrorCode = 'state-locked' | 'state-unusable'

const refusal = (code: LockErrorCode, message: string, directory: string) =>
  new EmulatorError(code, message, { directory })

/**
 * One emulator per data directory. The lock is the operating system's, held by SQLite on a file of its own, so a process
 * that dies by `kill -9` leaves none behind. Throws EmulatorError `state-locked` where another process has it,
 * `state-unusable` where the directory cannot be made or written.
 */
export function lockDirectory(directory: string): { release(): void } {
  let db: DatabaseSync | undefined
  try {
    mkdirSync(directory, { recursive: true })
    db = new DatabaseSync(join(directory, 'lock.db'))
    db.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
    const lock = db
    return { release: () => lock.close() }
  } catch (error) {
    db?.close()
    if (isBusy(error)) {
      throw refusal(
        'state-locked',
        `Another emulator uses ${directory}. Stop it, or give another --data-dir (or --ephemeral).`,
        directory,
      )
    }
    throw refusal(
      'state-unusable',
      `${directory} cannot hold the state: ${messageOf(error)}. Make it a directory that this user (uid ${process.getuid?.() ?? 'unknown'}) can write, or give another --data-dir (or --ephemeral).`,
      directory,
    )
  }
}

/** SQLITE_BUSY, in its extended forms too. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5
}
