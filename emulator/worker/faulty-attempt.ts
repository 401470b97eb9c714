import type { Subject } from '../../contracts/faults/decide.ts'
import { isMagic } from '../../contracts/faults/magic.ts'
import type { EffectName, OperationName } from '../../contracts/faults/operations.ts'
import { sleep, type Clock } from '../kernel/clock.ts'
import type { Faults, Struck } from '../kernel/faults/faults.ts'
import { createAttempt, type Attempt, type AttemptDeps } from './attempt.ts'
import { certificateKey } from './certificate/key.ts'
import type { RenderedCertificate } from './certificate/renderer.ts'
import type { Leased } from './ledger/passes.ts'
import type { JobRow } from './ledger/tables.ts'
import type { CertificatePort, MailPort, MailResult, ObjectsPort, OutgoingMail } from './ports.ts'

export interface AttemptFaults {
  readonly faults: Faults
  readonly clock: Clock
  /** The recipient's place in its job, from 1. */
  readonly ordinalOf: (recipient: Leased['row']) => number
  /** The worker dies: what waits for it never goes on. */
  readonly die: () => Promise<never>
}

export interface FaultyAttempt {
  readonly attempt: Attempt
  /** Lets go those who wait because of a fault, so that a worker can stop at once. */
  endWaits(): void
}

const operations: readonly OperationName[] = ['worker.certificate', 'worker.objects', 'worker.mail']

const died: ReadonlySet<EffectName> = new Set<EffectName>(['crash', 'delay'])
const failed: ReadonlySet<EffectName> = new Set<EffectName>(['error', 'throttle', 'answer-lost'])

/** A client without an answer gives up after so long. */
const clientTimeoutMs = 30_000

const objectErrors: Readonly<Record<string, string>> = {
  AccessDenied: 'AccessDenied: Access Denied',
  InternalError: 'InternalError: We encountered an internal error. Please try again.',
  ServiceUnavailable: 'ServiceUnavailable: Service is unable to handle request.',
  SlowDown: 'SlowDown: Please reduce your request rate.',
}

const bounceReplies = { hard: '550 5.1.1 user unknown', soft: '452 4.2.2 mailbox full' } as const

/** What a mail server says with a code; what follows the code is made up where the code says too little. */
const replies: Readonly<Record<string, string>> = {
  421: '421 4.3.2 Service not available, closing transmission channel',
  450: '450 4.2.1 Mailbox temporarily unavailable',
  451: '451 4.3.0 Local error in processing',
  452: '452 4.2.2 mailbox full',
  454: '454 4.7.0 Throttling failure: Maximum sending rate exceeded.',
  550: '550 5.1.1 user unknown',
  551: '551 5.1.6 User not local',
  552: '552 5.3.4 Message size exceeds fixed limit',
  553: '553 5.1.3 Bad destination mailbox address syntax',
  554: '554 5.7.1 Transaction failed',
}

const deferred = (error: string, ambiguous = false): MailResult => ({ outcome: 'deferred', error, ambiguous })

/**
 * The worker's attempt with its ports made to fail where a rule says so. A pass that no rule and no address touches goes
 * the plain way: it costs one look at the rules and one at each address.
 */
export function createFaultyAttempt(
  deps: AttemptDeps,
  { faults, clock, ordinalOf, die }: AttemptFaults,
): FaultyAttempt {
  const stopping = new AbortController()
  const plain = createAttempt(deps)
  const wait = (ms: number) => sleep(clock, ms, stopping.signal)

  const touches = (leased: readonly Leased[]) =>
    operations.some((operation) => faults.active(operation)) || leased.some(({ row }) => isMagic(row.email))

  const portsOf = (job: JobRow, leased: readonly Leased[]) => {
    const subjects = new Map(leased.map(({ row }) => [row.key, subjectOf(job, row)]))
    const byObject = new Map(
      leased.map(({ row }) => [certificateKey({ tenant: job.tenant, job: job.job, recipient: row.key }), row.key]),
    )
    const strike = (operation: OperationName, recipient: string, among?: ReadonlySet<EffectName>) => {
      const subject = subjects.get(recipient)
      return subject === undefined ? undefined : faults.strike(operation, subject, among)
    }
    const diesBefore = (all: readonly Struck[]) =>
      all.some(({ effect }) => effect.kind === 'crash' && effect.when === 'before')
    const diesAfter = (all: readonly Struck[]) =>
      all.some(({ effect }) => effect.kind === 'crash' && effect.when === 'after')
    const longest = (all: readonly Struck[]) => Math.max(0, ...all.map(({ delayMs }) => delayMs))

    /** What is done for several at once is as slow, and as deadly, as for the worst of them. */
    const together = async <Result>(all: readonly Struck[], run: () => Promise<Result>): Promise<Result> => {
      if (diesBefore(all)) return await die()
      if (longest(all) > 0) await wait(longest(all))
      const result = await run()
      return diesAfter(all) ? await die() : result
    }

    const store = async (result: RenderedCertificate): Promise<RenderedCertificate> => {
      if ('error' in result) return result
      const { recipient, pieces } = result
      const effect = strike('worker.objects', recipient, failed)?.effect
      if (effect === undefined) return result
      const throttled = effect.kind === 'throttle' ? objectErrors['SlowDown'] : undefined
      const refused = effect.kind === 'error' ? (objectErrors[effect.code] ?? effect.code) : throttled
      if (refused !== undefined) return { recipient, error: `Object store: ${refused}`, temporary: true }
      const key = certificateKey({ tenant: job.tenant, job: job.job, recipient })
      await deps.objects.put([{ key, contentType: 'application/pdf', pieces }])
      return { recipient, error: 'Object store: the connection closed before an answer came', temporary: true }
    }

    const certificates: CertificatePort = {
      async render(batch, inputs) {
        const hits = new Map(
          inputs.flatMap(({ recipient }) => {
            const struck = strike('worker.certificate', recipient)
            return struck === undefined ? [] : [[recipient, struck] as const]
          }),
        )
        const broken = (recipient: string) => hits.get(recipient)?.effect.kind === 'error'
        return await together([...hits.values()], async () => {
          const whole = inputs.filter(({ recipient }) => !broken(recipient))
          const rendered = whole.length === 0 ? [] : await deps.certificates.render(batch, whole)
          const stored = new Map((await Promise.all(rendered.map(store))).map((result) => [result.recipient, result]))
          return inputs.flatMap(({ recipient }): RenderedCertificate[] => {
            const effect = hits.get(recipient)?.effect
            const result = stored.get(recipient)
            if (effect?.kind !== 'error') return result === undefined ? [] : [result]
            return effect.code === 'broken'
              ? [{ recipient, error: 'the template is broken (a fault rule)' }]
              : [{ recipient, error: 'the renderer failed (a fault rule)', temporary: true }]
          })
        })
      },
    }

    const objects: ObjectsPort = {
      ...deps.objects,
      async put(stored) {
        const hits = stored.flatMap(({ key }) => {
          const recipient = byObject.get(key)
          const struck = recipient === undefined ? undefined : strike('worker.objects', recipient, died)
          return struck === undefined ? [] : [struck]
        })
        await together(hits, () => deps.objects.put(stored))
      },
    }

    const mail: MailPort = {
      ...deps.mail,
      async send(outgoing) {
        const struck = strike('worker.mail', outgoing.recipient)
        return struck === undefined ? await deps.mail.send(outgoing) : await sendFaulty(outgoing, struck)
      },
    }
    return { certificates, objects, mail }
  }

  const subjectOf = (job: JobRow, row: Leased['row']): Subject => ({
    tenant: job.tenant,
    job: job.job,
    type: job.type,
    recipient: row.key,
    addresses: [row.email],
    ordinal: () => ordinalOf(row),
    attempt: row.attempts + 1,
  })

  const sendFaulty = async (mail: OutgoingMail, { effect, delayMs }: Struck): Promise<MailResult> => {
    const send = (more: Partial<OutgoingMail> = {}) => deps.mail.send({ ...mail, ...more })
    switch (effect.kind) {
      case 'error':
        return await send({ reply: replies[effect.code] ?? effect.code })
      case 'throttle':
        return deferred('454 4.7.0 Throttling failure: Maximum sending rate exceeded.')
      case 'delay':
        await wait(delayMs)
        return await send()
      case 'hang':
        await wait(clientTimeoutMs)
        return deferred(`no answer within ${clientTimeoutMs / 1000} s`, true)
      case 'reset':
        return deferred('the connection was reset (ECONNRESET)')
      case 'answer-lost': {
        const result = await send()
        return result.outcome === 'accepted' ? deferred('the connection closed before an answer came', true) : result
      }
      case 'duplicate': {
        await send()
        return await send()
      }
      case 'bounce':
        return await send(
          effect.told === 'after-sent' ? { fate: effect.bounce } : { reply: bounceReplies[effect.bounce] },
        )
      case 'complaint':
        return await send({ fate: 'complaint' })
      case 'account-paused':
        return deferred('Sending paused for this account.')
      case 'crash': {
        if (effect.when === 'before') return await die()
        await send()
        return await die()
      }
      default:
        return await send()
    }
  }

  return {
    attempt: (job, leased) =>
      touches(leased) ? createAttempt({ ...deps, ...portsOf(job, leased) })(job, leased) : plain(job, leased),
    endWaits: () => stopping.abort(),
  }
}
