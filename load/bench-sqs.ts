import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { systemClock } from '../emulator/kernel/clock.ts'
import { openConnection, sqsRequest, type Connection } from './bench-connection.ts'

const clock = systemClock()

const help = `npm run bench -- sqs [options]

SendMessage, ReceiveMessage and DeleteMessage a second over HTTP, and receives with many messages waiting: this emulator
and fauxqs, each in a process of its own, in memory (ours: ephemeral) and on disk.

  --seconds S        how long each row is measured in each round (default 0.5)
  --rounds N         how often, the servers by turns; the round with the middle ratio counts (default 9; with more than
                     10000 waiting, once)
  --waiting LIST     messages that wait in the last part (default 1000,100000; try 1000,1000000)
  --connections LIST (default 1,32)
  --only LIST        offload, fauxqs, offload-durable, fauxqs-durable
  --skip-rates       only the part with waiting messages
  --json             one line of JSON`

type ServerName = 'offload' | 'fauxqs' | 'offload-durable' | 'fauxqs-durable'
const serverNames: readonly ServerName[] = ['offload', 'fauxqs', 'offload-durable', 'fauxqs-durable']

interface Server {
  readonly name: ServerName
  readonly url: URL
  readonly process: ChildProcess
}

interface Measured {
  readonly perSecond: number
  /** Microseconds of the server's CPU time a request: comparable, however busy the machine is. 0 where nobody tells. */
  readonly cpu: number
}

/** What the servers came to; the ratios are ours to fauxqs's, in memory and on disk. */
interface Compared {
  readonly by: Readonly<Partial<Record<ServerName, Measured>>>
  readonly ratios: readonly (number | undefined)[]
}

interface Row extends Compared {
  readonly what: string
}

const compared: readonly (readonly [ours: ServerName, theirs: ServerName])[] = [
  ['offload', 'fauxqs'],
  ['offload-durable', 'fauxqs-durable'],
]

async function start(name: ServerName, directory: string): Promise<Server> {
  const [kind = ''] = name.split('-')
  const data = name.endsWith('-durable') ? [join(directory, name)] : []
  // Node's own type stripping: what tsx adds to each function (its name) would be measured too.
  const args = [fileURLToPath(new URL('./bench-server.ts', import.meta.url)), kind, ...data]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve)
    child.once('exit', (status) => reject(new Error(`${name} ended with ${status} before it was ready`)))
  })
  return { name, url: new URL(url), process: child }
}

/** Runs `turn` on each connection again and again, until it answers false or the time is over. */
async function repeat(
  connections: readonly Connection[],
  seconds: number,
  turn: (connection: Connection) => Promise<boolean>,
): Promise<number> {
  const until = clock.monotonic() + seconds * 1000
  let turns = 0
  await Promise.all(
    connections.map(async (connection) => {
      while (clock.monotonic() < until && (await turn(connection))) turns++
    }),
  )
  return turns
}

async function measure(server: Server, run: () => Promise<number>): Promise<Measured> {
  const [began, cpuBefore] = [clock.monotonic(), cpuSeconds(server)]
  const turns = await run()
  const seconds = (clock.monotonic() - began) / 1000
  return { perSecond: turns / seconds, cpu: ((cpuSeconds(server) - cpuBefore) * 1e6) / Math.max(1, turns) }
}

interface Received {
  readonly Messages?: readonly { readonly ReceiptHandle: string }[]
}

async function createQueue(connection: Connection, url: URL, name: string): Promise<string> {
  const answer = await connection.ask(
    sqsRequest(url, 'CreateQueue', { QueueName: name, Attributes: { VisibilityTimeout: '3600' } }),
  )
  return (JSON.parse(answer) as { QueueUrl: string }).QueueUrl
}

async function withConnections<T>(
  url: URL,
  count: number,
  run: (open: readonly Connection[]) => Promise<T>,
): Promise<T> {
  const open = await Promise.all(Array.from({ length: count }, () => openConnection(url)))
  try {
    return await run(open)
  } finally {
    for (const connection of open) connection.close()
  }
}

/** The middle one. */
function median<T>(values: readonly T[], number: (value: T) => number): T | undefined {
  return values.toSorted((a, b) => number(a) - number(b))[Math.floor(values.length / 2)]
}

/**
 * Measures each server once a round, forwards and backwards by turns. Of two that are compared the round with the middle
 * ratio counts: in a round both had the same machine, whose speed changes over minutes by more than what is to be seen.
 */
async function inRounds<What extends string>(
  servers: readonly Server[],
  rounds: number,
  once: (server: Server) => Promise<Record<What, Measured>>,
): Promise<Record<What, Compared>> {
  const all: Partial<Record<ServerName, Record<What, Measured>>>[] = []
  for (let round = 0; round < rounds; round++) {
    const measured: (typeof all)[number] = {}
    for (const server of round % 2 === 0 ? servers : servers.toReversed()) measured[server.name] = await once(server)
    all.push(measured)
  }
  const of = (what: What): Compared => {
    const by: Partial<Record<ServerName, Measured>> = {}
    const ratios = compared.map((pair) => {
      const met = all.map((round) => pair.map((name) => round[name]?.[what]))
      const round = median(met, ([ours, theirs]) => (ours?.perSecond ?? 1) / (theirs?.perSecond ?? 1)) ?? []
      for (const [at, name] of pair.entries()) if (round[at] !== undefined) by[name] = round[at]
      const [ours, theirs] = round
      return ours === undefined || theirs === undefined ? undefined : ours.perSecond / theirs.perSecond
    })
    return { by, ratios }
  }
  const whats = Object.keys(Object.values(all[0] ?? {})[0] ?? {}) as What[]
  return Object.fromEntries(whats.map((what) => [what, of(what)])) as Record<What, Compared>
}

async function measureRates(server: Server, connections: number, bytes: number, seconds: number) {
  const { url } = server
  return withConnections(url, connections, async (open) => {
    const [first] = open
    if (first === undefined) throw new Error('a measurement needs a connection')
    const queue = await createQueue(first, url, `rates-${bytes}-${connections}-${Math.floor(clock.monotonic())}`)
    const send = sqsRequest(url, 'SendMessage', { QueueUrl: queue, MessageBody: 'x'.repeat(bytes) })
    const receive = sqsRequest(url, 'ReceiveMessage', { QueueUrl: queue })
    const answers: string[] = []
    const sends = await measure(server, () =>
      repeat(open, seconds, async (connection) => {
        await connection.ask(send)
        return true
      }),
    )
    const receives = await measure(server, () =>
      repeat(open, seconds, async (connection) => {
        const answer = await connection.ask(receive)
        if (!answer.includes('ReceiptHandle')) return false
        answers.push(answer)
        return true
      }),
    )
    // What the client has to do is done before and after, so that it is the server that is measured.
    const deletions = answers.flatMap((answer) =>
      ((JSON.parse(answer) as Received).Messages ?? []).map(({ ReceiptHandle }) =>
        sqsRequest(url, 'DeleteMessage', { QueueUrl: queue, ReceiptHandle }),
      ),
    )
    const deletes = await measure(server, () =>
      repeat(open, seconds, async (connection) => {
        const deletion = deletions.pop()
        if (deletion === undefined) return false
        await connection.ask(deletion)
        return true
      }),
    )
    await first.ask(sqsRequest(url, 'DeleteQueue', { QueueUrl: queue }))
    return { sends, receives, deletes }
  })
}

/** Receives a second with so many messages waiting: half of them at most, in several queues where they are few. */
async function measureWaiting(server: Server, waiting: number, most: number, seconds: number): Promise<Measured> {
  const { url } = server
  return withConnections(url, 8, async (open) => {
    const [first] = open
    if (first === undefined) throw new Error('a measurement needs a connection')
    const entries = Array.from({ length: 10 }, (_, at) => ({ Id: String(at), MessageBody: 'x'.repeat(1024) }))
    const queues: string[] = []
    for (let at = 0; at < Math.max(1, Math.min(16, 16_000 / waiting)); at++) {
      const queue = await createQueue(first, url, `waiting-${waiting}-${most}-${at}-${Math.floor(clock.monotonic())}`)
      const fill = sqsRequest(url, 'SendMessageBatch', { QueueUrl: queue, Entries: entries })
      let left = waiting / 10
      await repeat(open, Infinity, async (connection) => {
        if (left <= 0) return false
        left--
        await connection.ask(fill)
        return true
      })
      queues.push(queue)
    }
    const measured = await measure(server, async () => {
      let turns = 0
      for (const queue of queues) {
        const receive = sqsRequest(url, 'ReceiveMessage', { QueueUrl: queue, MaxNumberOfMessages: most })
        let left = Math.min(waiting / 2, 40_000) / most
        turns += await repeat(open, seconds, async (connection) => {
          if (left <= 0) return false
          left--
          await connection.ask(receive)
          return true
        })
      }
      return turns
    })
    for (const queue of queues) await first.ask(sqsRequest(url, 'DeleteQueue', { QueueUrl: queue }))
    return measured
  })
}

function readProc({ process: child }: Server, file: string): string {
  try {
    return readFileSync(`/proc/${child.pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}

const peakMegabytes = (server: Server) =>
  Math.round(Number(/VmHWM:\s+(\d+)/.exec(readProc(server, 'status'))?.[1] ?? 0) / 1024)

function cpuSeconds(server: Server): number {
  const stat = readProc(server, 'stat')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100
}

function print(rows: readonly Row[], names: readonly ServerName[]): void {
  const cell = (text: string) => text.padStart(19)
  const number = (value: Measured | undefined) =>
    cell(value === undefined ? '' : `${Math.round(value.perSecond).toLocaleString('en')} (${Math.round(value.cpu)} µs)`)
  const ratio = (value: number | undefined) => cell(value === undefined ? '' : `${value.toFixed(2)}×`)
  console.log('Requests a second, and CPU time of the server for each:')
  console.log(''.padEnd(38) + [...names, 'ratio in memory', 'ratio on disk'].map(cell).join(''))
  for (const row of rows) {
    console.log(
      row.what.padEnd(38) + names.map((name) => number(row.by[name])).join('') + row.ratios.map(ratio).join(''),
    )
  }
}

/** SQS over HTTP, beside fauxqs. */
export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '0.5' },
      rounds: { type: 'string', default: '9' },
      waiting: { type: 'string', default: '1000,100000' },
      connections: { type: 'string', default: '1,32' },
      only: { type: 'string', default: serverNames.join(',') },
      'skip-rates': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(help)
    return
  }
  const seconds = Number(values.seconds)
  const rounds = Number(values.rounds)
  const listOf = (text: string) => text.split(',').filter(Boolean).map(Number)
  const waiting = listOf(values.waiting)
  const connectionCounts = listOf(values.connections)
  const names = serverNames.filter((name) => values.only.split(',').includes(name))
  if (
    !(seconds > 0) ||
    !(rounds >= 1) ||
    waiting.some((count) => !(count >= 10)) ||
    connectionCounts.some((count) => !(count >= 1)) ||
    names.length === 0
  ) {
    console.error(
      '--seconds, --rounds, --waiting and --connections must be numbers, --only names of servers; see --help.',
    )
    process.exitCode = 2
    return
  }

  const directory = mkdtempSync(join(tmpdir(), 'offload-bench-'))
  const servers: Server[] = []
  const stop = () => {
    for (const server of servers) server.process.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
  process.once('SIGINT', () => {
    stop()
    process.exit(130)
  })
  const load = loadavg()[0] ?? 0
  const rows: Row[] = []
  try {
    for (const name of names) servers.push(await start(name, directory))
    if (!values['skip-rates']) {
      // Nobody is measured cold.
      for (const server of servers) for (const connections of [1, 32]) await measureRates(server, connections, 1024, 2)
      for (const bytes of [1024, 40 * 1024]) {
        for (const connections of connectionCounts) {
          const measured = await inRounds(servers, rounds, (server) =>
            measureRates(server, connections, bytes, seconds),
          )
          for (const [operation, key] of [
            ['SendMessage', 'sends'],
            ['ReceiveMessage', 'receives'],
            ['DeleteMessage', 'deletes'],
          ] as const) {
            rows.push({
              what: `${operation}, ${bytes / 1024} KB, ${connections} connection${connections > 1 ? 's' : ''}`,
              ...measured[key],
            })
          }
        }
      }
    }
    for (const count of waiting) {
      for (const most of [1, 10]) {
        const { receives } = await inRounds(servers, count > 10_000 ? 1 : rounds, async (server) => ({
          receives: await measureWaiting(server, count, most, seconds),
        }))
        rows.push({ what: `Receive ${most} of ${count.toLocaleString('en')} waiting`, ...receives })
      }
    }
    const peaks = Object.fromEntries(servers.map((server) => [server.name, peakMegabytes(server)]))
    const machine = { cpus: cpus().length, load_before: load, load_after: loadavg()[0] ?? 0, node: process.version }
    if (values.json) console.log(JSON.stringify({ rows, peak_memory_mb: peaks, machine }))
    else {
      print(rows, names)
      console.log(`peak memory in MB: ${JSON.stringify(peaks)}`)
      console.log(
        `${machine.cpus} CPUs, Node ${machine.node}, load average ${machine.load_before.toFixed(2)} before and ${machine.load_after.toFixed(2)} after`,
      )
    }
  } finally {
    stop()
  }
}
