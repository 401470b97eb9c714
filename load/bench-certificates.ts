import { spawn } from 'node:child_process'
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Measured, Rendering } from './certificates-process.ts'

const help = `npm run bench -- certificates [options]

Certificates a second and core: the default template in Latin letters and in Japanese, batches of 200, and the Latin ones
made naively, by a PDF library that begins each from nothing.

  --certificates N   how many of each kind (default 10000; the naive: a fiftieth)
  --batch N          recipients in a batch (default 200)
  --json             one line of JSON`

const kinds: readonly Rendering[] = ['latin', 'japanese', 'naive']

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      certificates: { type: 'string', default: '10000' },
      batch: { type: 'string', default: '200' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(help)
    return
  }
  const load = loadavg()[0] ?? 0
  const measured = new Map<Rendering, Measured>()
  for (const kind of kinds) measured.set(kind, await measure(kind, Number(values.certificates), Number(values.batch)))

  const naive = measured.get('naive')
  if (values.json) {
    console.log(JSON.stringify(Object.fromEntries(measured)))
    return
  }
  console.log(`${cpus()[0]?.model ?? ''}, ${cpus().length} cores, Node ${process.version}, load ${load.toFixed(1)}\n`)
  console.log('              a second and core   CPU each   bytes each   largest   memory   against naive')
  for (const [kind, { cpu, bytes, largest, memory }] of measured) {
    const cells = [
      Math.round(1e6 / cpu)
        .toLocaleString('en')
        .padStart(17),
      `${cpu < 1000 ? Math.round(cpu) : Math.round(cpu).toLocaleString('en')} µs`.padStart(11),
      Math.round(bytes).toLocaleString('en').padStart(13),
      largest.toLocaleString('en').padStart(10),
      `${Math.round(memory / 1e6)} MB`.padStart(9),
      `× ${((naive?.cpu ?? 0) / cpu).toFixed(0)}`.padStart(16),
    ]
    console.log(kind.padEnd(14) + cells.join(''))
  }
}

/** In a process of its own, by Node's own type stripping: what tsx adds to each function (its name) would be measured too. */
function measure(kind: Rendering, certificates: number, batch: number): Promise<Measured> {
  const file = fileURLToPath(new URL('./certificates-process.ts', import.meta.url))
  // As little young memory as the threads of the emulator have.
  const child = spawn(process.execPath, ['--max-semi-space-size=8', file, kind, String(certificates), String(batch)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return new Promise((resolve, reject) => {
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.once('error', reject)
    child.once('close', (status) => {
      if (status === 0) resolve(JSON.parse(output) as Measured)
      else reject(new Error(`the process that renders ${kind} ended with ${status}`))
    })
  })
}
