import { createEmulator, type ConfigInput, type Emulator, type EmulatorOptions } from './emulator.ts'
import { openMemory, type Session, type Store } from './kernel/store.ts'
import { virtualClock, type VirtualClock } from './kernel/virtual-clock.ts'

export interface SimulationOptions extends Omit<ConfigInput, 'data_dir' | 'ephemeral'> {
  /** When time begins, epoch milliseconds. */
  readonly start?: number
  readonly around?: EmulatorOptions['around']
}

/** An emulator in virtual time on a state in memory, which outlives restarts and crashes. */
export interface Simulation {
  /** The one that runs now. */
  readonly emulator: Emulator
  readonly clock: VirtualClock
  /** Its state, for who wants to break it. */
  readonly store: Store
  /** Lets time pass until this has happened, and gives what it resolves with. Rejects where it never happens, or dies. */
  during<T>(work: (emulator: Emulator) => Promise<T>): Promise<T>
  /** Lets time pass until nothing is under way any more (`true`), but no more than `limitMs`. */
  end(limitMs?: number): Promise<boolean>
  /** Stops the emulator as a person does (if it is not killed meanwhile), and starts another on the same state. */
  restart(changes?: Omit<ConfigInput, 'data_dir' | 'ephemeral'>): Promise<void>
  /** What `kill -9` does, and another start. */
  crash(): Promise<void>
  /** Kills it as soon as the journal has so many more entries; time has to pass for that, and `crash` starts it again. */
  killAfter(entries: number): void
  readonly killed: boolean
  stop(): Promise<void>
}

const day = 86_400_000

/** Virtual time runs everything in this process without ports; the same seed gives the same journal. */
export async function createSimulation({ start, around, ...config }: SimulationOptions): Promise<Simulation> {
  const memory = openMemory()
  let settings = config
  let clock = virtualClock(start)
  let session: Session = memory.session()
  let killed = false
  const boot = () =>
    createEmulator({ ...settings, clock, store: session, listen: false, ...(around === undefined ? {} : { around }) })
  let emulator = await boot()

  const drive = async <T>(work: Promise<T>): Promise<T> => {
    let over = false
    const end = () => {
      over = true
    }
    work.then(end, end)
    const happened = await clock.run({ until: () => over || killed })
    if (!happened && !over) throw new Error('nothing is left that could happen, and it has not happened')
    // A dead process ends nothing.
    if (killed && !over) throw new Error('the process was killed meanwhile')
    return await work
  }

  const startAgain = async () => {
    session.kill()
    // What it had begun comes to nothing; its timers go with its clock.
    await clock.settle()
    clock = virtualClock(clock.now())
    session = memory.session()
    killed = false
    emulator = await boot()
  }

  return {
    get emulator() {
      return emulator
    },
    get clock() {
      return clock
    },
    get store() {
      return session
    },
    get killed() {
      return killed
    },
    during: (work) => drive(work(emulator)),
    async end(limitMs = 7 * day) {
      let grown = true
      const unsubscribe = emulator.journal.subscribe(() => {
        grown = true
      })
      const isOver = () => {
        if (killed) return true
        if (!grown) return false
        grown = false
        return emulator.evidence.ended()
      }
      await clock.run({ until: isOver, limitMs })
      unsubscribe()
      return !killed && emulator.evidence.ended()
    },
    async restart(changes = {}) {
      settings = { ...settings, ...changes }
      try {
        await drive(emulator.stop())
      } catch (error) {
        if (!killed) throw error
        await startAgain()
        return
      }
      session = memory.session()
      emulator = await boot()
    },
    crash: startAgain,
    killAfter(entries) {
      let left = entries
      emulator.journal.subscribe(() => {
        if (--left > 0 || killed) return
        session.kill()
        killed = true
      })
    },
    async stop() {
      if (!killed) await drive(emulator.stop())
      memory.close()
    },
  }
}
