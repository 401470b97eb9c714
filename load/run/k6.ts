import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { EmulatorError } from '../../emulator/kernel/errors.ts'

/** How k6 is started: a program of this machine, or its container. */
export interface K6 {
  readonly kind: 'program' | 'docker'
  readonly command: string
  readonly version: string
}

const k6Version = '2.2.0'
const image = `grafana/k6:${k6Version}`

/** What to do where there is none. */
const howToGetK6 = [
  `with Go: go install go.k6.io/k6/v2@v${k6Version} (then it is in $(go env GOPATH)/bin)`,
  'or a package: brew install k6, winget install k6, https://grafana.com/docs/k6/latest/set-up/install-k6/',
  `or start Docker: ${image} is used where k6 is not on the PATH`,
  'or name it: --k6 /path/to/k6',
]

export interface FindK6 {
  /** `--k6`. */
  readonly given?: string | undefined
  readonly path?: string | undefined
  /** What a program says, undefined where it cannot be run; for tests. */
  readonly say?: (command: string, args: readonly string[]) => string | undefined
}

/** k6 as `--k6` names it, else on the PATH, else by Docker. Throws EmulatorError `no-k6`. */
export function findK6({ given, path = process.env['PATH'] ?? '', say = output }: FindK6): K6 {
  if (given !== undefined) {
    const version = versionIn(say(given, ['version']))
    if (version === undefined) throw new EmulatorError('no-k6', `--k6 ${given} is no k6`, { fix: howToGetK6 })
    return checked({ kind: 'program', command: given, version })
  }
  const found = path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .flatMap((folder) => ['k6', 'k6.exe'].map((name) => join(folder, name)))
    .find(isProgram)
  const version = found === undefined ? undefined : versionIn(say(found, ['version']))
  if (found !== undefined && version !== undefined) return checked({ kind: 'program', command: found, version })
  if (say('docker', ['version', '--format', '{{.Server.Version}}']) !== undefined) {
    return { kind: 'docker', command: 'docker', version: k6Version }
  }
  throw new EmulatorError('no-k6', 'k6 is not on the PATH, and no Docker runs that could start it', { fix: howToGetK6 })
}

function checked(k6: K6): K6 {
  // TypeScript as it is runs since 0.57.
  const [major = 0, minor = 0] = k6.version.split('.').map(Number)
  if (major > 0 || minor >= 57) return k6
  throw new EmulatorError('no-k6', `${k6.command} is k6 ${k6.version}: 0.57 or newer is needed`, { fix: howToGetK6 })
}

const versionIn = (text: string | undefined) => /k6(?:\.exe)? v(\d+\.\d+\.\d+)/.exec(text ?? '')?.[1]

function output(command: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', timeout: 15_000 })
  return status === 0 ? stdout : undefined
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return existsSync(file)
  } catch {
    return false
  }
}

export const scenarios = ['budget', 'ingest', 'callbacks', 'spike', 'tenants'] as const
export type ScenarioName = (typeof scenarios)[number]

/** The script of a scenario: TypeScript in a checkout, JavaScript in the package. */
function scriptOf(scenario: ScenarioName): string {
  const ending = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
  return join(dirname(fileURLToPath(import.meta.url)), '..', `${scenario}${ending}`)
}

export interface K6Run {
  /** Its exit code: 0, 99 where a threshold failed, others where it could not run; null where it was ended. */
  readonly ended: Promise<number | null>
  /** The last lines that were no events. */
  said(): string
  /** At once: what is on its way is not waited for. */
  stop(): void
}

/** Starts a script; each line of its log that is one of our events goes to `onEvent`. */
export function startK6(
  k6: K6,
  {
    scenario,
    variables,
    summary,
    folder,
    onEvent,
  }: {
    readonly scenario: ScenarioName
    /** As `-e NAME=value`; what is a secret goes by the environment. */
    readonly variables: Readonly<Record<string, string>>
    /** Where its own summary is written. */
    readonly summary: string
    /** What it may read and write, besides the scripts. */
    readonly folder: string
    readonly onEvent: (event: { readonly event: string }) => void
  },
): K6Run {
  const script = scriptOf(scenario)
  const args = [
    'run',
    '--quiet',
    '--no-color',
    '--no-usage-report',
    '--log-format=raw',
    '--log-output=stderr',
    '--new-machine-readable-summary',
    `--summary-export=${summary}`,
    script,
  ]
  const environment = { ...variables, K6_AUTO_EXTENSION_RESOLUTION: 'false' }
  const name = `offload-k6-${process.pid}`
  const command =
    k6.kind === 'program'
      ? { file: k6.command, args }
      : {
          file: 'docker',
          args: [
            ...['run', '--rm', '--name', name, '--network', 'host', '--user', `${process.getuid?.() ?? 0}`],
            ...[dirname(script), folder].flatMap((mounted) => ['-v', `${mounted}:${mounted}`]),
            ...Object.keys(environment).flatMap((variable) => ['-e', variable]),
            image,
            ...args,
          ],
        }
  const child = spawn(command.file, command.args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...environment },
    // Ctrl-C at a terminal goes to everybody: we say when k6 ends.
    detached: process.platform !== 'win32',
  })
  const said: string[] = []
  const lines = createInterface({ input: child.stderr })
  lines.on('line', (line) => {
    const event = eventIn(line)
    if (event !== undefined) onEvent(event)
    else if (line.trim() !== '') {
      said.push(line)
      if (said.length > 30) said.shift()
    }
  })
  const read = new Promise<void>((resolve) => lines.once('close', resolve))
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      said.push(error.message)
      resolve(null)
    })
    // The log is read to its end first.
    child.once('exit', (code) => void read.then(() => resolve(code)))
  })
  const kill = () => {
    if (k6.kind === 'docker') spawnSync('docker', ['kill', name], { timeout: 10_000 })
    child.kill('SIGKILL')
  }
  const withUs = () => kill()
  process.once('exit', withUs)
  void ended.then(() => process.removeListener('exit', withUs))
  return { ended, said: () => said.join('\n'), stop: kill }
}

function eventIn(line: string): { readonly event: string } | undefined {
  if (!line.startsWith('{"event":')) return undefined
  try {
    return JSON.parse(line) as { event: string }
  } catch {
    return undefined
  }
}
