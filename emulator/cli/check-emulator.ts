import { systemClock } from '../kernel/clock.ts'
import { isLoopback } from '../deployment/safety.ts'
import { health } from './answers.ts'
import type { Configuration } from './configuration.ts'
import { Failure } from './failure.ts'
import { runningEmulator } from './running-emulator.ts'
import { startEmulator } from './start.ts'
import { createTarget, targetUrl } from './target.ts'
import type { Terminal } from './terminal.ts'

export interface CheckedEmulator {
  readonly url: string
  readonly queueUrl: string
}

export interface EmulatorOfCheck {
  /** The one that runs at --url, OFFLOAD_URL or the port of the configuration, else one that is started with it. */
  get(): Promise<CheckedEmulator>
  /** Stops it, if it was started here. */
  stop(): Promise<void>
}

/** Asked for at most once, since most checks need none. */
export function emulatorOfCheck(
  terminal: Terminal,
  flag: string | undefined,
  { input, config }: Pick<Configuration, 'input' | 'config'>,
): EmulatorOfCheck {
  let stop: (() => Promise<void>) | undefined
  let asked: Promise<CheckedEmulator> | undefined

  const find = async (): Promise<CheckedEmulator> => {
    const named = flag ?? (process.env['OFFLOAD_URL'] || undefined)
    const url = targetUrl(named ?? `http://127.0.0.1:${config.port}`)
    if ((await runningEmulator(url, systemClock())) !== undefined) {
      const { queue_url: queueUrl } = await createTarget(url).get('/_offload/health', health)
      terminal.say(terminal.style('dim', `  on the emulator that runs at ${url}`))
      return { url, queueUrl }
    }
    if (named !== undefined && !isLoopback(new URL(url).hostname)) {
      throw new Failure(3, `no emulator answers at ${url}`, { fix: ['leave --url out: one is started here'] })
    }
    const port = named === undefined ? {} : { port: new URL(url).port || '80' }
    // Its state is its own, so that a check finds nothing of the one before.
    const emulator = await startEmulator({ ...input, ...port, ephemeral: true })
    stop = () => emulator.stop()
    terminal.say(terminal.style('dim', `  on an emulator of its own at ${emulator.url}, worker ${config.worker}`))
    return { url: emulator.url, queueUrl: emulator.queueUrl }
  }
  return { get: () => (asked ??= find()), stop: async () => stop?.() }
}
