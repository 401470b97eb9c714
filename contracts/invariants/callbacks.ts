import type { EffectName } from '../faults/operations.ts'
import type { UpdateStatus } from '../status.ts'
import { mergeUpdate } from '../status.ts'
import { findings, grouped, jobKey, named, type Account } from './account.ts'
import type { CallbackState, Findings, JobState, ReceivedJob, ReceivedRow } from './view.ts'

const settledStates: readonly CallbackState['state'][] = ['delivered', 'dead', 'parked']

const toldAs = (status: JobState['rows'][number]['status']) => (status === 'sent' ? 'sent' : 'failed')

/** 8. Every recipient's end is told: by a callback that was delivered, or lies in the dead letters, or is parked. */
export function everyEndIsTold(account: Account): Findings {
  const { hold, result } = findings()
  if (!account.settings.ownWorker) return result()
  for (const job of account.jobs) {
    const callbacks = account.callbacksOf.get(jobKey(job)) ?? []
    const cumulative = job.dialect !== 'spec'
    if (cumulative && !(account.ended && job.ended)) continue
    const ends = job.rows.filter(({ status }) => !['pending', 'processing'].includes(status))
    const told = new Map<string, CallbackState[]>()
    for (const callback of callbacks) {
      for (const { key, status } of callback.updates) {
        const name = `${status} ${key}`
        const list = told.get(name)
        if (list === undefined) told.set(name, [callback])
        else list.push(callback)
      }
    }
    const last = callbacks.filter(
      ({ sent, failed }) => sent === job.sent && failed === job.failed + job.permanentlyFailed,
    )
    if (cumulative) {
      const figures = `${job.sent} sent and ${job.failed + job.permanentlyFailed} failed`
      const states = () => callbacks.map(({ sent, failed, state }) => `${sent}/${failed} ${state}`).join(', ')
      hold(
        last.some(({ state }) => settledStates.includes(state)),
        () => `no callback tells of ${named(job)} with ${figures}: there are ${states() || 'none'}`,
      )
    }
    for (const { key, status } of ends) {
      // `flow` names those that failed, and counts the others.
      if (job.dialect === 'flow' && status === 'sent') continue
      const tellers = told.get(`${toldAs(status)} ${key}`) ?? []
      const fits = tellers.some(({ state }) => !account.ended || settledStates.includes(state))
      const states = () => tellers.map(({ id, state }) => `${id} is ${state}`).join(', ')
      hold(
        fits,
        () =>
          `recipient ${key} of ${named(job)} is ${status}, and no callback has told it: ${states() || 'there is none'}`,
      )
    }
  }
  return result()
}

/** 9. A callback that came several times has changed something once. */
export function repeatedIsOnce(account: Account): Findings {
  const { hold, result } = findings()
  const applied = account.of('moodle.callback').filter(({ event }) => event.content !== undefined && event.status < 300)
  for (const lines of grouped(applied, ({ event }) => `${event.tenant} ${event.job} ${event.content}`).values()) {
    for (const { id, event } of lines.slice(1)) {
      hold(
        event.applied === 0,
        () =>
          `a callback for job ${event.job} came ${lines.length} times, and changed ${event.applied} recipients again`,
        [lines[0]?.id, id],
      )
    }
  }
  return result()
}

const received = (status: 'sent' | 'failed'): UpdateStatus => (status === 'sent' ? 'completed' : 'failed')

/** What callbacks say of each recipient together, in whatever order they are read. */
function fold(job: ReceivedJob, callbacks: readonly CallbackState[]): Map<string, UpdateStatus> {
  const state = new Map<string, UpdateStatus>()
  const add = (key: string, status: UpdateStatus) => state.set(key, mergeUpdate(state.get(key) ?? 'pending', status))
  for (const { updates, sent, failed } of callbacks.toReversed()) {
    for (const { key, status } of updates) add(key, received(status))
    const named = new Set(updates.map(({ key }) => key))
    if (job.dialect !== 'flow' || sent + failed !== job.recipients || named.size !== failed) continue
    for (const { key = '' } of job.rows) if (!named.has(key)) add(key, 'completed')
  }
  return state
}

const rank = (status: UpdateStatus) => ['pending', 'completed', 'failed'].indexOf(status)

/** The receiver's rows that can be told apart, by the ledger's keys. */
function rowsByKey(account: Account, job: ReceivedJob): { row: ReceivedRow; key: string }[] {
  const alone = ({ address }: ReceivedRow) => job.rows.filter((row) => row.address === address).length === 1
  const byAddress = job.dialect === 'flow' || job.dialect === 'plugin'
  const ledger = new Map(account.jobOf.get(jobKey(job))?.rows.map(({ address, key }) => [address, key]))
  return job.rows.flatMap((row) => {
    if (byAddress && !alone(row)) return []
    const key = row.key ?? ledger.get(row.address)
    return key === undefined ? [] : [{ row, key }]
  })
}

/** 10. The receiver stands as its callbacks say together, in any order. */
export function anyOrder(account: Account): Findings {
  const { hold, result } = findings()
  if (!account.settings.ownWorker) return result()
  for (const job of account.received) {
    const callbacks = account.callbacksOf.get(jobKey(job)) ?? []
    const keyed = rowsByKey(account, job)
    const inKeys = { ...job, rows: keyed.map(({ row, key }) => ({ ...row, key })) }
    const least = fold(
      inKeys,
      callbacks.filter(({ state }) => state === 'delivered'),
    )
    // One that a fault has dropped counts as delivered, and never came.
    const dropped = account.struck(job, ['drop']).length > 0
    // One whose answer was lost has been applied all the same.
    const most = fold(inKeys, callbacks)
    const refused = new Set(job.batches.filter(({ status }) => status === 'refused').map(({ batch }) => batch))
    for (const { row, key } of keyed) {
      const floor = (dropped ? undefined : least.get(key)) ?? 'pending'
      const ceiling = refused.has(row.batch) ? 'failed' : (most.get(key) ?? 'pending')
      hold(
        rank(row.status) >= rank(floor) && rank(row.status) <= rank(ceiling),
        () =>
          `recipient ${key} of ${named(job)} is ${row.status} at the receiver; the callbacks together say ${floor === ceiling ? floor : `${floor} to ${ceiling}`}`,
      )
    }
  }
  return result()
}

/** Effects after which a callback's time or signature is wrong on purpose. */
const forged: readonly EffectName[] = [
  'clock-skew',
  'bad-signature',
  'stale-timestamp',
  'altered-body',
  'wrong-secret',
  'late',
]

/** 13. Each attempt is stamped and signed anew, over the bytes that are sent. */
export function signedAnew(account: Account): Findings {
  const { hold, result } = findings()
  for (const { id, event } of account.of('callback.attempt')) {
    if (event.verifies === undefined || account.struck(event, forged).length > 0) continue
    const what = `attempt ${event.attempt} of callback ${event.callback}`
    const began = Math.floor(event.startedAt / 1000)
    const age = began - (event.timestamp ?? began)
    if (event.timestamp !== undefined)
      hold(Math.abs(age) <= 1, () => `${what} was stamped ${age} s before it began (${event.timestamp})`, [id])
    hold(event.verifies, () => `the signature of ${what} does not fit the bytes that were sent`, [id])
  }
  const refusals = account
    .of('moodle.callback')
    .filter(({ event }) => ['signature-wrong', 'signature-missing', 'stale'].includes(event.verdict))
  for (const { id, event } of refusals) {
    if (event.tenant === undefined || event.job === undefined) continue
    const ref = { tenant: event.tenant, job: event.job }
    const ours = account
      .of('callback.attempt')
      .filter((line) => jobKey(line.event) === jobKey(ref) && line.event.status === event.status)
    if (ours.length === 0 || account.struck(ref, forged).length > 0) continue
    hold(
      false,
      () => `the stand-in refused a callback of ${named(ref)} that we sent: ${event.reason ?? event.verdict}`,
      [id, ...ours.map((line) => line.id)],
    )
  }
  return result()
}

/** 18. One tenant's callback never changes another's job. */
export function tenantsApart(account: Account): Findings {
  const { hold, result } = findings()
  if (!account.settings.ownWorker || new Set(account.jobs.map(({ tenant }) => tenant)).size < 2) return result()
  const owner = new Map(account.received.map((job) => [job.job, job]))
  for (const { id, event } of account.of('moodle.callback')) {
    const job = event.job === undefined ? undefined : owner.get(event.job)
    if (job === undefined || event.applied === 0) continue
    hold(event.tenant === job.tenant, () => `a callback of tenant ${event.tenant} changed ${named(job)}`, [id])
  }
  for (const callback of account.callbacks) {
    const job = owner.get(callback.job)
    if (job === undefined || job.tenant === callback.tenant || callback.state !== 'delivered') continue
    const own = fold(job, account.callbacksOf.get(jobKey(job)) ?? [])
    const changed = rowsByKey(account, job).filter(({ row, key }) => rank(row.status) > rank(own.get(key) ?? 'pending'))
    hold(
      changed.length === 0,
      () =>
        `callback ${callback.id} of tenant ${callback.tenant} changed ${changed.length} recipients of ${named(job)}`,
    )
  }
  return result()
}
