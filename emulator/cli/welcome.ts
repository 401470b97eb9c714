import { shownUrl } from '../../contracts/shown-url.ts'
import type { Emulator } from '../emulator.ts'
import { settingsToCopy, type SettingsBlock } from '../moodle/settings-to-copy.ts'
import { version } from '../version.ts'
import { call } from './invocation.ts'
import type { Terminal } from './terminal.ts'

/** What `up` prints when the emulator is ready: where everything is, and what to copy into Moodle. */
export function welcome({
  emulator,
  terminal,
  file,
  everything,
  took,
}: {
  emulator: Emulator
  terminal: Terminal
  file: string | undefined
  /** Settings for every dialect and set-up. */
  everything: boolean
  /** Milliseconds from the start. */
  took: number
}): string {
  const { config, url, queueUrl, smtp, inbox } = emulator
  const bold = (text: string) => terminal.style('bold', text)
  const settings = settingsToCopy({
    url,
    queueUrl,
    smtp,
    ingestToken: config.ingest_token,
    callbackSecret: config.cloud_callback_secret,
    pluginToken: config.plugin_token,
    batchSize: config.job_batch_size,
    presignedUrlTtl: config.presigned_url_ttl,
    callbackUrl: config.callback_url,
  })
  const [local] = settings.moodle
  const state = config.ephemeral
    ? 'in a temporary file, gone at the end'
    : `in ${config.data_dir}, start ${emulator.boot}`

  const lines = [
    `${bold(`Offload ${version} is ready`)} ${terminal.style('dim', `(${took} ms)`)}`,
    '',
    ...table([
      ['page', emulator.dashboard],
      ['jobs', `POST ${url}/jobs`],
      ['queue', queueUrl],
      [
        'mail',
        config.mailpit === undefined ? `smtp://${smtp}, read at ${inbox}` : `to Mailpit at ${smtp}, read at ${inbox}`,
      ],
      ['state', `${state}, seed ${emulator.seed}`],
      ['settings from', file ?? 'flags, OFFLOAD_* and defaults (no offload.config.yaml here)'],
      ['callbacks to', callbacksTo(config)],
      ...(config.worker === 'builtin' ? [] : [['worker', workerIn(config)] as const]),
    ]),
  ]
  const blocks = everything
    ? [...Object.values(settings.dialects).flat(), ...settings.moodle, settings.worker]
    : [settings.dialects.spec[0], /^(none|lambda:)/.test(config.worker) ? settings.worker : undefined]
  for (const block of blocks) if (block !== undefined) lines.push('', ...blockLines(block, bold))
  if (!everything) {
    const curl = local?.snippets.find(({ where }) => where === 'config.php')
    if (curl !== undefined)
      lines.push('', bold("config.php: Moodle's curl blocks localhost until told not to"), ...indented(curl.text))
    lines.push(
      '',
      terminal.style(
        'dim',
        `SQS mode, other dialects, php-fpm, moodle-docker, a worker's exports: ${call('up --show-settings')}, or ${url}/_offload/page/settings`,
      ),
    )
  }
  if (Object.keys(config.tenants).length > 0) {
    lines.push(terminal.style('dim', 'Tenants with secrets of their own use those instead of the ones above.'))
  }
  lines.push('', `Submit a job: ${call('send')}     Stop: Ctrl-C`, '')
  return lines.join('\n')
}

function workerIn({ worker, worker_batch_size: batch, worker_timeout: timeout }: Emulator['config']): string {
  if (worker === 'none') return 'none: the queue is yours, and what your worker does is judged'
  const messages = `${batch} message${batch === 1 ? '' : 's'}`
  return `${worker} (events of up to ${messages}, timeout ${timeout / 1000} s: AWS wants the queue's visibility timeout to be 6 times as much)`
}

function callbacksTo({ callback_url: everybody, tenants }: Emulator['config']): string {
  const named = Object.entries(tenants).flatMap(([tenant, own]) =>
    own.callback_url === undefined ? [] : [`tenant ${tenant}: ${shownUrl(own.callback_url)}`],
  )
  const rest =
    everybody === undefined ? "each job's callback_url; without one they wait (--callback-url)" : shownUrl(everybody)
  return [...named, named.length > 0 && everybody !== undefined ? `others: ${rest}` : rest].join('; ')
}

function blockLines({ title, note, settings, snippets }: SettingsBlock, bold: (text: string) => string): string[] {
  return [
    bold(title),
    ...(note === undefined ? [] : wrapped(note)),
    ...table(settings.map(({ name, value }) => [name, value] as const)),
    ...snippets.flatMap(({ where, text }) => [`  # ${where}`, ...indented(text)]),
  ]
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)
}

const indented = (text: string): string[] => text.split('\n').map((line) => `  ${line}`)

function wrapped(text: string, width = 110): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length + 1 <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines.map((line) => `  ${line}`)
}
