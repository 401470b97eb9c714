import type { Command } from 'commander'
import type { JournalEntry } from '../kernel/journal.ts'
import { systemClock } from '../kernel/clock.ts'
import { logEntries } from './answers.ts'
import { listenForInterruption } from './interruption.ts'
import { createLogLines } from './log-lines.ts'
import { examples, whole, withTarget, type TargetOptions } from './options.ts'
import { createTarget } from './target.ts'
import { createTerminal } from './terminal.ts'

interface LogsOptions extends TargetOptions {
  readonly follow?: boolean
  readonly job?: string
  readonly last: number
}

export function define(command: Command): void {
  command
    .description('Shows what happened: jobs, advice, mail, callbacks and what they were answered.')
    .option('-f, --follow', 'go on as it happens, until Ctrl-C')
    .option('--job <id>', 'of one job')
    .option('--last <n>', 'how many events', whole(1, 100_000), 100)
  withTarget(command)
  examples(command, [
    ['offload logs', 'the last 100 events'],
    ['offload logs --follow', 'and those to come'],
    ['offload logs --job 12345 --last 100000', "a job's whole story"],
    ['offload logs --json | jq .event', 'the events themselves'],
  ])
  command.action((options: LogsOptions) => logs(options))
}

async function logs({ url, json, follow, job, last }: LogsOptions): Promise<void> {
  const terminal = createTerminal({ json })
  const target = createTarget(url)
  const lines = createLogLines(terminal)
  const show = (entry: JournalEntry) => {
    if (json) terminal.record(entry)
    else for (const line of lines.entry(entry)) terminal.say(line)
  }

  const query = `last=${last}${job === undefined ? '' : `&job=${encodeURIComponent(job)}`}`
  const { entries } = await target.get(`/_offload/log?${query}`, logEntries)
  for (const entry of entries) show(entry as unknown as JournalEntry)
  if (!follow) {
    if (entries.length === 0)
      terminal.note(job === undefined ? 'Nothing has happened yet.' : `Nothing is known of job ${job}.`)
    return
  }

  const interruption = listenForInterruption(systemClock())
  const after = entries.at(-1)?.id ?? 0
  for await (const entry of target.events({ after, signal: interruption.signal })) {
    if (job === undefined || ('job' in entry.event && entry.event.job === job)) show(entry)
  }
  if (interruption.signal.aborted) process.exit((await interruption.happened) === 'SIGINT' ? 130 : 0)
}
