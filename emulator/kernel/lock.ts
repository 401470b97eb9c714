import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { EmulatorError } from './errors.ts'

/**
 * One emulator per data directory. The lock is the operating system's, held by SQLite on a file of its own, so a process
 * that dies by `kill -9` leaves none behind.
 */
export function lockDirectory(directory: string): { release(): void } {
  mkdirSync(directory, { recursive: true })
  const db = new DatabaseSync(join(directory, 'lock.db'))
  try {
    db.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
  } catch {
    db.close()
    throw new EmulatorError(
      'state-locked',
      `Another emulator uses ${directory}. Stop it, or give another --data-dir (or --ephemeral).`,
      { directory },
    )
  }
  return { release: () => db.close() }
}
