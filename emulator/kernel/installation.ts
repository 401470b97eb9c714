import { EmulatorError } from './errors.ts'
import { createIds, freshSeed, type Ids } from './ids.ts'
import type { Store } from './store.ts'

/** The version of the state file's tables; a file of another version is refused with what to do. */
const stateVersion = 5

export interface Installation {
  readonly seed: string
  /** Grows by one at each start on the same state file. */
  readonly boot: number
  readonly ids: Ids
}

/** Whose state it is: neither can go on with the other's. */
export type StateUse = 'emulator' | 'worker'

const usedBy: Readonly<Record<StateUse, string>> = { emulator: 'an emulator (offload up)', worker: 'offload worker' }

/** Reads who we are from the state file, and counts this start. */
export function boot({
  store,
  seed,
  use = 'emulator',
}: {
  store: Store
  seed?: string | undefined
  use?: StateUse
}): Installation {
  store.define('CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID')
  return store.tx(() => {
    const read = (name: string) => store.get<{ value: string }>('SELECT value FROM meta WHERE name = ?', name)?.value
    const write = (name: string, value: string) =>
      store.run('INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value', name, value)

    const version = read('version')
    if (version !== undefined && version !== String(stateVersion)) {
      throw new EmulatorError(
        'state-of-another',
        `${store.path} was written by another version of Offload (tables ${version}, this one has ${stateVersion}). ` +
          'Move it away, or name another (--data-dir, --ledger).',
      )
    }
    const known = read('use') ?? use
    if (version !== undefined && known !== use) {
      throw new EmulatorError(
        'state-of-another',
        `${store.path} is the state of ${usedBy[known as StateUse]}: name another file.`,
      )
    }
    const chosen = seed ?? read('seed') ?? freshSeed()
    const installation = read('installation') ?? (seed === undefined ? freshSeed() : `seed-${seed}`)
    const number = Number(read('boot') ?? 0) + 1
    write('version', String(stateVersion))
    write('use', use)
    write('seed', chosen)
    write('installation', installation)
    write('boot', String(number))
    return { seed: chosen, boot: number, ids: createIds({ seed: chosen, installation, boot: number }) }
  })
}
