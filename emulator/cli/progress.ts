import cliProgress from 'cli-progress'
import type { JobAnswer } from './answers.ts'
import type { Terminal } from './terminal.ts'

export interface Progress {
  update(key: string, done: number, total: number): void
  stop(): void
}

/** One bar a job on a terminal; nothing where nobody watches. */
export function createProgress(terminal: Pick<Terminal, 'live'>): Progress {
  if (!terminal.live) return { update: () => {}, stop: () => {} }
  const bars = new Map<string, cliProgress.SingleBar>()
  const multi = new cliProgress.MultiBar(
    {
      format: '  {name} {bar} {value}/{total}',
      barsize: 30,
      hideCursor: true,
      clearOnComplete: true,
      stream: process.stderr,
    },
    cliProgress.Presets.shades_classic,
  )
  return {
    update(name, done, total) {
      const bar = bars.get(name) ?? multi.create(total, 0, { name })
      bars.set(name, bar)
      bar.setTotal(total)
      bar.update(done, { name })
    },
    stop: () => multi.stop(),
  }
}

export const doneOf = ({ totals }: JobAnswer): number => totals.sent + totals.failed
