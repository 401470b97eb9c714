import { S3Client } from '@aws-sdk/client-s3'
import { SESClient } from '@aws-sdk/client-ses'
import { SESv2Client } from '@aws-sdk/client-sesv2'
import { SQSClient } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import type { JournalEvent, JournalEventType } from '../../contracts/events.ts'
import type { ConfigInput } from '../../emulator/config.ts'
import type { Clock } from '../../emulator/kernel/clock.ts'
import type { RuleView } from '../../emulator/kernel/faults/faults.ts'
import { specJob, starting } from '../end-to-end/running.ts'

type Config = ConfigInput & { clock?: Clock }

/** An emulator with its rules, and the AWS SDK's clients, which try a call once; who starts it stops it. */
async function startFaulty(config: Config) {
  const emulator = await starting(config)
  const options = {
    endpoint: emulator.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  }
  const clients = {
    sqs: new SQSClient(options),
    s3: new S3Client({ ...options, forcePathStyle: true }),
    ses: new SESClient(options),
    sesv2: new SESv2Client(options),
  }
  const path = `${emulator.url}/_offload/faults`
  let since = 0
  const events = <Type extends JournalEventType>(type: Type): Extract<JournalEvent, { type: Type }>[] =>
    emulator.journal
      .read({ after: since })
      .flatMap(({ event }) => (event.type === type ? [event as Extract<JournalEvent, { type: Type }>] : []))
  /** As `Running.event`, but of what has happened since the rules were set. */
  const event: typeof emulator.event = (type, fits = () => true) =>
    new Promise((resolve) => {
      const look = () => {
        const found = events(type).find(fits)
        if (found === undefined) return
        unsubscribe()
        resolve(found)
      }
      const unsubscribe = emulator.journal.subscribe(look)
      look()
    })
  return {
    ...emulator,
    ...clients,
    options,
    async setRules(text: string) {
      since = emulator.journal.read({ last: 1 })[0]?.id ?? 0
      const answer = await fetch(path, { method: 'PUT', body: text })
      if (!answer.ok) throw new Error(`PUT faults: ${answer.status} ${await answer.text()}`)
    },
    rules: async () => ((await (await fetch(path)).json()) as { rules: RuleView[] }).rules,
    /** Since the rules were set. */
    events,
    injected: () => events('fault.injected'),
    event,
    async stop() {
      for (const client of Object.values(clients)) client.destroy()
      await emulator.stop()
    },
  }
}

export type Faulty = Awaited<ReturnType<typeof startFaulty>>

export async function faulty(rules = '', config: Config = {}): Promise<Faulty> {
  const emulator = await startFaulty(config)
  onTestFinished(() => emulator.stop())
  if (rules !== '') await emulator.setRules(rules)
  return emulator
}

/** One emulator for all tests of a `describe`, since a start takes longer than most of them; each sets its own rules. */
export function sharedFaulty(config: Config = {}): (rules?: string) => Promise<Faulty> {
  let emulator: Faulty | undefined
  beforeAll(async () => {
    emulator = await startFaulty(config)
  })
  afterAll(async () => {
    await emulator?.stop()
  })
  return async (rules = '') => {
    if (emulator === undefined) throw new Error('it was not started')
    await fetch(`${emulator.url}/_offload/reset`, { method: 'POST' })
    await emulator.setRules(rules)
    return emulator
  }
}

export const people = (count: number, domain = 'example.com') =>
  Array.from({ length: count }, (_, index) => ({
    userid: 1001 + index,
    email: `person${index + 1}@${domain}`,
    firstname: 'Ada',
    lastname: `Number ${index + 1}`,
  }))

interface RecipientView {
  readonly key: string
  readonly email: string
  readonly status: string
  readonly attempts: number
  readonly error: string | null
}

let jobs = 0
/** No job of one test meets another's, even where they share an emulator. */
export const newJobId = () => `550e8400-e29b-41d4-a716-${String(++jobs).padStart(12, '0')}`

/** A job through the emulator's own worker, to its end; `mails` are the local parts of the addresses that got one. */
export async function runJob(emulator: Faulty, recipients: readonly { email: string }[], fields: object = {}) {
  const id = newJobId()
  // The suppression list is the account's: each job has its own people.
  const own = recipients.map((recipient) => ({
    ...recipient,
    email: `${recipient.email.split('@')[0]}@job${jobs}.test`,
  }))
  await emulator.submit(specJob({ job_id: id, recipients: own, ...fields }))
  const view = await emulator.settled(id)
  const answer = await fetch(`${emulator.url}/_offload/jobs/${id}/recipients?limit=1000`)
  const { recipients: rows } = (await answer.json()) as { recipients: RecipientView[] }
  const { messages } = await emulator.mailpit.searchMessages({ query: `tag:"job-${id}"`, limit: 1000 })
  const mails = messages.map(({ To }) => To[0]?.Address.split('@')[0]).toSorted()
  return { id, view, rows, mails, failed: rows.flatMap(({ key, status }) => (status === 'sent' ? [] : [key])) }
}
