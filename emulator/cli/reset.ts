import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import { z } from 'zod'
import { health } from './answers.ts'
import { Failure } from './failure.ts'
import { examples, whole, withTarget, type TargetOptions } from './options.ts'
import { createTarget } from './target.ts'
import { createTerminal } from './terminal.ts'

interface ResetOptions extends TargetOptions {
  readonly tenant?: number
  readonly yes?: boolean
}

const resetAnswer = z.looseObject({ reset: z.string() })

export function define(command: Command): void {
  command
    .description('Forgets jobs, messages, mails, certificates and callbacks: of everything, or of one tenant.')
    .option(
      '--tenant <n>',
      'of one company: after its Moodle database was reset, so that its ids begin again',
      whole(0, Number.MAX_SAFE_INTEGER),
    )
    .option('-y, --yes', 'do not ask')
  withTarget(command)
  examples(command, [
    ['offload reset', 'everything, after a question'],
    ['offload reset --tenant 7 --yes', 'one tenant, from a script'],
  ])
  command.action(async ({ url, json, tenant, yes }: ResetOptions) => {
    const terminal = createTerminal({ json })
    const target = createTarget(url)
    const what = tenant === undefined ? 'everything' : `everything of tenant ${tenant}`
    const { url: at } = await target.get('/_offload/health', health)
    if (!yes && !(await confirmed(`Forget ${what} in the emulator at ${at}? [y/N] `))) {
      throw new Failure(2, 'nothing was reset')
    }
    const answer = await target.post(
      `/_offload/reset${tenant === undefined ? '' : `?tenant=${tenant}`}`,
      {},
      resetAnswer,
    )
    terminal.record(answer)
    if (!json) terminal.say(`Forgotten: ${what}.`)
  })
}

async function confirmed(question: string): Promise<boolean> {
  if (process.stdin.isTTY !== true)
    throw new Failure(2, 'reset asks before it forgets, and there is no terminal to ask at', { fix: ['say --yes'] })
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await lines.question(question)).trim())
  } finally {
    lines.close()
  }
}
