import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import {
  checkJobMessage,
  type JobFinding,
  type JobMessage,
  type JobReport,
} from '../../contracts/checks/job-message.ts'
import { EmulatorError, messageOf } from '../kernel/errors.ts'
import { systemClock } from '../kernel/clock.ts'
import { conclude, markOf, readReporters, withReporters } from './check-output.ts'
import { Failure } from './failure.ts'
import { listenForInterruption } from './interruption.ts'
import { examples, whole, withJson } from './options.ts'
import { createTerminal, type Terminal } from './terminal.ts'

interface JobOptions {
  readonly json?: boolean
  readonly capture?: boolean
  readonly port: number
  readonly tenant?: number
  readonly reporter?: string
}

export function defineJob(command: Command): void {
  command
    .description('Checks a job message: its dialect, every violation with place, reason and fix, and advice.')
    .option('--capture', 'the next job that Moodle sends, to POST /jobs or to SQS on --port')
    .option('--port <port>', 'where --capture listens (0 takes a free one)', whole(0, 65_535), 4566)
    .option('--tenant <n>', 'the company, where a file does not say it (x-tenant-id, CompanyId)', whole(0, 2 ** 53 - 1))
  withReporters(withJson(command))
  examples(command, [
    ['offload check job job.json', 'a file'],
    ['php local/manireports/cli/print_job.php | offload check job -', 'stdin'],
    ['offload check job --capture', 'the next one that Moodle sends'],
    ['offload check job job.json --reporter junit,github', 'in CI'],
  ])
  command.action((file: string | undefined, options: JobOptions) => checkJob(file, options))
}

async function checkJob(file: string | undefined, options: JobOptions): Promise<void> {
  const terminal = createTerminal(options)
  const reports = readReporters(options.reporter)
  if ((file === undefined) === (options.capture !== true)) {
    throw new Failure(2, 'name a file (- is stdin), or --capture the next job that Moodle sends')
  }
  const message = file === undefined ? await capture(options, terminal) : messageFromFile(file, options.tenant)
  const report = checkJobMessage(message)
  const { findings } = report
  for (const finding of findings) terminal.record(finding)
  if (!options.json) say(terminal, file === undefined ? 'the job that came' : file === '-' ? 'the job' : file, report)
  conclude(terminal, { suite: 'job', findings, reports })
}

/** `-` is stdin. Throws a Failure where it cannot be read. */
export function messageFromFile(file: string, tenant?: number): JobMessage {
  try {
    return { body: readFileSync(file === '-' ? 0 : file), envelope: tenant === undefined ? {} : { tenant } }
  } catch (error) {
    throw new Failure(2, `${file} cannot be read: ${messageOf(error)}`)
  }
}

async function capture({ port }: JobOptions, terminal: Terminal): Promise<JobMessage> {
  const { startCapture } = await import('../check/capture.ts')
  const interruption = listenForInterruption(systemClock())
  let come: (message: JobMessage) => void = () => {}
  const first = new Promise<JobMessage>((resolve) => (come = resolve))
  const cloud = await startCapture({
    port,
    token: process.env['OFFLOAD_INGEST_TOKEN'] || undefined,
    async meet(message) {
      come(message)
      return 'answer'
    },
  }).catch((error: unknown) => {
    throw error instanceof EmulatorError && error.code === 'port-taken'
      ? new Failure(2, error.message, { fix: ['stop the emulator that listens there, or take another: --port 0'] })
      : error
  })
  try {
    terminal.note(`waiting for a job at ${cloud.url}/jobs (token offload-dev-token) and ${cloud.queueUrl}`)
    const message = await Promise.race([first, interruption.happened])
    if (typeof message === 'string') throw new Failure(2, 'interrupted before a job came')
    return message
  } finally {
    await cloud.close()
  }
}

const limits = [262_144, 1_048_576] as const

function say(terminal: Terminal, name: string, { bytes, job, findings }: JobReport): void {
  const { style } = terminal
  const size = `${bytes.toLocaleString('en-US')} bytes (${Math.ceil((bytes / limits[0]) * 100)}% of 256 KiB, ${Math.ceil((bytes / limits[1]) * 100)}% of 1 MiB)`
  terminal.say(
    job === undefined
      ? `${style('bold', name)}: no valid job, ${size}`
      : `${style('bold', name)}: \`${job.dialect}\`, job ${job.id}, tenant ${job.tenant}, ${job.type}, ${job.recipients} recipients, ${size}`,
  )
  for (const finding of findings) terminal.say(line(terminal, finding))
}

function line(terminal: Terminal, finding: JobFinding): string {
  const { path, reason, fix, id, verdict } = finding
  const where = verdict === 'pass' ? finding.title : path === '' ? id : path
  return `${markOf(finding, terminal)} ${terminal.style('bold', where)}: ${reason}${fix === undefined ? '' : `\n    → ${fix}`}`
}
