import { alterCallback, type AlterationName } from '../../../contracts/alterations.ts'
import { shownUrl } from '../../../contracts/shown-url.ts'
import type { Clock } from '../../kernel/clock.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'
import { journalUrl, type Addressed, type CallbackTarget, type Place } from './addressing.ts'
import { attempt } from './attempt.ts'
import type { CallbackErrorCode } from './delivery-log.ts'
import type { CallbackRow } from './tables.ts'
import type { CallbackTransport } from './transport.ts'

export interface ReplayRequest {
  /** Requests of each kind, and how many are in flight at once. */
  readonly times: number
  readonly concurrency: number
  /** Each of these instead of the callback as it is. */
  readonly tamper: readonly AlterationName[]
  /** As it was sent last, stamp and signature too; else stamped and signed anew. */
  readonly asSent: boolean
  /** Another receiver; the host rules hold. */
  readonly to?: string | undefined
}

export interface ReplayAnswer {
  readonly tamper: AlterationName | null
  /** Whether the alteration made any difference: a dialect without a signature has none to alter. */
  readonly altered: boolean
  /** Null where no whole answer came. */
  readonly status: number | null
  readonly words: string
  readonly milliseconds: number
  /** Its first 2 KB. */
  readonly response: string | null
}

export interface ReplayView {
  readonly id: string
  readonly url: string
  /** In the order of `tamper`, each `times` times. */
  readonly answers: readonly ReplayAnswer[]
}

/**
 * Sends a callback beside the outbox, as often and as wrong as one wants, and gives the answers: for a receiver under
 * test. What the outbox knows of the callback stays as it is. Throws EmulatorError `callback-parked` where the host is
 * not allowed.
 */
export function createReplays({
  store,
  clock,
  journal,
  targetOf,
  placeOf,
  transport,
}: {
  store: Store
  clock: Clock
  journal: Journal
  targetOf: (tenant: number) => CallbackTarget
  placeOf: (callback: Addressed) => Place
  transport: CallbackTransport
}) {
  const lastSentAt = (row: CallbackRow) =>
    store.get<{ at: number | null }>('SELECT max(at) AS at FROM callback_attempts WHERE callback = ?', row.seq)?.at

  return async function replay(row: CallbackRow, request: ReplayRequest): Promise<ReplayView> {
    const place = placeOf({ ...row, url: request.to ?? row.url })
    if (place.state === 'parked') {
      throw new EmulatorError<CallbackErrorCode>('callback-parked', place.reason, { id: row.id })
    }
    const keys = targetOf(row.tenant)
    const sentAt = request.asSent ? (lastSentAt(row) ?? undefined) : undefined
    const stamping: Clock = sentAt === undefined ? clock : { ...clock, now: () => sentAt }

    const one = async (tamper: AlterationName | undefined): Promise<ReplayAnswer> => {
      let altered = false
      const outcome = await attempt(row, place, {
        clock: stamping,
        keys,
        send: transport,
        ...(tamper === undefined
          ? {}
          : {
              alter: (original, context) => {
                const changed = alterCallback(tamper, original, context)
                altered = JSON.stringify(changed) !== JSON.stringify(original)
                return changed
              },
            }),
      })
      const common = { tamper: tamper ?? null, altered }
      if (outcome.result !== 'attempted') {
        const words = outcome.result === 'parked' ? outcome.reason : 'the emulator stops'
        return { ...common, status: null, words, milliseconds: 0, response: null }
      }
      const { status, words, milliseconds, response } = outcome
      return { ...common, status, words, milliseconds, response }
    }

    const kinds: readonly (AlterationName | undefined)[] = request.tamper.length === 0 ? [undefined] : request.tamper
    const tasks = kinds.flatMap((kind) => Array.from({ length: request.times }, () => kind))
    const answers: ReplayAnswer[] = []
    let next = 0
    const lane = async () => {
      while (next < tasks.length) {
        const at = next++
        answers[at] = await one(tasks[at])
      }
    }
    await Promise.all(Array.from({ length: Math.min(request.concurrency, tasks.length) }, lane))
    await store.write(() =>
      journal.record({
        type: 'callback.replayed',
        tenant: row.tenant,
        job: row.job,
        callback: row.id,
        url: journalUrl(place.url),
        tamper: [...request.tamper],
        statuses: answers.map(({ status }) => status),
      }),
    )
    return { id: row.id, url: shownUrl(place.url), answers }
  }
}
