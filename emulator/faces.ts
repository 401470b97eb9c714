import type { Credentials } from '../contracts/sigv4.ts'
import type { Alarms } from './alarms/alarms.ts'
import type { Ingest } from './cloud/ingest/ingest.ts'
import type { Objects } from './cloud/objects/objects.ts'
import type { Queues } from './cloud/queue/queues.ts'
import type { Config } from './config.ts'
import type { AppDeps } from './http/app.ts'
import { controlFace, type ControlDeps } from './http/control/face.ts'
import { ingestFace } from './http/ingest/face.ts'
import { moodleFace } from './http/moodle/face.ts'
import { pageFace, verificationFace, type PageDeps } from './http/page/face.ts'
import { providerFaces } from './http/providers/faces.ts'
import { s3Face } from './http/s3/face.ts'
import { sesFace, sesForms } from './http/ses/face.ts'
import { sqsFace } from './http/sqs/face.ts'
import type { Clock } from './kernel/clock.ts'
import type { Faults } from './kernel/faults/faults.ts'
import type { Ids } from './kernel/ids.ts'
import type { Journal } from './kernel/journal.ts'
import type { Store } from './kernel/store.ts'
import type { MailServices } from './mail-services.ts'
import type { Moodle } from './moodle/moodle.ts'
import { version } from './version.ts'
import type { Callbacks } from './worker/callbacks/callbacks.ts'
import { createVerification } from './worker/certificate/verification.ts'
import type { Ledger } from './worker/ledger/ledger.ts'
import type { Observer } from './worker/observer/observer.ts'

export interface FacesDeps {
  readonly config: Config
  readonly store: Store
  readonly clock: Clock
  readonly ids: Ids
  readonly journal: Journal
  readonly faults: Faults
  /** With which AWS calls are signed where signatures are verified. */
  readonly credentials: Credentials
  readonly queues: Queues
  readonly objects: Objects
  readonly mail: MailServices
  readonly ingest: Ingest
  readonly moodle: Moodle
  readonly observer: Observer | undefined
  readonly ledger: Ledger
  readonly callbacks: Callbacks
  readonly alarms: Pick<Alarms, 'list' | 'history'>
  readonly about: () => Record<string, unknown>
  readonly stats: () => Record<string, unknown>
  readonly settings: PageDeps['settings']
  readonly aliases: readonly string[]
  readonly inbox: () => string
  readonly operations: Pick<ControlDeps, 'retry' | 'send' | 'reset' | 'check'>
  readonly onError: (error: unknown) => void
}

/** The services as they are spoken to over the one port. */
export function createFaces(deps: FacesDeps): AppDeps['faces'] {
  const { config, store, clock, ids, journal, credentials, queues, objects, mail, ingest, moodle, observer } = deps
  const { ledger, callbacks, alarms, about, stats, settings, aliases, inbox, onError } = deps
  const { retry, send, reset, check } = deps.operations
  const signers = config.verify_signatures ? { signers: { credentials: [credentials], clock } } : {}
  const ses = { ses: mail.ses, ids, onError, ...signers }
  return {
    sqs: sqsFace({
      queues,
      clock,
      ids,
      otherForms: sesForms(ses),
      onError,
      ...(config.verify_signatures ? { credentials: [credentials] } : {}),
      onRefusal: ({ action, error }) => {
        const reason = `${action ?? 'SQS'}: ${error.message}`
        store.write(() => journal.record({ type: 'job.refused', via: 'sqs', status: 400, reason })).catch(onError)
      },
    }),
    services: {
      s3: s3Face({
        objects,
        ids,
        aliases,
        ...signers,
      }),
      ses: sesFace(ses),
      ...providerFaces({
        providers: mail.providers,
        clock,
        ...(config.verify_signatures ? { apiKey: config.provider_api_key } : {}),
      }),
    },
    ingest: ingestFace({ ingest, token: config.ingest_token, health: () => ({ version, worker: config.worker }) }),
    moodle: moodleFace({
      moodle: {
        async receive(incoming) {
          const answer = await moodle.receive(incoming)
          const reason = answer.body['reason']
          observer?.callback({
            path: incoming.path,
            rawBody: incoming.rawBody,
            status: answer.status,
            reason: typeof reason === 'string' ? reason : '',
          })
          return answer
        },
      },
    }),
    control: controlFace({
      journal,
      faults: deps.faults,
      views: ledger,
      health: about,
      stats,
      queues,
      alarms,
      callbacks: { ...callbacks, summary: summaryWith(observer, ledger, callbacks) },
      retry,
      send,
      reset,
      check,
    }),
    page: pageFace({ views: ledger, callbacks, queues, alarms, retry, settings, inbox }),
    verification: verificationFace({
      verify: createVerification({
        find: ledger.certificate,
        read: objects.get,
        settingsOf: (tenant) => {
          const { locale = config.locale, issuer = config.issuer } = config.tenants[String(tenant)] ?? {}
          return { locale, issuer }
        },
      }),
    }),
  }
}

/** The outbox's callbacks of a job, and those of somebody else's worker that came to this port. */
function summaryWith(observer: Observer | undefined, ledger: Ledger, callbacks: Callbacks): Callbacks['summary'] {
  if (observer === undefined) return callbacks.summary
  return (tenant, job) => {
    const own = callbacks.summary(tenant, job)
    const [row] = ledger.rows(job, tenant)
    const seen = row === undefined ? { delivered: 0, refused: 0 } : observer.callbacks(row.id)
    return { ...own, delivered: own.delivered + seen.delivered, refused: own.refused + seen.refused }
  }
}
