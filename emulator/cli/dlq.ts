import type { Command } from 'commander'
import { z } from 'zod'
import { call } from './invocation.ts'
import { examples, whole, withTarget, type TargetOptions } from './options.ts'
import { columns } from './table.ts'
import { createTarget } from './target.ts'
import { createTerminal } from './terminal.ts'

interface DlqOptions extends TargetOptions {
  readonly redrive?: boolean
  readonly queue?: string
  readonly last: number
}

const queues = z.looseObject({
  queues: z.array(
    z.looseObject({ name: z.string(), visible: z.number(), inFlight: z.number(), dlq: z.string().optional() }),
  ),
})
const messages = z.looseObject({
  messages: z.array(
    z.looseObject({
      messageId: z.string(),
      reason: z.string().optional(),
      receiveCount: z.number(),
      bodyBytes: z.number(),
      sentAt: z.number(),
    }),
  ),
})
const redriven = z.looseObject({ moved: z.number() })

export function define(command: Command): void {
  command
    .description('Shows the messages in the dead-letter queues and why each is there.')
    .option('--redrive', 'send them back to the queue that they came from')
    .option('--queue <name>', 'one dead-letter queue (default: all)')
    .option('--last <n>', 'how many of each queue', whole(1, 1000), 20)
  withTarget(command)
  examples(command, [
    ['offload dlq', 'what is stuck, and why'],
    ['offload dlq --redrive', 'once more, after the cause is mended'],
  ])
  command.action((options: DlqOptions) => dlq(options))
}

async function dlq({ url, json, redrive, queue, last }: DlqOptions): Promise<void> {
  const terminal = createTerminal({ json })
  const target = createTarget(url)
  const { queues: all } = await target.get('/_offload/queues', queues)
  const deadLetter = new Set(all.flatMap((each) => each.dlq ?? []))
  const names = queue === undefined ? all.map(({ name }) => name).filter((name) => deadLetter.has(name)) : [queue]

  let shown = 0
  for (const name of names) {
    const path = `/_offload/queues/${encodeURIComponent(name)}`
    if (redrive) {
      const { moved } = await target.post(`${path}/redrive`, {}, redriven)
      terminal.record({ queue: name, moved })
      if (!json) terminal.say(`${name}: ${moved} message${moved === 1 ? '' : 's'} sent back`)
      continue
    }
    const { messages: stuck } = await target.get(`${path}/messages?limit=${last}`, messages)
    shown += stuck.length
    for (const message of stuck) terminal.record({ queue: name, ...message })
    if (json || stuck.length === 0) continue
    terminal.say(terminal.style('bold', name))
    const rows = stuck.map(({ messageId, receiveCount, bodyBytes, sentAt, reason }) => [
      messageId,
      receiveCount,
      bodyBytes,
      new Date(sentAt).toLocaleString('sv-SE'),
      reason ?? `received ${receiveCount} times and never deleted`,
    ])
    terminal.say(columns(['message', 'received', 'bytes', 'sent', 'why'], rows))
  }
  if (redrive || json) return
  terminal.say(
    shown === 0 ? 'Nothing is stuck: the dead-letter queues are empty.' : `\nSend them back: ${call('dlq --redrive')}`,
  )
}
