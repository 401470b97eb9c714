import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { systemClock } from '../emulator/kernel/clock.ts'
import { runPipeline, type PipelineRun } from './pipeline-run.ts'

const help = `npm run bench -- [pipeline] [options]

Runs one job end to end on an emulator of its own (durable state, embedded inbox, real SMTP, real callbacks), from
POST /jobs to the last accepted callback: seconds, CPU, memory and state, and the time and CPU of each stage.

  --recipients N,…     default 5000; several are run one after the other and compared
  --warm-up N          recipients of a job that goes before and is not counted (default 0, the first job after the start;
                       where several sizes are compared 5000, since what V8 compiles would count more for the small ones)
  --batch N            recipients in a POST (default 20000; for more than 50000 recipients 200, as the plugin sends them)
  --no-certificates    mail only
  --attach             mails carry the certificate instead of a link to it
  --no-stages          leave out the CPU of each stage, which is sampled in a run of its own
  --json               a line of JSON for each run`

const sampled = 10_000

/** One job from end to end. */
export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      recipients: { type: 'string', default: '5000' },
      'warm-up': { type: 'string' },
      batch: { type: 'string' },
      'no-certificates': { type: 'boolean', default: false },
      attach: { type: 'boolean', default: false },
      'no-stages': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(help)
    return
  }
  const counts = values.recipients.split(',').map(Number)
  const given = values.batch === undefined ? undefined : Number(values.batch)
  const warmUp = Number(values['warm-up'] ?? (counts.length > 1 ? 5000 : 0))
  if ([...counts, given ?? 1, warmUp + 1].some((count) => !Number.isInteger(count) || count < 1)) {
    console.error('--recipients and --batch must be whole numbers above 0, --warm-up one of at least 0.')
    process.exitCode = 2
    return
  }
  const clock = systemClock()
  const jobOf = (recipients: number) => ({
    recipients,
    warmUp,
    batch: given ?? (recipients > 50_000 ? 200 : 20_000),
    certificates: !values['no-certificates'],
    attach: values.attach,
  })
  if (!values.json) {
    console.log(`${cpus()[0]?.model ?? ''}, ${cpus().length} cores, Node ${process.version}, load ${load()}`)
    console.log(
      `${warmUp === 0 ? 'The first job after the start' : `After a job of ${warmUp.toLocaleString('en')}`}:\n`,
    )
    console.log(
      'recipients  seconds  a second  CPU each  main thread  rendering  peak memory  state each  accepted after',
    )
  }
  const runs: PipelineRun[] = []
  for (const recipients of counts) {
    const done = await runPipeline(jobOf(recipients), clock)
    runs.push(done)
    if (values.json) console.log(JSON.stringify(done))
    else console.log(row(done))
    if (done.sent !== recipients || done.updates !== recipients) {
      console.error(`sent ${done.sent}, failed ${done.failed}, callbacks told of ${done.updates} of ${recipients}`)
      process.exitCode = 1
    }
  }
  if (values.json) return

  const each = runs.map(({ seconds, recipients }) => (seconds / recipients) * 1e6)
  if (runs.length > 1) {
    const spread = (Math.max(...each) / Math.min(...each) - 1) * 100
    console.log(`\ntime a recipient: ${each.map(Math.round).join(' / ')} µs, ${spread.toFixed(0)} % apart`)
  }
  const last = runs.at(-1)
  console.log(`\ntime in each stage, summed over passes that run side by side:`)
  for (const [name, time] of Object.entries(last?.stage_seconds ?? {})) {
    console.log(`  ${name.padEnd(22)} ${time.toFixed(2).padStart(8)} s`)
  }
  if (values['no-stages']) return
  const recipients = Math.min(sampled, Math.max(...counts))
  const { stage_cpu: stages = {} } = await runPipeline(jobOf(recipients), clock, { profiled: true })
  console.log(
    `\nbusy with each stage, a recipient (sampled over ${recipients} on the main thread; it includes waiting for the disk):`,
  )
  for (const [name, time] of Object.entries(stages))
    console.log(`  ${name.padEnd(22)} ${time.toFixed(1).padStart(8)} µs`)
}

const load = () => (loadavg()[0] ?? 0).toFixed(1)

const row = (run: PipelineRun) =>
  [
    run.recipients.toLocaleString('en').padStart(10),
    run.seconds.toFixed(1).padStart(9),
    Math.round(run.recipients / run.seconds)
      .toLocaleString('en')
      .padStart(10),
    `${Math.round(run.cpu)} µs`.padStart(10),
    `${Math.round(run.main_thread_cpu)} µs`.padStart(13),
    `${Math.round(run.rendering_cpu)} µs`.padStart(11),
    `${Math.round(run.peak_memory_mb)} MB`.padStart(13),
    `${(run.state_bytes / 1000).toFixed(1)} KB`.padStart(12),
    `${run.accepted_seconds.toFixed(1)} s`.padStart(16),
  ].join('')
