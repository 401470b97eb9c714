import type { Clock } from '../../kernel/clock.ts'
import type { Holder } from '../../kernel/holders.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'
import type { CallbackPort } from '../ports.ts'
import { createAddressing, type CallbackTarget } from './addressing.ts'
import { createDeliveryLog, type CallbackView, type DeliveryLog } from './delivery-log.ts'
import { createFaultyAttempt, type CallbackFaults } from './faulty-attempt.ts'
import { createHostRules } from './host-rules.ts'
import { createHttpTransport, type ResolveName } from './http-transport.ts'
import { createOutbox, type Outbox } from './outbox.ts'
import { createReplays, type ReplayRequest, type ReplayView } from './replays.ts'
import { createSender, type Sender } from './sender.ts'
import type { CallbackTransport } from './transport.ts'

export interface CallbackSettings {
  /** Asked anew for each attempt. */
  targetOf(tenant: number): CallbackTarget
  /** From a callback's making, or from the flush of the submit's answer, to its first attempt; a delay. */
  readonly delayMs: number
  /** For one attempt, in real time. */
  readonly timeoutMs: number
  /** Delays before the second attempt, the third, …; after the last it is dead. */
  readonly retryScheduleMs: readonly number[]
  /** Requests in flight to one host for one tenant; default 4. */
  readonly perHost?: number | undefined
  /** `--callback-connect-to`: `HOST:PORT:CONNECT-HOST:CONNECT-PORT`. */
  readonly connectTo: readonly string[]
  /** `--allow-callback-host`. */
  readonly allowHosts: readonly string[]
  /** Whose flags free what is parked; `offload up` unless given. */
  readonly command?: string | undefined
}

export interface Callbacks extends CallbackPort, Pick<DeliveryLog, 'list' | 'get' | 'summary'> {
  /**
   * Keeps back a job's callbacks until as many `release`s: from before the job is accepted until its answer is flushed
   * or its connection is gone.
   */
  hold: Sender['hold']
  release: Sender['release']
  /** Sends it (again) now, stamped and signed anew, and begins the schedule again; attempts are counted on. */
  replay(id: string): CallbackView
  /** Sends it now, beside the outbox, as often and as wrong as one wants; what the outbox knows of it stays. */
  probe(id: string, request: ReplayRequest): Promise<ReplayView>
  /** Puts what is parked and now allowed into the queue; returns how many. `start` does it too. */
  unpark: Outbox['unpark']
  /** Forgets the callbacks of one tenant or of all; an attempt in flight leaves no trace. */
  reset: Outbox['reset']
  /** Begins to send; what a killed process had in flight is due at once. */
  start(): void
  /** Takes over what processes that have died since left to be sent. */
  recover: Sender['recover']
  /** Ends sending; what is in flight has 2 s to end, then it is left for the next start. */
  stop(): Promise<void>
  /** Nothing is in flight and nothing is due; callbacks may wait for their time, or be held. */
  idle(): boolean
  whenIdle(): Promise<void>
}

/** The outbox of callbacks: durable, fair over tenants, retried, with a delivery log. */
export function createCallbacks({
  store,
  clock,
  ids,
  journal,
  holder,
  settings,
  lookup,
  send,
  callbackFaults,
}: {
  store: Store
  clock: Clock
  ids: Ids
  journal: Journal
  /** Who sends them: this process, among those that share the state. */
  holder: Holder
  settings: CallbackSettings
  /** How the HTTP transport resolves names; the system's way by default. */
  lookup?: ResolveName | undefined
  /** HTTP by default. */
  send?: CallbackTransport | undefined
  /** What is to go wrong with attempts. */
  callbackFaults?: CallbackFaults | undefined
}): Callbacks {
  const { targetOf, delayMs, timeoutMs, retryScheduleMs, perHost } = settings
  const rules = createHostRules(settings)
  const placeOf = createAddressing({ targetOf, rules, command: settings.command })
  const transport = send ?? createHttpTransport({ clock, timeoutMs, rules, resolveName: lookup })
  const outbox = createOutbox({
    store,
    clock,
    ids,
    journal,
    holder,
    placeOf,
    delayMs,
    retryScheduleMs,
    notify: (due) => sender.due(due),
  })
  const errorDelayMs = retryScheduleMs[0] ?? 5000
  const attempt = createFaultyAttempt({ clock, timeoutMs, callbackFaults })
  const sender = createSender({
    store,
    clock,
    outbox,
    placeOf,
    targetOf,
    delayMs,
    errorDelayMs,
    transport,
    attempt,
    perHost,
  })
  const replays = createReplays({ store, clock, journal, targetOf, placeOf, transport })
  const log = createDeliveryLog({ store, now: () => clock.now(), targetOf, delivering: sender.delivering })

  return {
    add: outbox.add,
    list: log.list,
    get: log.get,
    summary: log.summary,
    hold: sender.hold,
    release: sender.release,
    replay(id) {
      const row = log.find(id)
      outbox.replay(row)
      return log.view(log.find(row.id))
    },
    probe: (id, request) => replays(log.find(id), request),
    unpark: outbox.unpark,
    reset: outbox.reset,
    start() {
      outbox.unpark()
      sender.start()
    },
    recover: sender.recover,
    stop: sender.stop,
    idle: sender.idle,
    whenIdle: sender.whenIdle,
  }
}
