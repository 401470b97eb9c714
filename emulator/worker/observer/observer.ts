import { createHash } from 'node:crypto'
import { decodeCallback, decodeJobText, envelopeOf } from '../../../contracts/dialects/index.ts'
import type { CallbackMessage } from '../../../contracts/callback.ts'
import type { Clock, Timer } from '../../kernel/clock.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import type { Store } from '../../kernel/store.ts'
import type { WatchInvocation } from '../event-source/mapping.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { ObservedOutcome } from '../ledger/observed.ts'
import type { QueueWatcher, WatchedMessage } from '../ports.ts'
import { overAt } from './ending.ts'
import { judge } from './judge.ts'
import { createObservationLog } from './observation-log.ts'
import { addressOf, type ObservedCallback, type Observations } from './observations.ts'
import { withoutAddresses } from './redact.ts'
import { restoreJobs } from './restoring.ts'
import { createTrackedJobs, type TrackedJob } from './tracked-jobs.ts'

/** A mail that has come to the inbox. */
export interface SeenMail {
  readonly id: string
  /** Without angle brackets. */
  readonly messageId: string
  readonly addresses: readonly string[]
  readonly tags: readonly string[]
}

/** A callback that came to this port, and what its receiver answered. */
export interface SeenCallback {
  readonly path: string
  readonly rawBody: Uint8Array
  readonly status: number
  readonly reason: string
}

export interface ObserverDeps {
  readonly store: Store
  readonly clock: Clock
  readonly ledger: Ledger
  /** Name of the queue whose consumers are judged. */
  readonly queue: string
  /** How long after a deletion mails and callbacks may still come before they count as missing; a delay. */
  readonly graceMs: number
  /** Whether mails come to the inbox of this process. */
  readonly seesMails: boolean
  /** Whether the callbacks of this job come to this port. */
  readonly seesCallbacks: (job: { tenant: number; job: string }, callbackUrl: string | undefined) => boolean
  /** The paths on this port that take callbacks. */
  readonly callbackPaths: readonly string[]
  /** The tag of a job's mails. */
  readonly tagOf: (job: string) => string
  /** A mail's html by the inbox's id; undefined where it has gone. */
  readonly htmlOf: (id: string) => Promise<string | undefined>
  readonly onError: (error: unknown) => void
}

/** Judged so long after something was seen, so that what comes together is judged together. */
const gatheringMs = 200

/**
 * Watches what a worker of the user's own does with the queue, mails and callbacks; enters its jobs and what became of
 * them into the ledger, and judges it.
 */
export function createObserver(deps: ObserverDeps) {
  const { store, clock, ledger } = deps
  const log = createObservationLog({ store, onError: deps.onError })
  const tracked = createTrackedJobs({
    onForget(jobId) {
      log.forget(jobId)
      store.write(() => ledger.observed.forgotten(jobId)).catch(deps.onError)
    },
  })
  const told = new WeakMap<TrackedJob, ReadonlyMap<string, string>>()
  const over = new WeakSet<TrackedJob>()
  const awaited = new WeakMap<TrackedJob, number | undefined>()
  const dirty = new Set<TrackedJob>()
  const timers = new Set<Timer>()
  let judging: Timer | undefined
  let stopped = false

  // One after the other, in the order in which things happened.
  let tail: Promise<void> = Promise.resolve()
  const inOrder = (run: () => void | Promise<void>) => {
    const era = ledger.era()
    tail = tail
      .then(() => (stopped || ledger.era() !== era ? undefined : run()))
      .catch((error: unknown) => {
        if (!stopped) deps.onError(error)
      })
  }

  const seenOf = (job: TrackedJob): Observations => ({
    job,
    recipients: job.recipients,
    messages: [...job.messages.values()],
    mails: job.mails,
    bodies: job.bodies,
    callbacks: job.callbacks,
    strays: job.strays,
    invocations: job.invocations,
    sees: { mails: deps.seesMails, callbacks: deps.seesCallbacks(job.row, job.callbackUrl) },
  })

  /** Ends what nothing more is to be seen of, or looks again when it is time. */
  const conclude = async (job: TrackedJob) => {
    if (over.has(job)) return
    const endedAt = ledger.observed.endedAt(job.row.id)
    const at = overAt(seenOf(job), { endedAt, graceMs: clock.deadline(deps.graceMs) - clock.now() })
    if (at === undefined) return
    if (at <= clock.now()) {
      over.add(job)
      await store.write(() => ledger.observed.over(job.row.id))
    } else if (awaited.get(job) !== endedAt) {
      awaited.set(job, endedAt)
      later(Math.ceil(at), () => changed(job))
    }
  }

  const judgeAnew = async (job: TrackedJob) => {
    const before = told.get(job) ?? new Map<string, string>()
    const now = new Map<string, string>(judge(seenOf(job), clock.now()).map(({ code, text }) => [code, text]))
    told.set(job, now)
    const changed = [...new Set([...before.keys(), ...now.keys()])].filter((code) => before.get(code) !== now.get(code))
    if (changed.length === 0) return
    await store.write(() => {
      for (const code of changed) ledger.observed.finding(job.row.id, now.get(code), before.get(code))
      log.tell(job.row.id, now)
    })
  }

  const tell = async (job: TrackedJob) => {
    if (!tracked.isTracked(job)) return
    // Whoever waits for its end reads what was found then.
    if (!job.incomplete) await judgeAnew(job)
    await conclude(job)
  }

  const changed = (job: TrackedJob) => {
    dirty.add(job)
    if (stopped) return
    judging ??= clock.at(clock.now() + gatheringMs, () => {
      judging = undefined
      const jobs = [...dirty]
      dirty.clear()
      for (const each of jobs) inOrder(() => tell(each))
    })
  }

  const later = (at: number, run: () => void) => {
    const timer = clock.at(at, () => {
      timers.delete(timer)
      run()
    })
    timers.add(timer)
  }

  /** The job of a message, entered into the ledger where it is new; undefined where the message is no job's. */
  const jobOf = async ({ MessageId: messageId, Body: body, MessageAttributes: given = {} }: WatchedMessage) => {
    const known = tracked.ofMessage(messageId)
    if (known !== undefined) return known
    // A consumer that asked for no attributes got none: what was written down at the send counts.
    const row = ledger.observed.jobOf(messageId)
    const attributes = Object.entries(given).flatMap(([name, { DataType, StringValue }]) =>
      StringValue === undefined ? [] : [[name, { dataType: DataType, value: StringValue }] as const],
    )
    const envelope =
      row === undefined ? envelopeOf(Object.fromEntries(attributes)) : { tenant: row.tenant, dialect: row.dialect }
    const decoded = decodeJobText(body, envelope)
    if (!decoded.ok) return undefined
    try {
      const admitted = await store.write(() => {
        const admission = ledger.admit(decoded.job, { received: messageId }, 'sqs')
        ledger.observed.begins(admission.row.id)
        return admission
      })
      const recipients = decoded.job.recipients.map(({ key }) => key)
      const entry = tracked.add(admitted.row, decoded.job, messageId)
      log.add(admitted.row.id, { kind: 'message', messageId, recipients })
      over.delete(entry.job)
      return entry
    } catch (error) {
      // Another job's id with other content: the worker may do with it what it likes, there is nothing to hold it to.
      if (error instanceof EmulatorError && error.code === 'job-conflict') return undefined
      throw error
    }
  }

  const queue: QueueWatcher = {
    sent(name, message) {
      if (name === deps.queue) inOrder(async () => void (await jobOf(message)))
    },
    received(name, messages) {
      if (name !== deps.queue) return
      const at = clock.now()
      inOrder(async () => {
        for (const message of messages) {
          const entry = await jobOf(message)
          if (entry === undefined) continue
          const receive = { at, receiptHandle: message.ReceiptHandle }
          tracked.received(entry, receive)
          log.add(entry.job.row.id, { kind: 'receive', messageId: entry.message.messageId, ...receive })
          await store.write(() => ledger.observed.received(entry.job.row.id))
          changed(entry.job)
        }
      })
    },
    deleted(name, receiptHandles) {
      if (name !== deps.queue) return
      const at = clock.now()
      const judgedFrom = Math.ceil(clock.deadline(deps.graceMs))
      inOrder(() => {
        for (const receiptHandle of receiptHandles) {
          const entry = tracked.ofHandle(receiptHandle)
          if (entry === undefined) continue
          const deletion = { at, receiptHandle, judgedFrom }
          entry.message.deletions.push(deletion)
          log.add(entry.job.row.id, { kind: 'deletion', ...deletion })
          changed(entry.job)
          later(judgedFrom, () => changed(entry.job))
        }
      })
    },
  }

  const newMail = (at: number, { tags }: Pick<SeenMail, 'tags'>, address: string, accepted?: string) => {
    const job = tracked.ofMail(address, tags, deps.tagOf, at)
    if (job === undefined) return undefined
    const mail: TrackedJob['mails'][number] = { at, address, ...(accepted === undefined ? {} : { accepted }) }
    return { job, mail, before: tracked.mailed(job, mail) }
  }

  const mailed = async (at: number, mail: SeenMail, address: string, html: () => Promise<string | undefined>) => {
    // What a provider delivers it has told of already, however often it tries.
    const known = tracked.ofAccepted(mail.messageId, address)
    const entry = known ?? newMail(at, mail, address)
    if (entry === undefined) return
    const { job, mail: seen, before } = entry
    const key = (job.keysAt.get(address) ?? [])[before]
    if (key !== undefined) {
      const outcome: ObservedOutcome = { key, status: 'sent', messageId: mail.messageId }
      await store.write(() => ledger.observed.outcomes(job.row.id, [outcome]))
    }
    const text = await html()
    if (text !== undefined && text !== '') {
      seen.body = createHash('sha256').update(text).digest('base64')
      const first = job.firstReader.get(seen.body)
      if (first === undefined) job.firstReader.set(seen.body, address)
      else if (first !== address && !job.bodies.has(seen.body)) {
        job.bodies.set(seen.body, text)
        log.add(job.row.id, { kind: 'shared-html', body: seen.body, html: text })
      }
    }
    if (known === undefined) log.add(job.row.id, { kind: 'mail', ...seen })
    else if (seen.body !== undefined) {
      log.add(job.row.id, { kind: 'body', accepted: mail.messageId, address, body: seen.body })
    }
    changed(job)
  }

  const outcomesOf = (job: TrackedJob, { updates, status }: CallbackMessage): ObservedOutcome[] => {
    // Where mails are seen, only one that was seen counts as sent.
    const believed = (key: string) => {
      const address = addressOf(job.recipients.get(key)?.email ?? '')
      const mailed = (job.mailsTo.get(address) ?? 0) > (job.keysAt.get(address) ?? []).indexOf(key)
      return mailed || !deps.seesMails || job.action === 'certificate'
    }
    if (updates.length === 0) {
      if (status !== 'completed') return []
      return [...job.recipients.keys()].filter(believed).map((key) => ({ key, status: 'sent' }))
    }
    return updates.flatMap(({ userid, email, status: update, error, messageId, certificateUrl }) => {
      const keys =
        userid !== undefined && job.recipients.has(String(userid))
          ? [String(userid)]
          : (job.keysAt.get(addressOf(email ?? '')) ?? [])
      return keys.flatMap((key): ObservedOutcome[] => {
        const seen = { key, messageId, certificateUrl }
        if (update === 'failed') return [{ ...seen, status: 'failed', error }]
        return [update === 'completed' && believed(key) ? { ...seen, status: 'sent' } : seen]
      })
    })
  }

  const watch: WatchInvocation = (messages) => {
    const invocations: { job: TrackedJob; invocation: TrackedJob['invocations'][number] }[] = []
    const began = clock.now()
    inOrder(() => {
      const handles = new Map<TrackedJob, string[]>()
      for (const { ReceiptHandle: handle } of messages) {
        const job = tracked.ofHandle(handle)?.job
        if (job !== undefined) handles.set(job, [...(handles.get(job) ?? []), handle])
      }
      for (const [job, receiptHandles] of handles) {
        const invocation = { began, receiptHandles }
        job.invocations.push(invocation)
        invocations.push({ job, invocation })
      }
    })
    return (result) => {
      const ended = clock.now()
      inOrder(() => {
        for (const { job, invocation } of invocations) {
          invocation.ended = ended
          if ('error' in result && result.kind !== 'stopped') {
            invocation.error = { kind: result.kind, text: withoutAddresses(result.error).slice(0, 300) }
          }
          log.add(job.row.id, { kind: 'invocation', invocation })
          changed(job)
        }
      })
    }
  }

  /** Whose callback it is where its body does not say so: the only job that is worked on. */
  const onlyInFlight = (at: number) => {
    const jobs = tracked.inFlight(at)
    return jobs.length === 1 ? jobs[0] : undefined
  }

  for (const { job, told: before, judgedFrom, isOver } of restoreJobs({ log, ledger, tracked })) {
    told.set(job, before)
    if (isOver) over.add(job)
    // Not at once: what it is judged by is not all there while the emulator starts.
    const soon = Math.ceil(clock.deadline(deps.graceMs))
    if (judgedFrom !== undefined || !isOver) later(Math.max(soon, judgedFrom ?? 0), () => changed(job))
  }

  return {
    queue,
    watch,
    /** A mail that a provider has taken, whatever becomes of it: it may bounce, or come to the inbox later, or twice. */
    accepted({ messageId, addresses, tags }: Omit<SeenMail, 'id'>): void {
      const at = clock.now()
      inOrder(() => {
        for (const address of new Set(addresses.map(addressOf))) {
          const entry = newMail(at, { tags }, address, messageId)
          if (entry === undefined) continue
          log.add(entry.job.row.id, { kind: 'mail', ...entry.mail })
          changed(entry.job)
        }
      })
    },
    /** One that has come to the inbox. */
    mail(mail: SeenMail): void {
      const at = clock.now()
      let read: Promise<string | undefined> | undefined
      const html = () => (read ??= deps.htmlOf(mail.id))
      inOrder(async () => {
        for (const address of new Set(mail.addresses.map(addressOf))) await mailed(at, mail, address, html)
      })
    },
    callback({ path, rawBody, status, reason }: SeenCallback): void {
      const at = clock.now()
      const judgedFrom = Math.ceil(clock.deadline(deps.graceMs))
      const body = parsed(rawBody)
      inOrder(async () => {
        const id = jobIdOf(body)
        const job = (id === undefined ? undefined : tracked.ofId(id)) ?? onlyInFlight(at)
        if (job === undefined) return
        const decoded = decodeCallback(body, job.dialect)
        const callback = decoded.ok ? decoded.callback : undefined
        const seen: ObservedCallback = {
          at,
          path,
          status,
          judgedFrom,
          reason: withoutAddresses(reason).slice(0, 300),
          sent: callback?.sent,
          failed: callback?.failed,
          updates: (callback?.updates ?? []).map(({ userid, email, status: update }) => ({
            ...(userid === undefined ? {} : { userid: String(userid) }),
            ...(email === undefined ? {} : { address: addressOf(email) }),
            status: update,
          })),
        }
        job.callbacks.push(seen)
        log.add(job.row.id, { kind: 'callback', callback: seen })
        if (status < 300 && callback !== undefined) {
          const outcomes = outcomesOf(job, callback)
          if (outcomes.length > 0) await store.write(() => ledger.observed.outcomes(job.row.id, outcomes))
        }
        changed(job)
        later(judgedFrom, () => changed(job))
      })
    },
    /** Any answered request; those that were meant as callbacks and reached nobody who takes one are kept. */
    request({ method, path, status }: { method: string; path: string; status: number }): void {
      const [bare = ''] = path.split('?')
      if (!/callback/i.test(bare) || status < 300 || bare.startsWith('/_offload')) return
      if (method === 'POST' && deps.callbackPaths.includes(bare)) return
      const at = clock.now()
      inOrder(() => {
        const job = onlyInFlight(at)
        if (job === undefined) return
        const stray = { at, method, path: bare.slice(0, 200), status }
        job.strays.push(stray)
        log.add(job.row.id, { kind: 'stray', stray })
        changed(job)
      })
    },
    /** Callbacks about a job that came to this port: those that were taken, and those that were not. */
    callbacks(jobId: number): { delivered: number; refused: number } {
      const all = tracked.ofRow(jobId)?.callbacks ?? []
      const delivered = all.filter(({ status }) => status < 300).length
      return { delivered, refused: all.length - delivered }
    },
    /** Forgets what it has seen (of a tenant). */
    reset: (tenant?: number): void => tracked.forgetAll(tenant),
    async stop(): Promise<void> {
      stopped = true
      judging?.cancel()
      for (const timer of timers) timer.cancel()
      await tail
      await log.drained()
    },
  }
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
}

function jobIdOf(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const id = 'job_id' in body ? body.job_id : 'job_uuid' in body ? body.job_uuid : undefined
  return typeof id === 'string' || typeof id === 'number' ? String(id) : undefined
}

export type Observer = ReturnType<typeof createObserver>
