import { availableParallelism } from 'node:os'
import { basename, dirname, resolve } from 'node:path'
import { checkMailpit, createMailpitLookup } from '../cloud/mail/mailpit.ts'
import { createMailProvider } from '../cloud/mail/provider.ts'
import { openSmtpClient } from '../cloud/mail/smtp-client.ts'
import { innerSmtpAddress, parseSmtpAddress, type SmtpAddress } from '../cloud/mail/smtp-host.ts'
import { createSmtpTransport } from '../cloud/mail/transport.ts'
import type { Clock, Timer } from '../kernel/clock.ts'
import { EmulatorError, messageOf } from '../kernel/errors.ts'
import { joinHolders } from '../kernel/holders.ts'
import { boot } from '../kernel/installation.ts'
import { createJournal, type Journal } from '../kernel/journal.ts'
import { stopEach, type Stop } from '../kernel/stops.ts'
import { openStore, type Store } from '../kernel/store.ts'
import { createAttempt, type DeliverySettings } from '../worker/attempt.ts'
import { createCallbacks, type CallbackSettings } from '../worker/callbacks/callbacks.ts'
import { createCertificateRenderer } from '../worker/certificate/render-pool.ts'
import { createTemplates } from '../worker/certificate/template/templates.ts'
import { createLedger } from '../worker/ledger/ledger.ts'
import { createPool } from '../worker/pool.ts'
import { createSettler } from '../worker/settler.ts'
import { createAwsClients, type AwsPlaces } from './aws.ts'
import { createS3Objects } from './s3-objects.ts'
import { createSqsQueue } from './sqs-queue.ts'

/** Codes of the EmulatorErrors that starting throws, beside those of AWS and of the SMTP address. */
export type WorkerErrorCode = 'ledger-unusable' | 'smtp-unreachable' | 'mailpit-unreachable'

export interface WorkerProcessOptions extends AwsPlaces {
  readonly clock: Clock
  readonly bucket: string
  /** The file of the ledger, which several processes of one machine may share. */
  readonly ledger: string
  /** HOST:PORT, on this machine or in a private network. */
  readonly smtp: string
  /** Base URL of the Mailpit behind it: who is asked whether a mail went out before; without it nobody. */
  readonly mailpit?: string | undefined
  readonly mailFrom: string
  /** Mails a second that this process sends; without it, as many as it can. */
  readonly mailRate?: number | undefined
  /** Messages that are worked on at once. */
  readonly concurrency: number
  /** How long a message that was received stays out of the sight of others, unless it is renewed. */
  readonly visibilityMs: number
  /** What the links in the certificates' QR codes begin with. */
  readonly verifyBase: string
  readonly templates: string
  readonly settingsOf: (tenant: number) => DeliverySettings
  readonly callbacks: CallbackSettings
  readonly retrySchedule: readonly number[]
  readonly bounceWindowMs: number
  /** So many recipients were left by processes that died, and are taken over. */
  readonly onRecovered: (recipients: number) => void
  readonly onError: (error: unknown) => void
}

export interface WorkerProcess {
  /** Its name among those that share the ledger. */
  readonly name: string
  readonly journal: Journal
  /** The queue's dead-letter queue, where it has one. */
  readonly deadLetters: string | undefined
  readonly s3Place: string
  /** Takes no further message, ends what it has begun, and leaves the rest to others. */
  stop(): Promise<void>
}

/** How often it looks for what processes that died have left, in milliseconds. */
const lookEveryMs = 1000

/**
 * The emulator's worker as a process of its own. Throws an EmulatorError where the queue, the bucket, the mail server or
 * the ledger cannot be used, before it takes a message.
 */
export async function startWorkerProcess(options: WorkerProcessOptions): Promise<WorkerProcess> {
  // What was started is pushed; stopping pops, once, and goes on where a step fails.
  const stops: Stop[] = []
  let stopping: Promise<void> | undefined
  const stop = () => (stopping ??= stopEach(stops))
  try {
    return { ...(await start(options, stops)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function start(options: WorkerProcessOptions, stops: Stop[]): Promise<Omit<WorkerProcess, 'stop'>> {
  const { clock, onError } = options
  const aws = await createAwsClients(options)
  stops.push(() => aws.close())
  const queue = await createSqsQueue({ ...options, client: aws.sqs })
  const objects = await createS3Objects({ ...options, client: aws.s3 })
  const { deadLetters } = await queue.check()
  await objects.check()
  const address = await reachSmtp(options)
  if (options.mailpit !== undefined) await reachMailpit(options.mailpit)

  const store = openLedger(options.ledger, onError)
  const { boot: number, ids } = boot({ store, use: 'worker' })
  const holder = joinHolders({ stateFile: store.path, name: `worker-${number}` })
  // Who has left is dead to the others, so it writes nothing more.
  stops.push(() => holder.leave())
  stops.push(() => store.close())
  const journal = createJournal({ store, clock })
  const callbacks = createCallbacks({ store, clock, ids, journal, holder, settings: options.callbacks })
  const ledger = createLedger({
    store,
    clock,
    ids,
    journal,
    callbacks,
    holder,
    verifyBase: () => options.verifyBase,
    isQueued: () => true,
    retrySchedule: options.retrySchedule,
    bounceWindowMs: options.bounceWindowMs,
  })
  const transport = createSmtpTransport({ address })
  stops.push(() => transport.close())
  const mail = createMailProvider({
    transport,
    store,
    clock,
    ids,
    journal,
    onError,
    from: options.mailFrom,
    workerRate: options.mailRate,
    find:
      options.mailpit === undefined ? () => Promise.resolve('unknown') : createMailpitLookup({ url: options.mailpit }),
  })
  const certificates = createCertificateRenderer({ threads: Math.min(2, availableParallelism()) })
  stops.push(() => certificates.close())
  const name = options.queueUrl.split('/').at(-1) ?? ''
  const pool = createPool({
    store,
    clock,
    queue: {
      ...queue,
      async deadLetter(message, reason) {
        await queue.deadLetter(message, reason)
        const { messageId } = message
        await store.write(() => journal.record({ type: 'message.dead', queue: name, messageId, reason }))
      },
    },
    ledger,
    attempt: createAttempt({
      ids,
      objects,
      certificates,
      templates: createTemplates({ folder: resolve(options.templates) }),
      mail,
      settingsOf: options.settingsOf,
      stage: (_, run) => run(),
    }),
    concurrency: options.concurrency,
    visibilityMs: options.visibilityMs,
    onError,
  })
  const settler = createSettler({ store, clock, journal, ledger, onError })

  const look = () => {
    const recovered = ledger.recover()
    if (recovered > 0) options.onRecovered(recovered)
    callbacks.recover()
    settler.look()
    mail.suppression.refresh()
  }
  look()
  callbacks.start()
  stops.push(() => callbacks.stop())
  settler.start()
  stops.push(() => settler.stop())
  const looking = everySecond(clock, look, onError)
  stops.push(() => looking.cancel())
  pool.start()
  stops.push(() => pool.stop())
  stops.push(() => mail.endWaits())
  return { name: holder.name, journal, deadLetters, s3Place: aws.s3Place }
}

function everySecond(clock: Clock, run: () => void, onError: (error: unknown) => void): Timer {
  let timer: Timer
  const arm = () => {
    timer = clock.at(clock.now() + lookEveryMs, () => {
      try {
        run()
      } catch (error) {
        onError(error)
      }
      arm()
    })
  }
  arm()
  return { cancel: () => timer.cancel() }
}

function openLedger(file: string, onError: (error: unknown) => void): Store {
  const path = resolve(file)
  try {
    return openStore({ directory: dirname(path), file: basename(path), onError })
  } catch (error) {
    throw new EmulatorError<WorkerErrorCode>(
      'ledger-unusable',
      `${file} cannot hold the ledger: ${messageOf(error)}. Name a file of SQLite's, or a new one, in a folder of this ` +
        'machine that this user can write: --ledger',
    )
  }
}

/** The SMTP server's address, after it has said that it takes mail. */
async function reachSmtp({ smtp }: WorkerProcessOptions): Promise<SmtpAddress> {
  const address = await innerSmtpAddress(parseSmtpAddress(smtp))
  const client = openSmtpClient({ address, name: 'offload', timeoutMs: 5000, onClose: () => undefined })
  try {
    await client.ready
    client.quit()
  } catch (error) {
    client.destroy('it does not answer')
    throw new EmulatorError<WorkerErrorCode>(
      'smtp-unreachable',
      `no mail server takes mail at ${smtp}: ${messageOf(error)}. Start one (the emulator's inbox listens on 1025), or ` +
        'name another: --smtp',
    )
  }
  return address
}

async function reachMailpit(url: string): Promise<void> {
  const state = await checkMailpit({ url })
  if (state.reachable) return
  throw new EmulatorError<WorkerErrorCode>(
    'mailpit-unreachable',
    `Mailpit does not answer at ${url}: ${state.error}. Leave --mailpit out where nobody can be asked what was mailed`,
  )
}
