import { existsSync, mkdirSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { EmulatorError } from './errors.ts'
import { tryLock } from './lock.ts'

/** A process that uses a state: it holds what it has begun (leases, callbacks), until it gives it up or dies. */
export interface Holder {
  /** Never used twice on the same state. */
  readonly name: string
  /** Whether another one of this name still lives. What a dead one held is free. */
  isAlive(name: string): boolean
}

/** The only process on its state: whoever was there before is dead. */
export const aloneOn = (name: string): Holder => ({ name, isAlive: () => false })

/**
 * One of several processes on the same state file. Each locks a file of its own in the folder beside it as long as it
 * lives, so that a death shows at once, in a container too, and a number that is used again misleads nobody. The state file
 * must be there.
 */
export function joinHolders({ stateFile, name }: { stateFile: string; name: string }): Holder & { leave(): void } {
  // Whoever comes by a symbolic link must find the same folder: else each would take the other one for dead.
  const folder = `${realpathSync(stateFile)}-holders`
  const lockOf = (holder: string) => join(folder, `${holder}.lock`)
  mkdirSync(folder, { recursive: true })
  const own = tryLock(lockOf(name))
  if (own === undefined) {
    throw new EmulatorError(
      'holder-taken',
      `another process is ${name} in ${folder}: ${stateFile} was removed while it works on it. End that process first`,
    )
  }
  return {
    name,
    isAlive(other) {
      if (other === name) return true
      const file = lockOf(other)
      if (!existsSync(file)) return false
      const lock = tryLock(file)
      if (lock === undefined) return true
      lock.release()
      rmSync(file, { force: true })
      return false
    },
    leave() {
      own.release()
      rmSync(lockOf(name), { force: true })
    },
  }
}
