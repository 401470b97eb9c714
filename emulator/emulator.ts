import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import Fastify from 'fastify'
import { createAlarms } from './alarms/alarms.ts'
import { openJobs } from './alarms/open-jobs.ts'
import { watchedQueues } from './alarms/watched-queues.ts'
import { faultyIngest } from './cloud/ingest/faulty-ingest.ts'
import { createIngest } from './cloud/ingest/ingest.ts'
import { createRetry } from './cloud/ingest/retry.ts'
import { createInbox } from './cloud/inbox/inbox.ts'
import { createObjects } from './cloud/objects/objects.ts'
import { faultyOperations } from './cloud/queue/faulty-operations.ts'
import { createQueues } from './cloud/queue/queues.ts'
import { configSchema, type Config, type ConfigInput } from './config.ts'
import { createApp, type AppDeps, type RequestLine } from './http/app.ts'
import { createExchangeFaults } from './http/faults/exchange.ts'
import { guard } from './http/guard.ts'
import { injectCallbacks, injectRequest } from './http/inject.ts'
import { listen } from './http/listen.ts'
import { mailpitFace } from './http/mailpit/face.ts'
import { createParts } from './http/parts.ts'
import { outside, systemClock, type Clock } from './kernel/clock.ts'
import { EmulatorError } from './kernel/errors.ts'
import { configuredRules } from './kernel/faults/configured-rules.ts'
import { createFaults, type Faults } from './kernel/faults/faults.ts'
import { aloneOn } from './kernel/holders.ts'
import { boot } from './kernel/installation.ts'
import { createJournal, type Journal } from './kernel/journal.ts'
import { lockDirectory } from './kernel/lock.ts'
import { stopEach, type Stop } from './kernel/stops.ts'
import { openStore, type Session, type Store } from './kernel/store.ts'
import { isVirtual } from './kernel/virtual-clock.ts'
import { createMoodle, type Moodle } from './moodle/moodle.ts'
import { settingsToCopy, workerEnvironment } from './moodle/settings-to-copy.ts'
import { createEvidence, type Evidence } from './evidence.ts'
import { createFaces } from './faces.ts'
import { createMailServices } from './mail-services.ts'
import { createOwnWorker, watchQueue } from './own-worker.ts'
import { createOperations } from './operations.ts'
import { version } from './version.ts'
import { nowhere, refuseOutside } from './virtual-time.ts'
import type { AttemptDeps } from './worker/attempt.ts'
import { createCallbacks } from './worker/callbacks/callbacks.ts'
import { createHostRules } from './worker/callbacks/host-rules.ts'
import { createHttpTransport } from './worker/callbacks/http-transport.ts'
import type { CallbackTransport } from './worker/callbacks/transport.ts'
import { createCertificateRenderer } from './worker/certificate/render-pool.ts'
import { createTemplates } from './worker/certificate/template/templates.ts'
import { createLedger } from './worker/ledger/ledger.ts'
import { createMortalWorker, type WorkerParts } from './worker/mortal-worker.ts'
import { createSettler } from './worker/settler.ts'
import { createStages } from './worker/stages.ts'

export type { Config, ConfigInput } from './config.ts'
export type { RequestLine } from './http/app.ts'

const account = '000000000000'
const region = 'us-east-1'
const queueName = 'manireports-jobs'
const bucket = 'manireports-certificates'
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }

/** Our own URL where no port is open. */
const unlistened = 'http://offload.localhost'

/** The queue's visibility timeout, as AWS sets it where nobody does. */
const visibilitySeconds = 30

/** A running emulator. Base URLs are without a final slash; `smtp` is host:port. */
export interface Emulator {
  readonly config: Config
  readonly url: string
  readonly smtp: string
  readonly inbox: string
  readonly queueUrl: string
  readonly dashboard: string
  readonly seed: string
  /** Grows by one at each start on the same state. */
  readonly boot: number
  readonly journal: Journal
  /** What is to go wrong. */
  readonly faults: Faults
  /** Every answered request, as it happens; returns how to stop. */
  onRequest(listener: (line: RequestLine) => void): () => void
  /** The stand-in for Moodle: submits jobs and takes their callbacks. */
  readonly moodle: Moodle
  /** What happened, as the laws of the whole system look at it. */
  readonly evidence: Evidence
  /** Answers a request in this process, without a port: the same router, the same faces. */
  inject(request: Request): Promise<Response>
  stop(): Promise<void>
}

/** The configuration's own names, and what only a program can give. */
export type EmulatorOptions = ConfigInput & {
  readonly clock?: Clock
  /** `false` opens no port at all: requests come by `inject`, and mail goes to the inbox in this process. */
  readonly listen?: boolean
  /** The state, where it outlives the emulator (`openMemory`); instead of `data_dir`. */
  readonly store?: Store | Session
  /** The own worker's parts with something put around them: the capacity plan gives its calls a model's latencies. */
  readonly around?: (parts: WorkerParts) => WorkerParts
}

/**
 * Starts everything: ports, worker, stand-in for Moodle. Options are the configuration's own names (`port: 0` takes a
 * free one). Throws EmulatorError `bad-configuration`, `port-taken`, `mailpit-unreachable` or `state-locked`.
 */
export async function createEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const { clock: givenClock, listen: listens = true, store, around, ...input } = options
  const parsed = configSchema.safeParse(input)
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    throw new EmulatorError('bad-configuration', issues.join('; '), { issues: parsed.error.issues })
  }
  const config = parsed.data
  const clock = givenClock ?? systemClock({ speed: config.speed })

  // What was started is pushed; stopping pops, once, and goes on where a step fails.
  const stops: Stop[] = []
  let stopping: Promise<void> | undefined
  const stopAll = () => (stopping ??= stopEach(stops))
  try {
    return await start({ config, clock, listens, store, around, stops, stopAll })
  } catch (error) {
    await stopAll()
    throw error
  }
}

interface Start {
  readonly config: Config
  readonly clock: Clock
  readonly listens: boolean
  readonly store: Store | Session | undefined
  readonly around: EmulatorOptions['around']
  readonly stops: Stop[]
  readonly stopAll: () => Promise<void>
}

async function start({ config, clock, listens, store: given, around, stops, stopAll }: Start): Promise<Emulator> {
  const onError = (error: unknown) => {
    // What fails in a process that was killed is heard by nobody.
    if (given !== undefined && 'killed' in given && given.killed) return
    process.stderr.write(`offload: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  }
  const virtual = !listens && isVirtual(clock)
  if (virtual) refuseOutside(config, unlistened)
  const directory = config.ephemeral || given !== undefined ? undefined : resolve(config.data_dir)
  if (directory !== undefined) {
    const lock = lockDirectory(directory)
    stops.push(() => lock.release())
  }
  const store = given ?? openStore({ ...(directory === undefined ? {} : { directory }), gathers: !virtual })
  stops.push(() => store.close())
  const { seed, boot: bootNumber, ids } = boot({ store, seed: config.seed })
  const holder = aloneOn(`embedded:${bootNumber}`)
  const journal = createJournal({ store, clock })
  const faults = createFaults({ store, clock, journal, seed })
  if (config.faults !== undefined) faults.set(configuredRules(config.faults))
  const stages = createStages(clock)

  // The ports are known only when they are open, and links, settings and callbacks name them.
  const at = { url: '', smtp: '', inbox: '' }
  const publicUrl = () => config.public_url?.replace(/\/+$/, '') ?? at.url
  const tenantSettings = (tenant: number) => config.tenants[String(tenant)] ?? {}

  const queues = createQueues({
    store,
    clock,
    ids,
    journal,
    account,
    region,
    maximumMessageSize: config.maximum_message_size,
  })
  queues.ensureQueue(`${queueName}-dlq`, {})
  queues.ensureQueue(queueName, {
    VisibilityTimeout: String(visibilitySeconds),
    RedrivePolicy: JSON.stringify({
      deadLetterTargetArn: `arn:aws:sqs:${region}:${account}:${queueName}-dlq`,
      maxReceiveCount: 10,
    }),
  })
  const objects = createObjects({
    store,
    clock,
    region,
    credentials,
    bucket,
    r2Buckets: config.r2_buckets,
    baseUrl: publicUrl,
    verifySignatures: config.verify_signatures,
  })

  const inject = (request: Request) => injectRequest('of' in app ? app.of(request) : app, request, clock)
  const callbacks = createCallbacks({
    ...(listens ? {} : { send: withoutPort(config, clock, inject) }),
    store,
    clock,
    ids,
    journal,
    holder,
    settings: {
      targetOf: (tenant) => {
        const own = tenantSettings(tenant)
        const url = own.callback_url ?? config.callback_url
        return {
          ...(url === undefined ? {} : { url }),
          secret: own.cloud_callback_secret ?? config.cloud_callback_secret,
          token: own.plugin_token ?? config.plugin_token,
        }
      },
      delayMs: config.callback_delay,
      timeoutMs: config.callback_timeout,
      retryScheduleMs: config.cloud_retry_policy,
      perHost: config.callback_concurrency,
      connectTo: config.callback_connect_to,
      allowHosts: config.allow_callback_host,
    },
    callbackFaults: { faults, typeOf: (tenant, job) => ledger.rows(job, tenant)[0]?.type },
  })

  const ledger = createLedger({
    store,
    clock,
    ids,
    journal,
    callbacks,
    verifyBase: publicUrl,
    isQueued: queues.isQueued,
    holder,
    retrySchedule: config.cloud_retry_policy,
    bounceWindowMs: config.bounce_window,
  })
  const recovered = ledger.recover()

  const isOwn = (url: string) =>
    URL.canParse(url) && [at.url, publicUrl()].some((own) => new URL(own).host === new URL(url).host)
  const { observer, operations } = watchQueue({
    config,
    store,
    clock,
    ledger,
    operations: faultyOperations(queues.operations, faults),
    queue: queueName,
    isOurs: ({ tenant, job }, url) => moodle.job(job)?.tenantid === tenant || (url !== undefined && isOwn(url)),
    htmlOf: async (id) => (await inbox.message(id))?.html,
    onError,
  })
  if (observer !== undefined) stops.push(() => observer.stop())

  const inbox = createInbox({
    store,
    clock,
    ids,
    faults,
    onReceived: ({ id, messageId, tags }, addresses) => observer?.mail({ id, messageId, tags, addresses }),
  })
  stops.push(() => inbox.close())
  const mail = await createMailServices({
    config,
    store,
    clock,
    ids,
    journal,
    faults,
    queues,
    inbox,
    listens,
    account,
    region,
    onAccepted: observer?.accepted,
    onError,
  })
  stops.push(() => mail.stop())
  at.smtp = mail.smtp

  const certificates = createCertificateRenderer({ threads: virtual ? 0 : Math.min(2, availableParallelism()) })
  stops.push(() => certificates.close())
  const templates = createTemplates({ folder: resolve(config.certificate_templates) })
  const attemptDeps: AttemptDeps = {
    ids,
    objects,
    certificates: { render: (...batch) => outside(clock, () => certificates.render(...batch)) },
    templates: { find: (...template) => outside(clock, () => templates.find(...template)) },
    mail: mail.worker,
    settingsOf: (tenant) => ({
      presignedUrlTtlSeconds: tenantSettings(tenant).presigned_url_ttl ?? config.presigned_url_ttl,
      certificateDelivery: config.certificate_delivery,
      locale: tenantSettings(tenant).locale ?? config.locale,
      issuer: tenantSettings(tenant).issuer ?? config.issuer,
    }),
    stage: stages.measure,
  }

  const ingest = faultyIngest(
    createIngest({
      store,
      clock,
      ids,
      journal,
      maximumMessageSize: config.maximum_message_size,
      hold: (tenant, job) => {
        callbacks.hold(tenant, job)
        return () => callbacks.release(tenant, job)
      },
      enqueue: (message) => queues.enqueue(queueName, message),
      admit: (job, enqueue) => ledger.admit(job, { enqueue }, 'api'),
    }),
    { faults, clock, journal },
  )

  const moodle = createMoodle({
    ...(listens ? {} : { ask: inject }),
    store,
    clock,
    ids,
    journal,
    settings: {
      endpoint: () => at.url,
      queueUrl: () => `${at.url}/${account}/${queueName}`,
      token: () => config.ingest_token,
      callbackBase: () => at.url,
      batchSize: () => config.job_batch_size,
      maximumMessageSize: config.maximum_message_size,
      fallbackBehavior: () => config.cloud_fallback_behavior,
      secret: (tenant) => tenantSettings(tenant).cloud_callback_secret ?? config.cloud_callback_secret,
      pluginToken: (tenant) => tenantSettings(tenant).plugin_token ?? config.plugin_token,
    },
  })

  const alarms = createAlarms({
    store,
    clock,
    journal,
    thresholds: config.alarms,
    queues: queues.overview,
    queueDepth: queues.depth,
    openJobs: () => openJobs({ store, journal }).filter(({ side, job }) => side === 'working' || !moodle.settled(job)),
    isAwaited: (job) => moodle.job(job) !== undefined && !moodle.settled(job),
    onError,
  })
  stops.push(() => alarms.stop())

  const { retry, reset, send } = createOperations({
    store,
    clock,
    journal,
    config,
    seed,
    ledger,
    moodle,
    resubmit: createRetry({ store, clock, ids, ingest }),
    forget: [
      alarms,
      faults,
      queues,
      ingest,
      callbacks,
      objects,
      moodle,
      mail,
      ...(observer === undefined ? [] : [observer]),
    ],
    inbox,
  })

  const evidence = createEvidence({ config, store, clock, ids, journal, queues, objects, inbox, moodle, bucket })

  const settingsInput = () => ({
    url: at.url,
    queueUrl: about().queue_url,
    smtp: at.smtp,
    ingestToken: config.ingest_token,
    callbackSecret: config.cloud_callback_secret,
    pluginToken: config.plugin_token,
    batchSize: config.job_batch_size,
    presignedUrlTtl: config.presigned_url_ttl,
    ...(config.callback_url === undefined ? {} : { callbackUrl: config.callback_url }),
  })
  const settings = () => settingsToCopy(settingsInput())

  const about = () => ({
    version,
    pid: process.pid,
    url: at.url,
    smtp: at.smtp,
    inbox: at.inbox,
    queue_url: `${at.url}/${account}/${queueName}`,
    dashboard: at.url,
    worker: config.worker,
    speed: config.speed,
    retry_policy_ms: config.cloud_retry_policy,
    sendgrid_public_key: mail.providers.sendgridPublicKey,
    seed,
    boot: bootNumber,
  })
  const stats = () => ({
    ...ledger.totals(),
    queues: queues.overview(),
    stages: stages.totals(),
    memory: { rss: process.memoryUsage.rss() },
  })

  const listeners = new Set<(line: RequestLine) => void>()
  const guarded = {
    hosts: [...config.host, ...(config.public_url === undefined ? [] : [new URL(config.public_url).hostname])],
    token: config.ingest_token,
  }
  // Names under which one port is reached: a link signed for one of them opens under the others.
  const aliases = config.public_url === undefined ? [] : [new URL(config.public_url).host]
  const meetFault = createExchangeFaults({ faults, clock })
  const appDeps: AppDeps = {
    clock,
    guard: guarded,
    meetFault,
    faultsAreSet: () => faults.any(),
    onRequest: (line) => {
      observer?.request(line)
      for (const listener of listeners) listener(line)
    },
    onError,
    faces: createFaces({
      config,
      store,
      clock,
      ids,
      journal,
      faults,
      credentials,
      queues: {
        ...queues,
        operations: watchedQueues(operations, alarms.queuesChanged),
        redrive(name) {
          const moved = queues.redrive(name)
          alarms.queuesChanged()
          return moved
        },
      },
      alarms,
      objects,
      mail,
      ingest,
      moodle,
      observer,
      ledger,
      callbacks,
      about,
      stats,
      settings,
      aliases,
      inbox: () => at.inbox,
      operations: { retry, send, reset, check: evidence.check },
      onError,
    }),
  }
  const app = listens ? createApp(appDeps) : createParts(appDeps)
  stops.push(() => app.close())
  // Long polls end before the port does.
  stops.push(() => queues.close())
  if ('listen' in app) {
    at.url = await listen(app, { hosts: config.host, port: config.port, flag: 'port' })
    const { host, port } = new URL(at.url)
    aliases.push(host, `localhost:${port}`, `host.docker.internal:${port}`)
  } else {
    at.url = unlistened
  }
  if (config.mailpit !== undefined) {
    at.inbox = config.mailpit.replace(/\/+$/, '')
  } else if (listens) {
    const inboxApp = Fastify({ forceCloseConnections: true })
    // Its mails hold passwords, so it is guarded as the page is.
    inboxApp.addHook('onRequest', guard(guarded))
    await inboxApp.register(mailpitFace({ inbox, clock }))
    stops.push(() => inboxApp.close())
    at.inbox = await listen(inboxApp, { hosts: config.host, port: config.inbox_port, flag: 'inbox-port' })
  }

  alarms.start()
  mail.start()
  callbacks.start()
  stops.push(() => callbacks.stop())
  const settler = createSettler({ store, clock, journal, ledger, onError })
  settler.start()
  stops.push(() => settler.stop())
  if (config.worker === 'builtin') {
    const parts: WorkerParts = {
      attempt: attemptDeps,
      // Wall time, as the ledger's leases are: a worker in the same process is not faster for --speed.
      queue: queues.consumer(queueName, { visibilityTimeoutMs: visibilitySeconds * 1000 * config.speed }),
      concurrency: config.worker_concurrency,
    }
    const worker = createMortalWorker({
      store,
      clock,
      journal,
      faults,
      ledger,
      ...(around?.(parts) ?? parts),
      onError,
      visibilityMs: visibilitySeconds * 1000,
    })
    worker.start()
    stops.push(() => worker.stop())
    stops.push(() => {
      worker.endWaits()
      mail.endWaits()
    })
  }
  const own =
    observer &&
    createOwnWorker({
      config,
      clock,
      journal,
      operations,
      observer,
      queue: queueName,
      arn: `arn:aws:sqs:${region}:${account}:${queueName}`,
      environment: () => workerEnvironment(settingsInput()),
      onError,
    })
  if (own !== undefined) {
    own.start()
    stops.push(() => own.stop())
  }
  moodle.start()
  stops.push(() => moodle.stop())
  journal.record({ type: 'emulator.started', boot: bootNumber, recovered })

  return {
    config,
    url: at.url,
    smtp: at.smtp,
    inbox: at.inbox,
    queueUrl: about().queue_url,
    dashboard: at.url,
    seed,
    boot: bootNumber,
    journal,
    faults,
    onRequest(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    moodle,
    evidence,
    inject,
    stop: stopAll,
  }
}

/** Callbacks to our own stand-in stay in the process where no port is open; the others go over HTTP as ever. */
function withoutPort(config: Config, clock: Clock, inject: Emulator['inject']): CallbackTransport {
  const rules = createHostRules({ connectTo: config.callback_connect_to, allowHosts: config.allow_callback_host })
  const others = isVirtual(clock)
    ? nowhere()
    : createHttpTransport({ clock, timeoutMs: config.callback_timeout, rules })
  return injectCallbacks({ inject, origin: unlistened, others })
}
