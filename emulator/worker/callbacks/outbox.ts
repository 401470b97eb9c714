import type { Clock } from '../../kernel/clock.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import type { Holder } from '../../kernel/holders.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'
import type { NewCallback } from '../ports.ts'
import { journalUrl, type Addressed, type Place } from './addressing.ts'
import type { Outcome } from './attempt.ts'
import type { CallbackErrorCode } from './delivery-log.ts'
import type { DueRow } from './lanes.ts'
import { retryAfterMs, stepAfter } from './retry.ts'
import { defineCallbackTables, type CallbackRow } from './tables.ts'

/** A row that waits, as the sender needs to know it. */
export interface Due {
  readonly tenant: number
  readonly job: string
  readonly lane: string
  readonly dueAt: number
}

type Known = Pick<CallbackRow, 'seq' | 'id' | 'tenant' | 'job' | 'updates'>
type ParkedRow = Known & Pick<CallbackRow, 'dialect' | 'url' | 'reason' | 'parked_on'>

/** The durable side: every change of a callback's row, with its journal entry, in the caller's transaction. */
export interface Outbox {
  add(callback: NewCallback): string
  read(seq: number): CallbackRow | undefined
  /** A lane's first waiting rows by due time. */
  rowsOf(lane: string, limit: number): DueRow[]
  /** Writes an attempt's result; returns when the callback is due again, if it is. */
  writeAttempt(row: CallbackRow, outcome: Extract<Outcome, { result: 'attempted' }>): number | undefined
  park(row: Known, reason: string, on: string | null): void
  /** It is due at another time, untried. */
  putOff(row: CallbackRow, until: number): number
  /** A job's callbacks that were never tried do not go before `until`. */
  postpone(tenant: number, job: string, until: number): void
  replay(row: CallbackRow): void
  unpark(): number
  reset(tenant?: number): void
  /** Takes over what the dead left waiting, on the lanes that today's settings give; one entry a lane. */
  recover(): Pick<Due, 'lane' | 'tenant' | 'dueAt'>[]
}

export function createOutbox({
  store,
  clock,
  ids,
  journal,
  holder,
  placeOf,
  delayMs,
  retryScheduleMs,
  notify,
}: {
  store: Store
  clock: Clock
  ids: Ids
  journal: Journal
  holder: Holder
  placeOf: (callback: Addressed) => Place
  delayMs: number
  retryScheduleMs: readonly number[]
  /** Called when a waiting row has become durable. */
  notify: (due: Due) => void
}): Outbox {
  defineCallbackTables(store)

  // `callback.created` is recorded again whenever a callback is parked or put back into the queue: the last one counts.
  const recordState = ({ tenant, job, id: callback, updates }: Known, state: 'waiting' | 'parked', reason?: string) =>
    journal.record({
      type: 'callback.created',
      tenant,
      job,
      callback,
      updates,
      state,
      ...(reason === undefined ? {} : { reason }),
    })

  const enqueue = (row: Known, lane: string, reason: string) => {
    const dueAt = clock.now()
    store.run(
      `UPDATE callbacks SET state = 'waiting', owner = ?, lane = ?, due_at = ?, tries = 0, reason = NULL, settled_at = NULL
       WHERE seq = ?`,
      holder.name,
      lane,
      dueAt,
      row.seq,
    )
    recordState(row, 'waiting', reason)
    store.afterCommit(() => notify({ tenant: row.tenant, job: row.job, lane, dueAt }))
  }

  const park: Outbox['park'] = (row, reason, on) => {
    const { changes } = store.run(
      `UPDATE callbacks SET state = 'parked', reason = ?, parked_on = ? WHERE seq = ? AND state = 'waiting'`,
      reason,
      on,
      row.seq,
    )
    if (changes > 0) recordState(row, 'parked', reason)
  }

  return {
    park,
    add({ tenant, job, content, url = null, secret = null, notBefore }) {
      const id = ids.next('callback')
      const place = placeOf({ tenant, dialect: content.dialect, url })
      const dueAt = Math.ceil(Math.max(notBefore, clock.deadline(delayMs)))
      const updates = content.updates.length
      store.tx(() => {
        const { lastInsertRowid: seq } = store.run(
          `INSERT INTO callbacks
             (id, tenant, job, dialect, url, secret, content, updates, state, owner, lane, due_at, reason, parked_on, created_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          id,
          tenant,
          job,
          content.dialect,
          url,
          secret,
          JSON.stringify(content),
          updates,
          place.state === 'send' ? 'waiting' : 'parked',
          holder.name,
          place.state === 'send' ? place.lane : '',
          dueAt,
          place.state === 'send' ? null : place.reason,
          place.state === 'send' ? null : place.on,
          clock.now(),
        )
        const row = { seq, id, tenant, job, updates }
        if (place.state === 'parked') return recordState(row, 'parked', place.reason)
        recordState(row, 'waiting')
        store.afterCommit(() => notify({ tenant, job, lane: place.lane, dueAt }))
      })
      return id
    },
    read: (seq) => store.get<CallbackRow>('SELECT * FROM callbacks WHERE seq = ?', seq),
    rowsOf: (lane, limit) =>
      store.all<DueRow>(
        `SELECT seq, due_at FROM callbacks WHERE owner = ? AND lane = ? AND state = 'waiting' ORDER BY due_at, seq LIMIT ?`,
        holder.name,
        lane,
        limit,
      ),
    writeAttempt(row, outcome) {
      const { status, words, milliseconds } = outcome
      const now = clock.now()
      const answer = status === null ? undefined : { status, retryAfter: outcome.retryAfter }
      const asked = retryAfterMs(outcome.retryAfter, now)
      const step = stepAfter(answer, { tries: row.tries + 1, scheduleMs: retryScheduleMs, now })
      const dueAt = step.state === 'waiting' ? Math.ceil(clock.deadline(step.delayMs)) : undefined
      const { changes } = store.run(
        `UPDATE callbacks SET state = ?, attempts = attempts + 1, tries = tries + 1, due_at = coalesce(?, due_at),
           last_status = ?, words = ?, settled_at = ?
         WHERE seq = ? AND state = 'waiting'`,
        step.state,
        dueAt ?? null,
        status,
        words,
        step.state === 'waiting' ? null : now,
        row.seq,
      )
      if (changes === 0) return undefined
      const attempt = row.attempts + 1
      store.run(
        'INSERT INTO callback_attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
        row.seq,
        attempt,
        outcome.at,
        outcome.url,
        status,
        words,
        milliseconds,
        outcome.response,
        outcome.bytes,
        outcome.signature,
      )
      const ref = { tenant: row.tenant, job: row.job, callback: row.id }
      const url = journalUrl(outcome.url)
      journal.record({
        type: 'callback.attempt',
        ...ref,
        attempt,
        url,
        status,
        words,
        milliseconds,
        startedAt: outcome.at,
        ...outcome.evidence,
        ...(asked > 0 ? { retryAfterMs: asked } : {}),
      })
      if (step.state !== 'waiting') {
        journal.record({ type: 'callback.settled', ...ref, state: step.state, attempts: attempt })
      }
      return dueAt
    },
    putOff(row, until) {
      store.run(`UPDATE callbacks SET due_at = ? WHERE seq = ? AND state = 'waiting'`, until, row.seq)
      return until
    },
    postpone(tenant, job, until) {
      store.run(
        `UPDATE callbacks SET due_at = max(due_at, ?)
         WHERE tenant = ? AND job = ? AND state = 'waiting' AND attempts = 0`,
        until,
        tenant,
        job,
      )
    },
    replay(row) {
      const place = placeOf(row)
      if (place.state === 'parked') {
        throw new EmulatorError<CallbackErrorCode>('callback-parked', place.reason, { id: row.id })
      }
      store.tx(() => enqueue(row, place.lane, 'replayed'))
    },
    unpark: () =>
      store.tx(() => {
        let released = 0
        const parked = store.all<ParkedRow>(
          `SELECT seq, id, tenant, job, dialect, url, updates, reason, parked_on FROM callbacks WHERE state = 'parked'`,
        )
        for (const row of parked) {
          const place = placeOf(row)
          if (place.state === 'parked') {
            if (place.reason === row.reason) continue
            store.run('UPDATE callbacks SET reason = ?, parked_on = ? WHERE seq = ?', place.reason, place.on, row.seq)
          } else if (place.sure || place.on !== row.parked_on) {
            enqueue(row, place.lane, 'its host is allowed now')
            released++
          }
        }
        return released
      }),
    reset(tenant) {
      store.tx(() => {
        if (tenant === undefined) store.run('DELETE FROM callbacks')
        else store.run('DELETE FROM callbacks WHERE tenant = ?', tenant)
      })
    },
    recover: () => {
      const dead = store
        .all<Pick<CallbackRow, 'owner'>>(`SELECT DISTINCT owner FROM callbacks WHERE state = 'waiting'`)
        .flatMap(({ owner }) => (owner === holder.name || holder.isAlive(owner) ? [] : [owner]))
      if (dead.length === 0) return []
      return store.tx(() => {
        const left = `state = 'waiting' AND owner IN (SELECT value FROM json_each(?))`
        const owners = JSON.stringify(dead)
        // The tenant's address may be another one than when they were made.
        const bySettings = store.all<Pick<CallbackRow, 'tenant' | 'dialect'>>(
          `SELECT DISTINCT tenant, dialect FROM callbacks WHERE url IS NULL AND ${left}`,
          owners,
        )
        for (const { tenant, dialect } of bySettings) {
          const place = placeOf({ tenant, dialect, url: null })
          if (place.state === 'parked') continue
          store.run(
            `UPDATE callbacks SET lane = ? WHERE url IS NULL AND tenant = ? AND dialect = ? AND ${left}`,
            place.lane,
            tenant,
            dialect,
            owners,
          )
        }
        const lanes = store.all<Pick<Due, 'lane' | 'tenant' | 'dueAt'>>(
          `SELECT lane, tenant, min(due_at) AS dueAt FROM callbacks WHERE ${left} GROUP BY lane, tenant`,
          owners,
        )
        store.run(`UPDATE callbacks SET owner = ? WHERE ${left}`, holder.name, owners)
        return lanes
      })
    },
  }
}
