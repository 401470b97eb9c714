import type { Command } from 'commander'
import { recipientsOf } from './account.ts'
import { health, job as jobAnswer, retried, verdicts, type JobAnswer, type RecipientAnswer } from './answers.ts'
import { Failure } from './failure.ts'
import { call } from './invocation.ts'
import { verdictTable } from './job-check.ts'
import { examples, whole, withTarget, type TargetOptions } from './options.ts'
import { columns } from './table.ts'
import { createTarget, type Target } from './target.ts'
import { createTerminal, type Terminal } from './terminal.ts'

interface JobOptions extends TargetOptions {
  readonly retry?: boolean
  readonly check?: boolean
  readonly recipient?: string
  readonly tenant?: number
  readonly failed?: boolean
  readonly all?: boolean
}

/** Recipients that a person reads at a glance. */
const shownRecipients = 20

export function define(command: Command): void {
  command
    .description("Shows a job: its status, its recipients with their errors and certificates, and Offload's advice.")
    .argument('<id>', 'the job id, as the message wrote it')
    .option('--failed', 'only the recipients that failed')
    .option('--all', `every recipient, not only the first ${shownRecipients}`)
    .option('--recipient <key>', 'one recipient (its userid, or the key shown here)')
    .option('--retry', 'send the failed again, as a new job (with --recipient: one of them)')
    .option('--check', 'hold the laws of the whole system against it; exit 1 where one is broken')
    .option('--tenant <n>', 'the company, where several have a job of this id', whole(0, Number.MAX_SAFE_INTEGER))
  withTarget(command)
  examples(command, [
    ['offload job 12345', 'the job at a glance'],
    ['offload job 12345 --failed', 'who failed and why'],
    ['offload job 12345 --retry', 'a new job for the failed'],
    ['offload job 12345 --retry --recipient 1001', 'for one of them'],
    ['offload job 12345 --check', 'whether nothing was lost, doubled or told wrongly'],
  ])
  command.action((id: string, options: JobOptions) =>
    options.retry ? retry(id, options) : options.check ? check(id, options) : show(id, options),
  )
}

async function check(id: string, { url, json, tenant }: JobOptions): Promise<void> {
  const terminal = createTerminal({ json })
  const query = tenant === undefined ? '' : `?tenant=${tenant}`
  const answer = await createTarget(url).get(`/_offload/jobs/${encodeURIComponent(id)}/check${query}`, verdicts)
  for (const verdict of answer.verdicts) terminal.record(verdict)
  if (!json) terminal.say(verdictTable(answer.verdicts, terminal))
  const failed = answer.verdicts.filter(({ verdict }) => verdict === 'fail')
  if (failed.length === 0) return
  throw new Failure(1, `${failed.length} of ${answer.verdicts.length} laws do not hold for job ${id}`)
}

async function retry(id: string, { url, json, tenant, recipient }: JobOptions): Promise<void> {
  const terminal = createTerminal({ json })
  const target = createTarget(url)
  const path = `/_offload/jobs/${encodeURIComponent(id)}/retry${tenant === undefined ? '' : `?tenant=${tenant}`}`
  const answer = await target.post(path, recipient === undefined ? {} : { recipient }, retried)
  terminal.record({ ...answer, parent_job_id: id })
  if (json) return
  const people = `${answer.recipients} recipient${answer.recipients === 1 ? '' : 's'}`
  terminal.say(`Job ${answer.job_id} sends again to ${people}: ${call(`job ${answer.job_id}`)}`)
}

async function show(id: string, options: JobOptions): Promise<void> {
  const terminal = createTerminal(options)
  const target = createTarget(options.url)
  const query = options.tenant === undefined ? '' : `?tenant=${options.tenant}`
  const job = await target.get(`/_offload/jobs/${encodeURIComponent(id)}${query}`, jobAnswer)
  const { recipients, more } = await wanted(target, job, options)

  terminal.record({ job })
  for (const recipient of recipients) terminal.record({ recipient })
  if (options.json) return
  const { inbox } = await target.get('/_offload/health', health)
  terminal.say(summary(job, terminal, inbox))
  if (recipients.length > 0) terminal.say(`\n${recipientTable(recipients)}`)
  else terminal.say('\nNo such recipients.')
  if (more) terminal.say(terminal.style('dim', '… and more: --all; one with its certificate: --recipient KEY'))
}

async function wanted(
  target: Target,
  job: JobAnswer,
  { failed, all, recipient: key, json }: JobOptions,
): Promise<{ recipients: RecipientAnswer[]; more: boolean }> {
  const ref = { job: String(job.job_id), tenant: job.tenant_id }
  const recipients: RecipientAnswer[] = []
  for await (const recipient of recipientsOf(target, ref, failed ? '&failed=true' : '')) {
    if (key !== undefined && recipient.key !== key) continue
    if (recipients.length === shownRecipients && !all && !json) return { recipients, more: true }
    recipients.push(recipient)
  }
  return { recipients, more: false }
}

function summary(job: JobAnswer, { style }: Terminal, inbox: string): string {
  const { totals, callbacks } = job
  const tone = { completed: 'green', partial_failure: 'yellow', failed: 'red' } as const
  const status = job.status in tone ? style(tone[job.status as keyof typeof tone], job.status) : job.status
  const lines = [
    `${style('bold', `job ${job.job_id}`)}  ${status}`,
    `  ${job.type}, ${job.dialect}, tenant ${job.tenant_id}${job.parent_job_id === undefined ? '' : `, a retry of ${job.parent_job_id}`}`,
    `  ${totals.recipients} recipients: ${totals.sent} sent, ${totals.failed} failed, ${totals.pending} pending` +
      (totals.duplicates > 0 ? `, ${totals.duplicates} duplicates skipped` : ''),
    `  accepted ${job.accepted_at}${job.ended_at === undefined ? '' : `, ended ${job.ended_at}`}`,
  ]
  if (callbacks !== undefined) {
    const counts = (['delivered', 'waiting', 'refused', 'dead', 'parked'] as const).filter(
      (state) => callbacks[state] > 0,
    )
    const words = counts.map((state) => `${callbacks[state]} ${state}`).join(', ')
    lines.push(`  callbacks: ${words === '' ? 'none yet' : words}`)
  }
  lines.push(`  mails: ${call(`mails --job ${job.job_id}`)}, or ${inbox}`)
  for (const { path, text, fix } of job.advice) {
    lines.push(style('yellow', `  ! ${path === '' ? '' : `${path}: `}${text}. Fix: ${fix}`))
  }
  for (const { recipient, text } of job.findings) {
    lines.push(style('yellow', `  ! ${recipient === null ? '' : `recipient ${recipient}: `}${text}`))
  }
  return lines.join('\n')
}

function recipientTable(recipients: readonly RecipientAnswer[]): string {
  const rows = recipients.map(({ key, email, status, attempts, error, certificate_url: url }) => [
    key.length > 20 ? `${key.slice(0, 19)}…` : key,
    email,
    status,
    attempts,
    url === null ? '-' : 'yes',
    error ?? '',
  ])
  const table = columns(['recipient', 'email', 'status', 'attempts', 'certificate', 'error'], rows)
  const [first, second] = recipients
  // A presigned link is longer than a line: only where one is asked for.
  if (first?.certificate_url == null || second !== undefined) return table
  return `${table}\n\ncertificate: ${first.certificate_url}`
}
