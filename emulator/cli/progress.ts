import type { SingleBar } from 'cli-progress'
import type { JobAnswer } from './answers.ts'
import type { Terminal } from './terminal.ts'

export interface Progress {
  update(key: string, done: number, total: number): void
  stop(): void
}

/** One bar a job on a terminal; nothing where nobody watches. */
export async function createProgress(terminal: Pick<Terminal, 'live'>): Promise<Progress> {
  if (!terminal.live) return { update: () => {}, stop: () => {} }
  const { default: cliProgress } = await import('cli-progress')
  const bars = new Map<string, SingleBar>()
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
