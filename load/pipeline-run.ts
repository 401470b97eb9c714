import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Clock } from '../emulator/kernel/clock.ts'
import { cpuByStage } from './cpu-profile.ts'

export interface PipelineJob {
  readonly recipients: number
  /** Recipients of a job that goes before: what is loaded and compiled once is then not in the figures. */
  readonly warmUp: number
  /** Recipients in a POST. */
  readonly batch: number
  readonly certificates: boolean
  /** Whether mails carry the certificate instead of a link to it. */
  readonly attach: boolean
}

/** CPU times are microseconds a recipient, sizes bytes a recipient. */
export interface PipelineRun extends PipelineJob {
  readonly seconds: number
  /** When the last submission was answered. */
  readonly accepted_seconds: number
  readonly sent: number
  readonly failed: number
  /** Recipients that callbacks told of. */
  readonly updates: number
  readonly cpu: number
  /** Of the thread that does everything but render certificates. */
  readonly main_thread_cpu: number
  readonly rendering_cpu: number
  readonly state_bytes: number
  readonly peak_memory_mb: number
  readonly start_up_ms: number
  /** Wall time inside each stage, summed over the passes that run side by side. */
  readonly stage_seconds: Readonly<Record<string, number>>
  /** CPU of each stage; only of a run that was profiled. */
  readonly stage_cpu?: Readonly<Record<string, number>>
}

const jobId = '7d2c1a52-8f0e-4a67-9a51-3b8e0f6f4c11'
const warmUpId = '9b1f7c0e-2d4a-4c53-8e37-0a6d5f2b8c90'
const longest = 1_800_000

interface Stats {
  readonly sent: number
  readonly failed: number
  readonly stages: Readonly<Record<string, { readonly milliseconds: number }>>
}

/** One job from end to end on an emulator of its own, in a process of its own. */
export async function runPipeline(job: PipelineJob, clock: Clock, { profiled = false } = {}): Promise<PipelineRun> {
  const { recipients, certificates } = job
  const receiver = await countCallbacks()
  const directory = mkdtempSync(join(tmpdir(), 'offload-bench-'))
  const state = join(directory, 'state')
  const startedAt = clock.monotonic()
  // As the package runs: without what a TypeScript loader adds to each function.
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      ...(profiled ? ['--cpu-prof', `--cpu-prof-dir=${directory}`] : []),
      ...['emulator/cli/bin.ts', 'up', '--json', '--data-dir', state],
      ...['--port', '0', '--smtp-port', '0', '--inbox-port', '0', '--callback-delay', '0s'],
      ...['--callback-url', `${receiver.url}/callback`],
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, OFFLOAD_CERTIFICATE_DELIVERY: job.attach ? 'attach' : 'link' },
    },
  )
  const cleanUp = () => {
    child.kill('SIGKILL')
    receiver.close()
    rmSync(directory, { recursive: true, force: true })
  }
  const interrupted = () => {
    cleanUp()
    process.exit(130)
  }
  process.once('SIGINT', interrupted)
  try {
    // The log is read to its end, so that the emulator never waits for its reader.
    const lines = createInterface({ input: child.stdout })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => void (said = `${said}${chunk}`.slice(-4000)))
    const ready = Promise.withResolvers<{ url: string; pid: number }>()
    lines.on('line', (line) => {
      if (line.startsWith('{"event":"ready"')) ready.resolve(JSON.parse(line) as { url: string; pid: number })
    })
    child.once('exit', (code) => ready.reject(new Error(`the emulator ended with ${code}: ${said}`)))
    const { url, pid } = await ready.promise
    const startUp = clock.monotonic() - startedAt
    const submit = async (body: string) => {
      const answer = await fetch(`${url}/jobs`, {
        method: 'POST',
        headers: { authorization: 'Bearer offload-dev-token', 'content-type': 'application/json' },
        body,
      })
      if (answer.status !== 202) throw new Error(`POST /jobs answered ${answer.status}: ${await answer.text()}`)
      await answer.arrayBuffer()
    }
    const statsNow = async () => (await (await fetch(`${url}/_offload/stats`)).json()) as Stats
    if (job.warmUp > 0) {
      for (const body of bodiesOf({ ...job, recipients: job.warmUp }, warmUpId)) await submit(body)
      await receiver.told(job.warmUp, clock)
    }
    const statsBefore = await statsNow()
    const before = cpuSeconds(pid)

    const began = clock.monotonic()
    for (const body of bodiesOf(job, jobId)) await submit(body)
    const accepted = clock.monotonic() - began
    await receiver.told(job.warmUp + recipients, clock)
    const seconds = (clock.monotonic() - began) / 1000
    const after = cpuSeconds(pid)
    const cpuEach = (threads: keyof typeof after) => ((after[threads] - before[threads]) * 1e6) / recipients

    const stats = await statsNow()
    const peak = peakKilobytes(pid)
    child.kill('SIGINT')
    if (child.exitCode === null) await once(child, 'exit')
    return {
      ...job,
      seconds,
      accepted_seconds: accepted / 1000,
      sent: stats.sent - statsBefore.sent,
      failed: stats.failed - statsBefore.failed,
      updates: receiver.updates() - job.warmUp,
      cpu: cpuEach('all'),
      main_thread_cpu: cpuEach('main'),
      rendering_cpu: cpuEach('rendering'),
      state_bytes: statSync(join(state, 'state.db')).size / (job.warmUp + recipients),
      peak_memory_mb: peak / 1024,
      start_up_ms: startUp,
      stage_seconds: Object.fromEntries(
        Object.entries(stats.stages).map(([name, { milliseconds }]) => [
          name,
          (milliseconds - (statsBefore.stages[name]?.milliseconds ?? 0)) / 1000,
        ]),
      ),
      ...(profiled ? { stage_cpu: cpuByStage(profilesIn(directory), recipients) } : {}),
    }
  } finally {
    process.removeListener('SIGINT', interrupted)
    cleanUp()
  }

  function* bodiesOf({ batch, recipients }: PipelineJob, jobId: string): Iterable<string> {
    for (let from = 0; from < recipients; from += batch) {
      yield JSON.stringify({
        job_id: jobId,
        tenant_id: 1,
        type: 'send_reminder',
        recipients: Array.from({ length: Math.min(batch, recipients - from) }, (_, at) => personOf(from + at)),
        template_id: 'course_completion_reminder',
        template_data: { course_name: 'Introduction to PHP', completion_percentage: 45 },
        generate_certificate: certificates,
        timestamp: '2026-01-01T12:00:00Z',
      })
    }
  }
}

const firstNames = [
  'Anna',
  'Björn',
  'Chloé',
  'Dmitar',
  'Élodie',
  'Fiona',
  'Gábor',
  'Hanna',
  'Iñigo',
  'Jürgen',
  'Łucja',
  'Müge',
]
const lastNames = [
  'Andersson',
  'Brown',
  'Çelik',
  'Díaz',
  'Eriksen',
  'Ferreira',
  'Groß',
  'Horváth',
  'Ivanović',
  'Kowalski',
  'Öz',
]

/** Addresses in no order, as a course's participants have them. */
const personOf = (at: number) => ({
  userid: 1001 + at,
  email: `learner${(Math.imul(at + 1, 0x9e3779b1) >>> 0).toString(36)}@example.com`,
  firstname: firstNames[at % firstNames.length],
  lastname: lastNames[at % lastNames.length],
})

/** A receiver of callbacks that counts the recipients it hears of. */
async function countCallbacks() {
  let updates = 0
  let heard = () => {}
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      try {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as { recipient_updates: unknown[] }
        updates += body.recipient_updates.length
        response.end('{}')
      } catch {
        response.writeHead(400).end()
      }
      heard()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    updates: () => updates,
    async told(recipients: number, clock: Clock) {
      const done = Promise.withResolvers<void>()
      heard = () => {
        if (updates >= recipients) done.resolve()
      }
      heard()
      const giveUp = clock.at(clock.deadline(longest), () =>
        done.reject(new Error(`only ${updates} of ${recipients} updates after ${longest / 60_000} minutes`)),
      )
      await done.promise
      giveUp.cancel()
    },
    close: () => server.close(),
  }
}

function profilesIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name) => readFileSync(join(directory, name), 'utf8'))
}

/** CPU time of a process by its threads, in seconds; 0 where /proc does not tell. */
function cpuSeconds(pid: number): { all: number; main: number; rendering: number } {
  const seconds = (folder: string) => {
    const stat = readProc(pid, `${folder}stat`)
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100
  }
  const threads = existsSync(`/proc/${pid}/task`) ? readdirSync(`/proc/${pid}/task`) : []
  const rendering = threads.filter((thread) => readProc(pid, `task/${thread}/comm`).startsWith('WorkerThread'))
  return {
    all: seconds(''),
    main: seconds(`task/${pid}/`),
    rendering: rendering.reduce((sum, thread) => sum + seconds(`task/${thread}/`), 0),
  }
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
