import type { Progress } from '../../load/run/run-state.ts'
import { number, time } from '../../load/run/words.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Terminal } from './terminal.ts'

/** `q` on a terminal, beside Ctrl-C. */
export function stopKey(terminal: Terminal, stop: () => void): { stop(): void } {
  const { stdin } = process
  if (!terminal.live || !stdin.isTTY) return { stop: () => {} }
  const onKey = (key: Buffer) => {
    const text = key.toString()
    // In raw mode Ctrl-C is a key as any other.
    if (text === '\u0003') process.kill(process.pid, 'SIGINT')
    else if (text === 'q') stop()
  }
  stdin.setRawMode(true).resume().on('data', onKey)
  return {
    stop() {
      stdin.off('data', onKey).setRawMode(false).pause()
    },
  }
}

const lineEveryMs = 5000

/** A bar on a terminal, else a line now and then. */
export async function createLoadProgress(terminal: Terminal, clock: Clock) {
  if (!terminal.live) {
    let next = 0
    return {
      update(progress: Progress) {
        if (clock.monotonic() < next && progress.doing === undefined) return
        next = clock.monotonic() + lineEveryMs
        terminal.note(`  ${inWords(progress)}`)
      },
      stop: () => {},
    }
  }
  const { default: cliProgress } = await import('cli-progress')
  const bar = new cliProgress.SingleBar(
    {
      format: '  {bar} {words}  (q stops)',
      barsize: 30,
      hideCursor: true,
      clearOnComplete: true,
      stream: process.stderr,
    },
    cliProgress.Presets.shades_classic,
  )
  let begun = false
  return {
    update(progress: Progress) {
      const words = inWords(progress)
      if (begun) bar.update(endedOf(progress), { words })
      else bar.start(progress.recipients, endedOf(progress), { words })
      begun = true
    },
    stop: () => bar.stop(),
  }
}

/** Callbacks may tell of many at once: what was mailed moves before. */
const endedOf = ({ done, mailed, recipients }: Progress) => Math.min(recipients, Math.max(done, mailed ?? 0))

function inWords({ done, mailed, recipients, submitted, failed, depth, at, doing }: Progress): string {
  if (doing !== undefined) return doing
  const rate = at > 0 ? (Math.max(done, mailed ?? 0) / at) * 1000 : 0
  return [
    `${number(done)} of ${number(recipients)}`,
    `${number(submitted)} submitted`,
    ...(mailed === null ? [] : [`${number(mailed)} mailed`]),
    ...(failed > 0 ? [`${number(failed)} failed`] : []),
    ...(depth === null ? [] : [`${number(depth)} queued`]),
    `${number(rate)}/s`,
    time(at),
  ].join('  ')
}
