import { onTestFinished } from 'vitest'
import type { CallbackContent, RecipientUpdate } from '../../contracts/callback.ts'
import type { Dialect } from '../../contracts/job.ts'
import { createCallbacks, type CallbackSettings } from '../../emulator/worker/callbacks/callbacks.ts'
import type { ResolveName } from '../../emulator/worker/callbacks/http-transport.ts'
import type { CallbackTransport } from '../../emulator/worker/callbacks/transport.ts'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import { aloneOn } from '../../emulator/kernel/holders.ts'
import { boot } from '../../emulator/kernel/installation.ts'
import { createJournal } from '../../emulator/kernel/journal.ts'
import { openStore } from '../../emulator/kernel/store.ts'

export interface SetUp {
  readonly settings?: Partial<CallbackSettings>
  /** Where tenants' callbacks go that name no address themselves. */
  readonly url?: string | undefined
  readonly lookup?: ResolveName
  readonly send?: CallbackTransport
  /** The folder of a state file that outlives this set-up. */
  readonly directory?: string
  readonly now?: number
}

export const schedule = [5000, 30_000, 120_000]

export function update(fields: Partial<RecipientUpdate> = {}): RecipientUpdate {
  return { key: '1001', userid: 1001, email: 'ada@example.test', status: 'sent', attempts: 1, ...fields }
}

export function content(fields: Partial<CallbackContent> = {}): CallbackContent {
  return {
    dialect: 'spec' satisfies Dialect,
    jobId: '550e8400-e29b-41d4-a716-446655440000',
    tenant: 7,
    status: 'completed',
    sent: 1,
    failed: 0,
    updates: [update()],
    ...fields,
  }
}

/** The outbox on a clock that stands still, already started; it stops when the test ends. */
export function setUp({ settings, url, lookup, send, directory, now }: SetUp = {}) {
  const clock = virtualClock(now)
  const store = openStore(directory === undefined ? {} : { directory })
  const { ids, boot: bootNumber } = boot({ store, seed: 'test' })
  const journal = createJournal({ store, clock })
  const callbacks = createCallbacks({
    store,
    clock,
    ids,
    journal,
    holder: aloneOn(`test:${bootNumber}`),
    settings: {
      targetOf: (tenant) => ({ url, secret: `secret-of-${tenant}`, token: `token-of-${tenant}` }),
      delayMs: 0,
      timeoutMs: 10_000,
      retryScheduleMs: schedule,
      connectTo: [],
      allowHosts: [],
      ...settings,
    },
    lookup,
    send,
  })
  callbacks.start()
  let closed = false
  const close = async () => {
    if (closed) return
    closed = true
    const stopped = callbacks.stop()
    await clock.advance(5000)
    await stopped
    store.close()
  }
  onTestFinished(close)
  return {
    clock,
    store,
    journal,
    callbacks,
    close,
    add(fields: Partial<Parameters<typeof callbacks.add>[0]> = {}) {
      return callbacks.add({ tenant: 7, job: 'job-1', content: content(), notBefore: 0, ...fields })
    },
    /** Moves time and waits until the attempts that became due have ended. */
    async pass(ms: number) {
      await clock.advance(ms)
      await callbacks.whenIdle()
    },
    events: () => journal.read().map(({ event }) => event),
  }
}
