import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'

const root = join(import.meta.dirname, '../..')

type Case = readonly [folder: string, source: string]

const forbiddenArrows: readonly Case[] = [
  ['contracts', `import { openStore } from '../emulator/kernel/store.ts'`],
  ['contracts', `import type { Store } from '../emulator/kernel/store.ts'`],
  ['contracts', `import { readFileSync } from 'node:fs'`],
  ['contracts/dialects', `import { parse } from 'yaml'`],
  ['emulator/kernel', `import { createQueue } from '../cloud/queue/queue.ts'`],
  ['emulator/kernel', `import { createWorker } from '../worker/worker.ts'`],
  ['emulator/cloud/queue', `import { createWorker } from '../../worker/worker.ts'`],
  ['emulator/cloud/queue', `import { createLedger } from '../../worker/ports.ts'`],
  ['emulator/cloud/mail', `import { buildServer } from '../../http/server.ts'`],
  ['emulator/cloud/mail', `import { main } from '../../cli/main.ts'`],
  ['emulator/cloud/mail', `import { createEmulator } from '../../emulator.ts'`],
  ['emulator/cloud/inbox', `import type { FastifyRequest } from 'fastify'`],
  ['emulator/cloud/inbox', `export type Request = import('fastify').FastifyRequest`],
  ['emulator/worker', `import { createQueue } from '../cloud/queue/queue.ts'`],
  ['emulator/worker', `import type { Queue } from '../cloud/queue/queue.ts'`],
  ['emulator/worker', `import fastify from 'fastify'`],
  ['emulator/worker', `export { createQueue } from '../cloud/queue/queue.ts'`],
  ['emulator/worker', `export * from '../cloud/queue/queue.ts'`],
  ['emulator/worker', `export const load = () => import('../cloud/queue/queue.ts')`],
  ['emulator/worker', `export const thread = new URL('../cloud/queue/queue.ts', import.meta.url)`],
  ['emulator/moodle', `import { createWorker } from '../worker/worker.ts'`],
  ['emulator/moodle', `import formbody from '@fastify/formbody'`],
  ['emulator/http/sqs', `import { createEmulator } from '../../emulator.ts'`],
  ['emulator/dashboard', `import { buildServer } from '../http/server.ts'`],
  ['emulator/cli', `import { createQueue } from '../cloud/queue/queue.ts'`],
  ['load', `import { main } from '../emulator/cli/main.ts'`],
  ['emulator/elsewhere', `export const nowhere = 'not in the table'`],
]

const allowedArrows: readonly Case[] = [
  ['contracts', `import { createHmac } from 'node:crypto'\nimport { z } from 'zod'`],
  ['contracts/dialects', `import type { Job } from '../job.ts'`],
  ['emulator/kernel', `import type { JournalEvent } from '../../contracts/events.ts'`],
  ['emulator/cloud/queue', `import type { QueuePort } from '../../worker/ports.ts'`],
  ['emulator/cloud/queue', `import { EmulatorError } from '../../kernel/errors.ts'`],
  ['emulator/worker/certificate', `import type { CertificatePort } from '../ports.ts'`],
  ['emulator/worker/certificate', `export const thread = new URL('./render-thread.ts', import.meta.url)`],
  ['emulator/http/sqs', `import { createQueue } from '../../cloud/queue/queue.ts'\nimport fastify from 'fastify'`],
  ['emulator/cli', `import { createEmulator } from '../emulator.ts'\nimport { configSchema } from '../config.ts'`],
  ['test/queue', `import { createQueue } from '../../emulator/cloud/queue/queue.ts'`],
]

const forbiddenTimeAndChance: readonly Case[] = [
  ['emulator/cloud', `export const at = Date.now()`],
  ['emulator/cloud', `export const at = Date['now']()`],
  ['emulator/cloud', `export const at = globalThis.Date.now()`],
  ['emulator/cloud', `export const clock = { now: Date.now }`],
  ['emulator/worker', `export const at = new Date()`],
  ['emulator/worker', `export const at = Date()`],
  ['emulator/moodle', `export const dice = Math.random()`],
  ['emulator/http', `setTimeout(() => {}, 10)`],
  ['emulator/http', `export const wait = setInterval`],
  ['emulator/http', `globalThis.setTimeout(() => {}, 10)`],
  ['emulator/http', `export const signal = AbortSignal.timeout(10)`],
  ['emulator/cli', `export const at = performance.now()`],
  ['emulator/cli', `export const at = process.hrtime.bigint()`],
  ['emulator/cloud', `import { randomUUID } from 'node:crypto'`],
  ['emulator/cloud', `import { randomBytes as bytes } from 'crypto'`],
  ['emulator/cloud', `import * as crypto from 'node:crypto'\nexport const id = crypto.randomUUID()`],
  ['emulator/cloud', `export const id = crypto.randomUUID()`],
  ['contracts', `export const at = new Date()`],
  ['load', `export const at = performance.now()`],
  ['test/queue', `import { setTimeout as sleep } from 'node:timers/promises'`],
  ['test/queue', `import { performance } from 'node:perf_hooks'`],
]

const allowedTimeAndChance: readonly Case[] = [
  [
    'emulator/kernel',
    `import { randomBytes } from 'node:crypto'\nexport const at = [Date.now(), new Date(), randomBytes]`,
  ],
  ['emulator/cloud', `export const at = (ms: number) => new Date(ms).toISOString()`],
  ['emulator/cloud', `import { createHash } from 'node:crypto'\nexport const hash = createHash('md5')`],
  ['emulator/cloud', `import { setImmediate as turn } from 'node:timers/promises'\nexport const next = () => turn()`],
  ['emulator/cloud', `export const run = (setTimeout: (ms: number) => void) => setTimeout(5)`],
]

const mistakes: readonly [rule: string, ...Case][] = [
  [
    'typescript(no-floating-promises)',
    'emulator/cloud',
    `const send = async () => 1\nexport const run = () => { send() }`,
  ],
  [
    'typescript(no-misused-promises)',
    'emulator/cloud',
    `export const run = (list: number[]) => list.forEach(async () => {})`,
  ],
  ['typescript(no-explicit-any)', 'emulator/cloud', `export const run = (value: any) => value === 1`],
  ['typescript(consistent-type-imports)', 'emulator/http', `import { Stats } from 'node:fs'\nexport type S = Stats`],
  ['eslint(eqeqeq)', 'emulator/cloud', `export const run = (value: unknown) => value == 1`],
  ['eslint(no-console)', 'emulator/worker', `console.log('hello')`],
  ['node(no-process-env)', 'emulator/worker', `export const port = process.env['PORT']`],
]

const reportSchema = z.object({ diagnostics: z.array(z.object({ code: z.string(), filename: z.string() })) })

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'offload-lint-')))
const found = new Map<string, string[]>()
const fileOf = (group: string, index: number, [place]: Case) => join(place, `${group}-${index}.ts`)

beforeAll(async () => {
  for (const part of ['.oxlintrc.json', '.lint', 'tsconfig.json']) {
    cpSync(join(root, part), join(folder, part), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const write = (group: string, cases: readonly Case[]) => {
    for (const [index, snippet] of cases.entries()) {
      const file = join(folder, fileOf(group, index, snippet))
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, `${snippet[1]}\n`)
    }
  }
  write('bad-arrow', forbiddenArrows)
  write('good-arrow', allowedArrows)
  write('bad-chance', forbiddenTimeAndChance)
  write('good-chance', allowedTimeAndChance)
  write(
    'mistake',
    mistakes.map(([, ...snippet]) => snippet),
  )

  // The folders are named since oxlint would follow the link to node_modules.
  const oxlint = [
    join(root, 'node_modules/oxlint/bin/oxlint'),
    '--format',
    'json',
    'contracts',
    'emulator',
    'load',
    'test',
  ]
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, oxlint, { cwd: folder, maxBuffer: 2 ** 26 }, (_error, stdout, stderr) => {
      resolve(stdout === '' ? stderr : stdout)
    })
  })
  for (const { code, filename } of reportSchema.parse(JSON.parse(output)).diagnostics) {
    found.set(filename, [...(found.get(filename) ?? []), code])
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const findings = (group: string, index: number, snippet: Case) => found.get(fileOf(group, index, snippet)) ?? []
const shown = (cases: readonly Case[]) =>
  cases.map((snippet, index) => ({ title: `${snippet[0]}: ${snippet[1].replaceAll('\n', '; ')}`, index, snippet }))

describe('the arrows between folders', () => {
  it.each(shown(forbiddenArrows))('refuses in $title', ({ index, snippet }) => {
    expect(findings('bad-arrow', index, snippet)).toContain('offload(arrows)')
  })
  it.each(shown(allowedArrows))('allows in $title', ({ index, snippet }) => {
    expect(findings('good-arrow', index, snippet)).not.toContain('offload(arrows)')
  })
})

describe("the kernel's monopoly on time, chance and ids", () => {
  it.each(shown(forbiddenTimeAndChance))('refuses in $title', ({ index, snippet }) => {
    expect(findings('bad-chance', index, snippet)).toContain('offload(monopoly)')
  })
  it.each(shown(allowedTimeAndChance))('allows in $title', ({ index, snippet }) => {
    expect(findings('good-chance', index, snippet)).not.toContain('offload(monopoly)')
  })
})

describe('mistakes', () => {
  it.each(mistakes.map(([rule, ...snippet], index) => ({ rule, index, snippet })))(
    'finds $rule',
    ({ rule, index, snippet }) => {
      expect(findings('mistake', index, snippet)).toContain(rule)
    },
  )
})
