import type { Command } from 'commander'
import { jobList } from './answers.ts'
import { call } from './invocation.ts'
import { examples, whole, withTarget, type TargetOptions } from './options.ts'
import { columns } from './table.ts'
import { createTarget } from './target.ts'
import { createTerminal } from './terminal.ts'

interface JobsOptions extends TargetOptions {
  readonly tenant?: number
  readonly last: number
}

export function define(command: Command): void {
  command
    .description('Lists the jobs, the newest first.')
    .option('--tenant <n>', 'of one company', whole(0, Number.MAX_SAFE_INTEGER))
    .option('--last <n>', 'how many', whole(1, 1000), 20)
  withTarget(command)
  examples(command, [
    ['offload jobs', 'the last 20'],
    ['offload jobs --tenant 7 --json', 'of tenant 7, a line of JSON each'],
  ])
  command.action(async ({ url, json, tenant, last }: JobsOptions) => {
    const terminal = createTerminal({ json })
    const query = `limit=${last}${tenant === undefined ? '' : `&tenant=${tenant}`}`
    const { jobs } = await createTarget(url).get(`/_offload/jobs?${query}`, jobList)
    for (const job of jobs) terminal.record(job)
    if (json) return
    if (jobs.length === 0) return terminal.say(`No jobs yet. Submit one: ${call('send')}`)
    const rows = jobs.map(({ job_id, tenant_id, type, dialect, status, totals, accepted_at }) => [
      String(job_id),
      tenant_id,
      type,
      dialect,
      status,
      totals.recipients,
      totals.sent,
      totals.failed,
      totals.pending,
      timeOf(accepted_at),
    ])
    const head = ['job', 'tenant', 'type', 'dialect', 'status', 'recipients', 'sent', 'failed', 'pending', 'accepted']
    terminal.say(columns(head, rows))
  })
}

const timeOf = (iso: string): string => new Date(iso).toLocaleString('sv-SE')
