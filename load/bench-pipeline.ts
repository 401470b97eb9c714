import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { systemClock } from '../emulator/kernel/clock.ts'

const clock = systemClock()

const help = `npm run bench -- [pipeline] [options]

Runs one job end to end on an emulator of its own (durable state, embedded inbox, real SMTP, real callbacks), from
POST /jobs to the last accepted callback, and prints recipients a second, peak memory and the time in each stage.

  --recipients N       default 5000
  --no-certificates    mail only
  --batch N            recipients in a POST (default: all in one body, or 20000 where that is over 10 MB)
  --json               one line of JSON`

/** One job from end to end. */
export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      recipients: { type: 'string', default: '5000' },
      'no-certificates': { type: 'boolean', default: false },
      batch: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(help)
    return
  }
  const recipients = Number(values.recipients)
  const batch = Number(values.batch ?? Math.min(recipients, 20_000))
  const certificates = !values['no-certificates']
  if (!Number.isInteger(recipients) || recipients < 1 || !Number.isInteger(batch) || batch < 1) {
    console.error('--recipients and --batch must be whole numbers above 0.')
    process.exitCode = 2
    return
  }

  const jobId = '7d2c1a52-8f0e-4a67-9a51-3b8e0f6f4c11'
  const people = Array.from({ length: recipients }, (_, at) => ({
    userid: 1001 + at,
    email: `learner${at + 1}@example.com`,
    firstname: `Learner${at + 1}`,
    lastname: 'Example',
  }))
  const bodies: string[] = []
  for (let at = 0; at < people.length; at += batch) {
    bodies.push(
      JSON.stringify({
        job_id: jobId,
        tenant_id: 1,
        type: 'send_reminder',
        recipients: people.slice(at, at + batch),
        template_id: 'course_completion_reminder',
        template_data: { course_name: 'Introduction to PHP', completion_percentage: 45 },
        generate_certificate: certificates,
        timestamp: '2026-01-01T12:00:00Z',
      }),
    )
  }

  let updates = 0
  let refusedBodies = 0
  const told = Promise.withResolvers<void>()
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      try {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as { recipient_updates: unknown[] }
        updates += body.recipient_updates.length
      } catch {
        refusedBodies++
      }
      response.end('{}')
      if (updates >= recipients) told.resolve()
    })
  })
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  const address = receiver.address() as { port: number }

  const directory = mkdtempSync(join(tmpdir(), 'offload-bench-'))
  const startedAt = clock.monotonic()
  const child = spawn(
    process.execPath,
    [
      ...['--import', 'tsx', 'emulator/cli/bin.ts', 'up', '--json', '--data-dir', directory],
      ...['--port', '0', '--smtp-port', '0', '--inbox-port', '0', '--callback-delay', '0s'],
      ...['--callback-url', `http://127.0.0.1:${address.port}/callback`],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const cleanUp = () => {
    child.kill('SIGKILL')
    receiver.close()
    rmSync(directory, { recursive: true, force: true })
  }
  process.once('SIGINT', () => {
    cleanUp()
    process.exit(130)
  })
  try {
    // The log is read to its end, so that the emulator never waits for its reader.
    const lines = createInterface({ input: child.stdout })
    const ready = Promise.withResolvers<{ url: string; pid: number }>()
    lines.on('line', (line) => {
      if (line.startsWith('{"event":"ready"')) ready.resolve(JSON.parse(line) as { url: string; pid: number })
    })
    child.once('exit', (code) => ready.reject(new Error(`the emulator ended with ${code}`)))
    const { url, pid } = await ready.promise
    const startUp = clock.monotonic() - startedAt
    const cpuBefore = cpuSeconds(pid)

    const began = clock.monotonic()
    for (const body of bodies) {
      const answer = await fetch(`${url}/jobs`, {
        method: 'POST',
        headers: { authorization: 'Bearer offload-dev-token', 'content-type': 'application/json' },
        body,
      })
      if (answer.status !== 202) throw new Error(`POST /jobs answered ${answer.status}: ${await answer.text()}`)
      await answer.arrayBuffer()
    }
    const accepted = clock.monotonic() - began
    const giveUp = clock.at(clock.deadline(1_800_000), () =>
      told.reject(new Error(`only ${updates} of ${recipients} updates after 30 minutes`)),
    )
    await told.promise
    giveUp.cancel()
    const seconds = (clock.monotonic() - began) / 1000

    const stats = (await (await fetch(`${url}/_offload/stats`)).json()) as {
      sent: number
      failed: number
      stages: Record<string, { calls: number; milliseconds: number }>
    }
    const report = {
      recipients,
      certificates,
      seconds: round(seconds),
      recipients_per_second: Math.round(recipients / seconds),
      accepted_ms: Math.round(accepted),
      sent: stats.sent,
      failed: stats.failed,
      updates,
      refused_bodies: refusedBodies,
      peak_memory_mb: Math.round(peakKilobytes(pid) / 1024),
      cpu_us_per_recipient: Math.round(((cpuSeconds(pid) - cpuBefore) * 1e6) / recipients),
      state_bytes_per_recipient: Math.round(statSync(join(directory, 'state.db')).size / recipients),
      start_up_ms: Math.round(startUp),
      stage_seconds: Object.fromEntries(
        Object.entries(stats.stages).map(([name, { milliseconds }]) => [name, round(milliseconds / 1000)]),
      ),
    }
    if (values.json) console.log(JSON.stringify(report))
    else {
      console.log(
        `${recipients} recipients${certificates ? ' with certificates' : ''} in ${report.seconds} s: ${report.recipients_per_second} a second`,
      )
      console.log(`  sent ${report.sent}, failed ${report.failed}; callbacks told of ${updates}`)
      console.log(
        `  peak memory ${report.peak_memory_mb} MB, ${report.cpu_us_per_recipient} µs of CPU and ${report.state_bytes_per_recipient} bytes of state a recipient`,
      )
      console.log(`  ready after ${report.start_up_ms} ms, last submission answered after ${report.accepted_ms} ms`)
      console.log('  time in each stage, summed over passes that run side by side:')
      for (const [name, stage] of Object.entries(report.stage_seconds)) console.log(`    ${name.padEnd(12)} ${stage} s`)
    }
    process.exitCode = report.sent === recipients && updates === recipients ? 0 : 1
  } finally {
    cleanUp()
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

/** CPU time of a process in seconds, its threads included; 0 where /proc does not tell. */
function cpuSeconds(pid: number): number {
  const stat = readProc(pid, 'stat')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100
}

function peakKilobytes(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readProc(pid, 'status'))?.[1] ?? 0)
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
