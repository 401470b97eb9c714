import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { TablesError } from '../check/target.ts'
import { systemClock } from '../kernel/clock.ts'
import { lockDirectory } from '../kernel/lock.ts'
import { TemplateError } from '../worker/certificate/template/template.ts'
import { createTemplates } from '../worker/certificate/template/templates.ts'
import { health as healthAnswer, type Health } from './answers.ts'
import { readConfiguration } from './configuration.ts'
import { Failure } from './failure.ts'
import { startLine } from './invocation.ts'
import { examples, withTarget, type TargetOptions } from './options.ts'
import { portHolder, portIsFree } from './port-holder.ts'
import { createTarget, targetUrl } from './target.ts'
import { createTerminal, type Terminal } from './terminal.ts'

/** What was found; `fix` is the line that mends it, or that helps where nothing is broken. */
interface Finding {
  readonly id: string
  readonly verdict: 'pass' | 'fail' | 'skip'
  readonly words: string
  readonly fix?: string
}

const run = promisify(execFile)

export function define(command: Command): void {
  command
    .description('Looks at what the emulator needs on this machine, and says what is wrong and the line that mends it.')
    .option('--config <file>', 'the configuration whose ports and folders are meant')
    .option(
      '--php <command>',
      "asks a Moodle too: wwwroot, curl's security, the AWS SDK (php, docker compose exec -T webserver php)",
    )
    .option('--moodle-root <folder>', 'where Moodle is, as --php sees it', '.')
  withTarget(command)
  examples(command, [
    ['offload doctor', 'Node, ports and who has them, the data folder, Mailpit, k6'],
    ['offload doctor --json', 'a verdict a line: pass, fail or skip'],
    ['offload doctor --php php --moodle-root /var/www/moodle', 'and a Moodle of this machine'],
  ])
  command.action((options: DoctorOptions) => doctor(options))
}

interface DoctorOptions extends TargetOptions {
  readonly config?: string
  readonly php?: string
  readonly moodleRoot: string
}

async function doctor({ url, json, config: file, php, moodleRoot }: DoctorOptions): Promise<void> {
  const terminal = createTerminal({ json })
  const emulator = await running(url)
  const { config, finding } = await configuration(file)
  const findings = [await node(), finding, whatRuns(emulator, targetUrl(url))]
  if (config !== undefined) {
    findings.push(...(await ports(config, emulator)), dataFolder(config, emulator), await mailpit(config, emulator))
    findings.push(...(await templates(config)))
  }
  findings.push(await k6())
  if (php !== undefined) findings.push(...(await moodle(php, moodleRoot, emulator, targetUrl(url))))

  for (const found of findings) terminal.record(found)
  if (!json) for (const found of findings) terminal.say(line(found, terminal))
  const broken = findings.filter(({ verdict }) => verdict === 'fail')
  if (!json) terminal.say(broken.length === 0 ? '\nNothing is broken.' : `\n${broken.length} to mend.`)
  if (broken.length > 0) process.exitCode = 1
}

function line({ verdict, words, fix }: Finding, { style }: Terminal): string {
  const mark = { pass: style('green', '✓'), fail: style('red', '✗'), skip: style('dim', '-') }[verdict]
  return `${mark} ${words}${fix === undefined ? '' : `\n    → ${fix}`}`
}

async function running(url: string | undefined): Promise<Health | undefined> {
  try {
    return await createTarget(url).get('/_offload/health', healthAnswer)
  } catch (error) {
    if (error instanceof Failure && error.exit === 3) return undefined
    throw error
  }
}

function whatRuns(emulator: Health | undefined, url: string): Finding {
  if (emulator === undefined)
    return { id: 'emulator', verdict: 'skip', words: `no emulator runs at ${url}`, fix: startLine }
  return {
    id: 'emulator',
    verdict: 'pass',
    words: `an emulator runs at ${url} (version ${emulator.version}, process ${emulator.pid})`,
  }
}

async function configuration(file: string | undefined): Promise<{ config?: Config; finding: Finding }> {
  try {
    const read = await readConfiguration({ environment: process.env, file })
    const words =
      read.file === undefined ? 'the configuration is valid (no file)' : `the configuration is valid (${read.file})`
    const [warning] = read.warnings
    if (warning !== undefined)
      return { config: read.config, finding: { id: 'configuration', verdict: 'fail', words: warning } }
    return { config: read.config, finding: { id: 'configuration', verdict: 'pass', words } }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const words = [error.message, ...error.evidence].join('\n    ')
    return { finding: { id: 'configuration', verdict: 'fail', words: `the configuration is wrong: ${words}` } }
  }
}

/** We run, so our own Node will do; the one that `offload` would find without npm may be older. */
async function node(): Promise<Finding> {
  const ours = `Node ${process.versions.node} is new enough`
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    if (folder === '' || folder.includes('node_modules')) continue
    const program = join(folder, process.platform === 'win32' ? 'node.exe' : 'node')
    if (!existsSync(program)) continue
    const { stdout } = await run(program, ['--version']).catch(() => ({ stdout: '' }))
    const [major = 0, minor = 0] = stdout.trim().replace('v', '').split('.').map(Number)
    if (stdout === '' || major > 22 || (major === 22 && minor >= 13)) break
    const words = `${ours}; the one on your PATH is ${stdout.trim()}, older than 22.13`
    return {
      id: 'node',
      verdict: 'pass',
      words,
      fix: 'call offload through npm run, which brings its own, or update Node: https://nodejs.org',
    }
  }
  return { id: 'node', verdict: 'pass', words: ours }
}

async function ports(config: Config, emulator: Health | undefined): Promise<Finding[]> {
  const wanted = [
    ['port', config.port],
    ...(config.mailpit === undefined
      ? ([
          ['smtp-port', config.smtp_port],
          ['inbox-port', config.inbox_port],
        ] as const)
      : []),
  ] as const
  const [host = '127.0.0.1'] = config.host
  return Promise.all(
    wanted.map(async ([flag, port]): Promise<Finding> => {
      const id = `port-${port}`
      if (port === 0 || (await portIsFree(port, host)))
        return { id, verdict: 'pass', words: `port ${port} is free (--${flag})` }
      const holder = await portHolder(port)
      if (holder !== undefined && holder.pid === emulator?.pid) {
        return { id, verdict: 'pass', words: `port ${port} is the running emulator's (--${flag})` }
      }
      const who =
        holder === undefined ? 'a process that this user may not see' : `process ${holder.pid} (${holder.command})`
      return { id, verdict: 'fail', words: `port ${port} is taken by ${who}`, fix: `offload up --${flag} ${port + 1}` }
    }),
  )
}

function dataFolder(config: Config, emulator: Health | undefined): Finding {
  const id = 'data-dir'
  if (config.ephemeral) return { id, verdict: 'skip', words: 'nothing is kept (ephemeral)' }
  const folder = resolve(config.data_dir)
  let existing = folder
  while (!existsSync(existing)) existing = dirname(existing)
  try {
    accessSync(existing, constants.W_OK)
  } catch {
    return {
      id,
      verdict: 'fail',
      words: `${existing} cannot be written`,
      fix: 'offload up --data-dir FOLDER, or --ephemeral',
    }
  }
  if (existing === folder && existsSync(join(folder, 'lock.db'))) {
    try {
      lockDirectory(folder).release()
    } catch {
      const ours = emulator === undefined ? 'an emulator on another port' : 'a running emulator'
      return { id, verdict: 'pass', words: `${folder} can be written, and ${ours} uses it` }
    }
  }
  return { id, verdict: 'pass', words: `${folder} can be written` }
}

const mailpitInfo = z.looseObject({ Version: z.string(), Messages: z.number() })

async function mailpit(config: Config, emulator: Health | undefined): Promise<Finding> {
  const id = 'mailpit'
  const base = (config.mailpit ?? `http://127.0.0.1:${config.inbox_port}`).replace(/\/+$/, '')
  const info =
    emulator !== undefined && emulator.inbox === base && config.mailpit === undefined ? undefined : await infoOf(base)
  const unlimited =
    'start Mailpit with MP_MAX_MESSAGES=0: it keeps 500 messages otherwise, and loses the rest of a bulk job'
  if (config.mailpit === undefined) {
    if (info === undefined)
      return { id, verdict: 'skip', words: 'no Mailpit is asked for: the emulator brings its own inbox' }
    const words = `a Mailpit (${info.Version}) answers at ${base}`
    return {
      id,
      verdict: 'skip',
      words,
      fix: `to use it: offload up --mailpit ${base} --smtp 127.0.0.1:1025; and ${unlimited}`,
    }
  }
  if (info === undefined) {
    return {
      id,
      verdict: 'fail',
      words: `no Mailpit answers at ${base}`,
      fix: 'docker compose up -d mailpit, or leave --mailpit (OFFLOAD_MAILPIT) out',
    }
  }
  const full = info.Messages === 500
  const words = `Mailpit ${info.Version} answers at ${base}${full ? ', and holds exactly 500 messages: it may be throwing mail away' : ''}`
  return { id, verdict: full ? 'fail' : 'pass', words, fix: unlimited }
}

async function infoOf(base: string): Promise<z.output<typeof mailpitInfo> | undefined> {
  const response = await fetch(`${base}/api/v1/info`).catch(() => undefined)
  const json: unknown = await response?.json().catch(() => undefined)
  return mailpitInfo.safeParse(json).data
}

/** The customer's own certificate templates, where there are some. */
async function templates(config: Config): Promise<Finding[]> {
  const folder = resolve(config.certificate_templates)
  if (!existsSync(folder)) return []
  const own = createTemplates({ folder })
  return Promise.all(
    own.names().map(async (name): Promise<Finding> => {
      const id = `template-${name}`
      try {
        await own.find(name, config.locale)
        return { id, verdict: 'pass', words: `the certificate template ${name} is fine` }
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error
        return { id, verdict: 'fail', words: error.message, fix: `offload certificate preview --template ${name}` }
      }
    }),
  )
}

async function k6(): Promise<Finding> {
  const { stdout } = await run('k6', ['version']).catch(() => ({ stdout: '' }))
  if (stdout !== '') return { id: 'k6', verdict: 'pass', words: `${stdout.trim().split('\n')[0]}` }
  return {
    id: 'k6',
    verdict: 'skip',
    words: 'k6 is not installed: only load tests need it',
    fix: 'https://grafana.com/docs/k6/latest/set-up/install-k6/',
  }
}

/** A Moodle, asked through its own PHP; with an emulator that runs, whether it is reached from there. */
async function moodle(command: string, root: string, emulator: Health | undefined, url: string): Promise<Finding[]> {
  const { openPhpMoodle } = await import('../check/php-moodle.ts')
  const { judgeMoodleSettings } = await import('../../contracts/checks/moodle-settings.ts')
  try {
    const php = await openPhpMoodle({ command, root, clock: systemClock() })
    try {
      const found = await php.settings(emulator === undefined ? undefined : url)
      return judgeMoodleSettings(found, url)
    } finally {
      await php.close()
    }
  } catch (error) {
    if (!(error instanceof TablesError)) throw error
    return [{ id: 'moodle', verdict: 'fail', words: error.message }]
  }
}
