import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { decodeJobText } from '../../contracts/dialects/index.ts'
import type { Dialect } from '../../contracts/job.ts'
import { virtualClock, type VirtualClock } from '../../emulator/kernel/clock.ts'
import type { Holder } from '../../emulator/kernel/holders.ts'
import { boot } from '../../emulator/kernel/installation.ts'
import { createJournal } from '../../emulator/kernel/journal.ts'
import { openStore } from '../../emulator/kernel/store.ts'
import { createCallbacks } from '../../emulator/worker/callbacks/callbacks.ts'
import type { CallbackAnswer, CallbackPost } from '../../emulator/worker/callbacks/transport.ts'
import { createLedger } from '../../emulator/worker/ledger/ledger.ts'
import type { Leased, PassResult } from '../../emulator/worker/ledger/passes.ts'
import { createSettler } from '../../emulator/worker/settler.ts'

/*
 * Two processes on one ledger, as far as the ledger can tell: each has its own connection to the file, its own outbox and
 * nothing of the other's memory.
 */

const answered: CallbackAnswer = { status: 200, headers: {}, body: '{}' }

function set(clock: VirtualClock = virtualClock()) {
  const directory = mkdtempSync(join(tmpdir(), 'offload-ledger-'))
  const dead = new Set<string>()
  const closes: (() => Promise<void>)[] = []
  onTestFinished(async () => {
    for (const close of closes) await close()
    rmSync(directory, { recursive: true, force: true })
  })

  const process = (
    name: string,
    send: (post: CallbackPost) => Promise<CallbackAnswer> = () => Promise.resolve(answered),
  ) => {
    const store = openStore({ directory, file: 'ledger.db', gathers: false })
    const { ids } = boot({ store, use: 'worker' })
    const journal = createJournal({ store, clock })
    const holder: Holder = { name, isAlive: (other) => !dead.has(other) }
    const sent: CallbackPost[] = []
    const callbacks = createCallbacks({
      store,
      clock,
      ids,
      journal,
      holder,
      send: (post) => {
        sent.push(post)
        return send(post)
      },
      settings: {
        targetOf: () => ({ url: 'http://moodle.test/callback', secret: 's', token: 't' }),
        delayMs: 0,
        timeoutMs: 10_000,
        retryScheduleMs: [5000],
        connectTo: [],
        allowHosts: [],
      },
    })
    const ledger = createLedger({
      store,
      clock,
      ids,
      journal,
      callbacks,
      holder,
      verifyBase: () => 'http://verify.test',
      isQueued: () => true,
      retrySchedule: [5000],
      bounceWindowMs: 2000,
    })
    const settler = createSettler({
      store,
      clock,
      journal,
      ledger,
      onError: (error) => {
        throw error
      },
    })
    callbacks.start()
    settler.start()
    let stopped = false
    const stop = async () => {
      if (stopped) return
      stopped = true
      const ended = Promise.all([callbacks.stop(), settler.stop()])
      await clock.advance(5000)
      await ended
      store.close()
    }
    closes.push(stop)
    return {
      store,
      ledger,
      callbacks,
      settler,
      sent,
      /** What `kill -9` leaves: nothing of it is heard of any more, and what it had open stays as it is. */
      kill: () => void dead.add(name),
      look() {
        const recovered = ledger.recover()
        callbacks.recover()
        settler.look()
        return recovered
      },
      mails: () => journal.read().filter(({ event }) => event.type === 'mail.accepted').length,
    }
  }
  return { clock, process }
}

function job(count: number, dialect: Dialect = 'spec', id = 'job-1') {
  const recipients = Array.from({ length: count }, (_, at) => ({ userid: at + 1, email: `r${at + 1}@example.test` }))
  const body =
    dialect === 'spec'
      ? { job_id: id, tenant_id: 7, type: 'send_reminder', recipients, timestamp: '2026-01-01T00:00:00Z' }
      : { job_id: Number(id), company_id: 7, type: 'csv_import', recipients }
  const decoded = decodeJobText(JSON.stringify(body), {})
  if (!decoded.ok) throw new Error(JSON.stringify(decoded.issues))
  return decoded.job
}

const sentTo = (leased: readonly Leased[]): PassResult => ({
  outcomes: leased.map((each) => ({ result: 'sent', leased: each, messageId: `m-${each.row.key}` })),
  untried: [],
  findings: [],
  stored: [],
})

describe('leases', () => {
  it('what one has leased, the other one does not get; each recipient goes to one of them', () => {
    const { process } = set()
    const [one, two] = [process('one'), process('two')]
    const { row } = one.ledger.admit(job(6), { received: 'message-1' }, 'sqs')
    expect(two.ledger.admit(job(6), { received: 'message-1' }, 'sqs')).toMatchObject({ added: 0, known: 6 })
    const first = one.ledger.lease(row.id, ['1', '2', '3'])
    const second = two.ledger.lease(row.id, ['1', '2', '3', '4', '5', '6'])
    expect(first.leased.map((each) => each.row.key)).toEqual(['1', '2', '3'])
    expect(second.leased.map((each) => each.row.key)).toEqual(['4', '5', '6'])
    expect(second.heldUntil).toBeGreaterThan(0)
    one.ledger.conclude(row.id, 'message-1', sentTo(first.leased), 1)
    two.ledger.conclude(row.id, 'message-1', sentTo(second.leased), 1)
    expect(one.ledger.rows('job-1', 7)[0]).toMatchObject({ status: 'completed', sent: 6 })
    expect(one.mails()).toBe(6)
  })

  it('a lease outlives its time as long as its process lives: a suspended laptop mails nobody twice', async () => {
    const { clock, process } = set()
    const [one, two] = [process('one'), process('two')]
    const { row } = one.ledger.admit(job(1), { received: 'message-1' }, 'sqs')
    const { leased } = one.ledger.lease(row.id, ['1'])
    await clock.advance(3_600_000)
    two.look()
    expect(two.ledger.lease(row.id, ['1']).leased).toEqual([])
    one.ledger.conclude(row.id, 'message-1', sentTo(leased), 1)
    expect(two.ledger.lease(row.id, ['1'])).toEqual({ leased: [], nextDue: undefined, heldUntil: undefined })
  })

  it('what a process leased that died is free when another one looks, marked as interrupted', () => {
    const { process } = set()
    const [one, two] = [process('one'), process('two')]
    const { row } = one.ledger.admit(job(3), { received: 'message-1' }, 'sqs')
    one.ledger.lease(row.id, ['1', '2'])
    expect(two.look()).toBe(0)
    one.kill()
    expect(two.look()).toBe(2)
    const { leased } = two.ledger.lease(row.id, ['1', '2', '3'])
    expect(leased.map((each) => [each.row.key, each.row.interrupted])).toEqual([
      ['1', 1],
      ['2', 1],
      ['3', 0],
    ])
  })

  it('what another process holds by now is neither given back nor written by the first one', () => {
    const { process } = set()
    const [one, two] = [process('one'), process('two')]
    const { row } = one.ledger.admit(job(3), { received: 'message-1' }, 'sqs')
    const { leased } = one.ledger.lease(row.id, ['1', '2', '3'])
    one.kill()
    two.look()
    const again = two.ledger.lease(row.id, ['1', '2', '3'])
    const [a, b, c] = leased
    if (a === undefined || b === undefined || c === undefined) throw new Error('three were leased')
    one.ledger.giveBack([a])
    one.ledger.abandon([b])
    one.ledger.conclude(row.id, 'message-1', sentTo([c]), 1)
    expect(two.store.all('SELECT DISTINCT status, lease_owner FROM recipients')).toEqual([
      { status: 'processing', lease_owner: 'two' },
    ])
    two.ledger.conclude(row.id, 'message-1', sentTo(again.leased), 1)
    expect([two.ledger.rows('job-1', 7)[0]?.sent, two.mails()]).toEqual([3, 3])
  })
})

describe('callbacks', () => {
  it('each is sent by the process that made it, and by no other', async () => {
    const { clock, process } = set()
    const [one, two] = [process('one'), process('two')]
    const { row } = one.ledger.admit(job(2), { received: 'message-1' }, 'sqs')
    one.ledger.conclude(row.id, 'message-1', sentTo(one.ledger.lease(row.id, ['1']).leased), 1)
    two.ledger.conclude(row.id, 'message-1', sentTo(two.ledger.lease(row.id, ['2']).leased), 1)
    for (let second = 0; second < 30; second++) {
      one.look()
      two.look()
      await clock.advance(1000)
    }
    expect([one.sent.length, two.sent.length]).toEqual([1, 1])
    expect(one.store.all('SELECT state, attempts FROM callbacks')).toEqual([
      { state: 'delivered', attempts: 1 },
      { state: 'delivered', attempts: 1 },
    ])
  })

  it('one that is in flight is not sent by another process too, however long it takes', async () => {
    const { clock, process } = set()
    const answer = Promise.withResolvers<CallbackAnswer>()
    const [one, two] = [process('one', () => answer.promise), process('two')]
    const { row } = one.ledger.admit(job(1), { received: 'message-1' }, 'sqs')
    one.ledger.conclude(row.id, 'message-1', sentTo(one.ledger.lease(row.id, ['1']).leased), 1)
    for (let second = 0; second < 60; second++) {
      two.look()
      await clock.advance(1000)
    }
    expect([one.sent.length, two.sent.length]).toEqual([1, 0])
    answer.resolve(answered)
    await one.callbacks.whenIdle()
    expect(two.store.all('SELECT state, attempts FROM callbacks')).toEqual([{ state: 'delivered', attempts: 1 }])
  })

  it('what the dead left is sent by another one: waiting, in flight or to be tried again', async () => {
    const { clock, process } = set()
    const never = new Promise<CallbackAnswer>(() => undefined)
    const [one, two] = [process('one', () => never), process('two')]
    const { row } = one.ledger.admit(job(3), { received: 'message-1' }, 'sqs')
    for (const key of ['1', '2', '3']) {
      one.ledger.conclude(row.id, 'message-1', sentTo(one.ledger.lease(row.id, [key]).leased), 1)
    }
    await clock.advance(0)
    expect(one.sent).toHaveLength(3)
    one.kill()
    two.look()
    await clock.advance(0)
    await two.callbacks.whenIdle()
    expect(two.sent).toHaveLength(3)
    expect(two.store.all('SELECT DISTINCT state, owner FROM callbacks')).toEqual([{ state: 'delivered', owner: 'two' }])
  })

  it('the one cumulative callback of a job is made once, by whoever looks first, also after a death', async () => {
    const { clock, process } = set()
    const [one, two] = [process('one'), process('two')]
    const { row } = one.ledger.admit(job(2, 'flow', '12345'), { received: 'm' }, 'sqs')
    one.ledger.conclude(row.id, 'm', sentTo(one.ledger.lease(row.id, ['1', '2']).leased), 1)
    one.kill()
    await one.settler.stop()
    for (let second = 0; second < 5; second++) {
      two.look()
      await clock.advance(1000)
    }
    await two.callbacks.whenIdle()
    expect([one.sent.length, two.sent.length]).toEqual([0, 1])
  })
})

it('an emulator and a worker do not take each other for their own', () => {
  const directory = mkdtempSync(join(tmpdir(), 'offload-ledger-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  for (const [file, use, other, words] of [
    ['state.db', 'emulator', 'worker', 'an emulator (offload up)'],
    ['ledger.db', 'worker', 'emulator', 'offload worker'],
  ] as const) {
    const store = openStore({ directory, file })
    onTestFinished(() => store.close())
    boot({ store, use })
    expect(boot({ store, use }).boot).toBe(2)
    expect(() => boot({ store, use: other })).toThrow(`is the state of ${words}: name another file.`)
  }
})
