import type { Command } from 'commander'
import { health } from './answers.ts'
import { readMails } from './inbox.ts'
import { examples, whole, withTarget, type TargetOptions } from './options.ts'
import { columns } from './table.ts'
import { createTarget } from './target.ts'
import { createTerminal } from './terminal.ts'

interface MailsOptions extends TargetOptions {
  readonly job?: string
  readonly last: number
}

export function define(command: Command): void {
  command
    .description('Lists the mails in the inbox, the newest first, each with an address that shows it.')
    .option('--job <id>', 'of one job')
    .option('--last <n>', 'how many', whole(1, 1_000_000), 20)
  withTarget(command)
  examples(command, [
    ['offload mails', 'the last 20'],
    ['offload mails --job 12345 --last 1000', "a job's"],
    ["offload mails --json | jq -r '.To[].Address'", 'who was mailed'],
  ])
  command.action(async ({ url, json, job, last }: MailsOptions) => {
    const terminal = createTerminal({ json })
    const { inbox } = await createTarget(url).get('/_offload/health', health)
    const { total, mails } = await readMails(inbox, { limit: last, ...(job !== undefined && { job }) })
    for (const mail of mails) terminal.record(mail)
    if (json) return
    if (total === 0)
      return terminal.say(job === undefined ? `The inbox at ${inbox} is empty.` : `No mail of job ${job} at ${inbox}.`)
    const rows = mails.map(({ ID, To, Subject, Created }) => [
      new Date(Created).toLocaleTimeString('en-GB'),
      (To ?? []).map(({ Address }) => Address).join(', '),
      Subject,
      `${inbox}/view/${ID}.html`,
    ])
    terminal.say(columns(['time', 'to', 'subject', 'open'], rows))
    if (total > mails.length)
      terminal.say(terminal.style('dim', `${mails.length} of ${total}: --last ${total} shows all, or ${inbox}`))
  })
}
