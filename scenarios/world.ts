import { createEmulator, type ConfigInput, type Emulator } from '../emulator/emulator.ts'
import { sleep, systemClock } from '../emulator/kernel/clock.ts'
import { openMemory } from '../emulator/kernel/store.ts'
import { createSimulation } from '../emulator/simulation.ts'

/** Where a scenario happens. */
export interface World {
  /** The emulator that runs now. */
  readonly emulator: Emulator
  /** Epoch milliseconds. */
  now(): number
  /** How far a time may be from the one that is expected, in milliseconds: before and after it. */
  readonly tolerance: readonly [early: number, late: number]
  /** Lets time pass until this has happened. Rejects where it never will, or where the emulator was killed meanwhile. */
  during<T>(work: (emulator: Emulator) => Promise<T>): Promise<T>
  wait(ms: number): Promise<void>
  /** Lets time pass until nothing is under way any more (`true`), or for so long. */
  end(limitMs: number | undefined): Promise<boolean>
  restart(changes: ConfigInput): Promise<void>
  /** What `kill -9` does, and another start. */
  crash(): Promise<void>
  /** Kills the emulator when the journal has so many more entries. */
  killAfter(entries: number): void
  readonly killed: boolean
  stop(): Promise<void>
}

export interface WorldOptions {
  readonly seed: string
  readonly config: ConfigInput
  /** When time begins; virtual time only. */
  readonly start?: number
}

/** Everything in this process, on a clock that goes from timer to timer. */
export async function virtualWorld({ seed, config, start }: WorldOptions): Promise<World> {
  const simulated = await createSimulation({ ...config, seed, ...(start === undefined ? {} : { start }) })
  return {
    get emulator() {
      return simulated.emulator
    },
    get killed() {
      return simulated.killed
    },
    now: () => simulated.clock.now(),
    tolerance: [500, 499],
    during: simulated.during,
    wait: (ms) => simulated.clock.advance(ms),
    end: (limitMs) => simulated.end(limitMs),
    restart: (changes) => simulated.restart(changes),
    crash: simulated.crash,
    killAfter: simulated.killAfter,
    stop: simulated.stop,
  }
}

const lookEveryMs = 100
const longestRealMs = 20 * 60_000

/** An emulator on free ports, in real time; its state outlives a restart. It cannot be killed: it is in this process. */
export async function realWorld({ seed, config }: WorldOptions): Promise<World> {
  const clock = systemClock()
  const memory = openMemory()
  let settings = config
  const boot = (ports: ConfigInput) => createEmulator({ ...settings, ...ports, seed, store: memory.session() })
  let emulator = await boot({ port: 0, smtp_port: 0, inbox_port: 0 })
  // Jobs name the address that their callbacks go to, so it stays.
  const ports = {
    port: new URL(emulator.url).port,
    smtp_port: emulator.smtp.split(':').at(-1),
    inbox_port: new URL(emulator.inbox).port,
  }
  const cannot = () => new Error('an emulator in this process cannot be killed in real time')

  return {
    get emulator() {
      return emulator
    },
    killed: false,
    now: () => clock.now(),
    tolerance: [600, 3000],
    during: (work) => work(emulator),
    wait: (ms) => sleep(clock, ms),
    async end(limitMs = longestRealMs) {
      const until = clock.now() + Math.min(limitMs, longestRealMs)
      while (!emulator.evidence.ended() && clock.now() < until) await sleep(clock, lookEveryMs)
      return emulator.evidence.ended()
    },
    async restart(changes) {
      settings = { ...settings, ...changes }
      await emulator.stop()
      emulator = await boot(ports)
    },
    crash: () => Promise.reject(cannot()),
    killAfter() {
      throw cannot()
    },
    async stop() {
      await emulator.stop()
      memory.close()
    },
  }
}
