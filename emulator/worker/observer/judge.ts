import type { Recipient } from '../../../contracts/job.ts'
import type { UpdateStatus } from '../../../contracts/status.ts'
import { addressOf, type ObservedCallback, type ObservedMessage, type Observations } from './observations.ts'
import { personalHtml } from './personal-html.ts'

export type FindingCode =
  | 'mailed-twice'
  | 'deleted-without-callback'
  | 'failure-swallowed'
  | 'told-without-mail'
  | 'callback-misdirected'
  | 'callback-refused'
  | 'visibility-too-short'
  | 'one-html-for-all'
  | 'invocation-timed-out'
  | 'invocation-failed'

export interface Finding {
  readonly code: FindingCode
  /** The evidence, then the advice; recipients by their keys, never by address or name. */
  readonly text: string
}

/** Evidence and advice; undefined where nothing of the kind was seen. */
type Rule = (seen: Observations, now: number) => string | undefined

const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`
const seconds = (milliseconds: number) => `${Math.round(milliseconds / 100) / 10} s`
const listed = (keys: readonly string[], most = 5) =>
  `recipient${keys.length === 1 ? '' : 's'} ${keys
    .slice(0, most)
    .map((key) => (key.length > 20 ? `${key.slice(0, 12)}…` : key))
    .join(', ')}${keys.length > most ? ` and ${keys.length - most} more` : ''}`
const nameOf = ({ messageId }: ObservedMessage) => `message ${messageId.slice(0, 8)}…`

const keysAt = (seen: Observations): Map<string, string[]> => {
  const at = new Map<string, string[]>()
  for (const [key, { email }] of seen.recipients) {
    const address = addressOf(email)
    at.set(address, [...(at.get(address) ?? []), key])
  }
  return at
}

const accepted = ({ status }: ObservedCallback) => status >= 200 && status < 300

/** What callbacks have told of the recipients, however many there are of both. */
export function hearing(callbacks: readonly ObservedCallback[]) {
  let everybodyAt = -Infinity
  const latest = new Map<string, number>()
  for (const { at, updates } of callbacks) {
    if (updates.length === 0) everybodyAt = Math.max(everybodyAt, at)
    for (const { userid, address } of updates) {
      if (userid !== undefined) latest.set(`userid ${userid}`, at)
      if (address !== undefined) latest.set(`address ${address}`, at)
    }
  }
  return {
    /** When a callback last spoke of this recipient, by name. */
    namedAt: (key: string, { email, userid }: Recipient): number =>
      Math.max(
        latest.get(`userid ${key}`) ?? -Infinity,
        userid === undefined ? -Infinity : (latest.get(`userid ${userid}`) ?? -Infinity),
        latest.get(`address ${addressOf(email)}`) ?? -Infinity,
      ),
    /** When one last spoke of the whole job, without names. */
    everybodyAt,
  }
}

/** The same callbacks with the updates of one status only; those without any such update are left out. */
const only = (callbacks: readonly ObservedCallback[], status: UpdateStatus): ObservedCallback[] =>
  callbacks
    .map((callback) => ({ ...callback, updates: callback.updates.filter((update) => update.status === status) }))
    .filter(({ updates }) => updates.length > 0)

/** Messages that were deleted so long ago that whatever belongs to them has been seen. */
const judgedMessages = (seen: Observations, now: number) =>
  seen.messages.filter(
    ({ receives, deletions }) => receives.length > 0 && deletions.some(({ judgedFrom }) => judgedFrom <= now),
  )

const mailedTwice: Rule = (seen) => {
  const counts = new Map<string, number>()
  for (const { address } of seen.mails) counts.set(address, (counts.get(address) ?? 0) + 1)
  const keys: string[] = []
  let most = 0
  for (const [address, at] of keysAt(seen)) {
    // Two licences to one address are two recipients, with a mail each.
    const mails = counts.get(address) ?? 0
    if (mails <= at.length) continue
    keys.push(...at)
    most = Math.max(most, mails)
  }
  if (keys.length === 0) return undefined
  const again = seen.messages.find(({ receives }) => receives.length > 1)
  const [evidence, advice] =
    again === undefined
      ? [
          'no message was received more than once',
          'One pass mails a recipient once: repeat a send only when it was refused (Throttling, 429, 5xx), never because ' +
            'the mail bounced. Write down each mail under (job, recipient), and skip whoever has one',
        ]
      : [
          `${nameOf(again)} was received ${again.receives.length} times`,
          'SQS delivers a message at least once: write down each mail under (job, recipient) before the next one is ' +
            'sent, and skip whoever has one when the message comes again',
        ]
  return `${listed(keys)}: mailed more than once (up to ${most} mails); ${evidence}. ${advice}`
}

const deletedWithoutCallback: Rule = (seen, now) => {
  // One that was refused or went astray is told by its own rule.
  if (!seen.sees.callbacks || seen.strays.length > 0 || seen.callbacks.some((callback) => !accepted(callback))) {
    return undefined
  }
  const heard = hearing(seen.callbacks)
  for (const message of judgedMessages(seen, now)) {
    const since = message.receives[0]?.at ?? 0
    if (heard.everybodyAt >= since) continue
    const untold = message.recipients.filter((key) => {
      const recipient = seen.recipients.get(key)
      return recipient !== undefined && heard.namedAt(key, recipient) < since
    })
    if (untold.length === 0) continue
    return (
      `${nameOf(message)} was deleted, and no callback has told what became of ${listed(untold)}: the job stays open in ` +
      'Moodle. Delete a message (let the function succeed) only when its callback was answered with 2xx; give the call a ' +
      'timeout and let its failure fail the invocation'
    )
  }
  return undefined
}

/** Whether it was deleted during an invocation that then failed: nobody but the function did that. */
const deletedByFunction = ({ invocations }: Observations, { deletions }: ObservedMessage) =>
  deletions.some(({ at, receiptHandle }) =>
    invocations.some(
      ({ receiptHandles, error, ended = 0 }) =>
        error !== undefined && receiptHandles.includes(receiptHandle) && at <= ended,
    ),
  )

const failureSwallowed: Rule = (seen, now) => {
  if (!seen.sees.mails || seen.job.action === 'certificate') return undefined
  const mailed = new Set(seen.mails.map(({ address }) => address))
  const failed = hearing(only(seen.callbacks, 'failed'))
  const completed = hearing(only(seen.callbacks, 'completed'))
  // A callback without names tells how many failed, not who.
  const counted = Math.max(0, ...seen.callbacks.map(({ updates, failed: n = 0 }) => (updates.length === 0 ? n : 0)))
  for (const message of judgedMessages(seen, now)) {
    const missing = message.recipients.filter((key) => {
      const recipient = seen.recipients.get(key)
      if (recipient === undefined || recipient.invalid !== undefined) return false
      const { email } = recipient
      return !mailed.has(addressOf(email)) && failed.namedAt(key, recipient) === -Infinity
    })
    if (missing.length <= counted) continue
    // Callbacks that go elsewhere may have told of some; that all of a message failed is a failure of the worker's own.
    if (!seen.sees.callbacks && missing.length < message.recipients.length) continue
    const claimed = missing.some((key) => {
      const recipient = seen.recipients.get(key)
      return recipient !== undefined && completed.namedAt(key, recipient) > -Infinity
    })
    const told = claimed
      ? ', and the callback calls them sent'
      : seen.sees.callbacks
        ? ', and no callback calls them failed'
        : ' (its callbacks go elsewhere and are not seen here)'
    const advice = deletedByFunction(seen, message)
      ? 'The function deleted it itself, and then failed: leave the deletion to the event source mapping, which deletes ' +
        'what succeeded, or delete last'
      : 'Do not catch everything: report the message in batchItemFailures, or let the exception through, so that it is ' +
        'tried again and ends in the dead-letter queue; or tell these recipients as failed in the callback'
    return `${nameOf(message)} was deleted although ${listed(missing)} got no mail${told}. ${advice}`
  }
  return undefined
}

const toldWithoutMail: Rule = (seen, now) => {
  if (!seen.sees.mails || seen.job.action === 'certificate') return undefined
  const told = hearing(
    only(
      seen.callbacks.filter((callback) => accepted(callback) && (callback.judgedFrom ?? Infinity) <= now),
      'completed',
    ),
  )
  const failed = hearing(only(seen.callbacks, 'failed'))
  const mailed = new Set(seen.mails.map(({ address }) => address))
  // Those of a message that was deleted are told of by the rule above.
  const open = seen.messages.filter(({ deletions }) => deletions.length === 0).flatMap(({ recipients }) => recipients)
  const keys = open.filter((key) => {
    const recipient = seen.recipients.get(key)
    if (recipient === undefined || mailed.has(addressOf(recipient.email))) return false
    const toldAt = told.namedAt(key, recipient)
    return toldAt > -Infinity && failed.namedAt(key, recipient) < toldAt
  })
  if (keys.length === 0) return undefined
  return (
    `a callback calls ${listed(keys)} sent, and no mail has gone to them: Moodle shows what has not happened, and nobody ` +
    'looks for it. Call back after the mails, and tell as completed only whom the provider took a mail for'
  )
}

const pathOf = (url: string | undefined): string | undefined =>
  url !== undefined && URL.canParse(url) ? new URL(url).pathname : undefined

/** A callback that was refused, and no later one was accepted. */
const refusedCallback = (seen: Observations) => {
  const refused = seen.callbacks.filter((callback) => !accepted(callback))
  const last = refused.at(-1)
  if (last === undefined || seen.callbacks.some((callback) => accepted(callback) && callback.at >= last.at))
    return undefined
  return { last, times: refused.length }
}

const callbackMisdirected: Rule = (seen) => {
  const wanted = pathOf(seen.job.callbackUrl)
  const [stray] = seen.strays
  const refused = refusedCallback(seen)
  const elsewhere =
    refused !== undefined && wanted !== undefined && refused.last.path !== wanted ? refused.last : undefined
  if (stray === undefined && elsewhere === undefined) return undefined
  const what =
    stray === undefined
      ? `its callback went to ${elsewhere?.path}, which answered ${elsewhere?.status} (${elsewhere?.reason})`
      : `${stray.method} ${stray.path} was answered ${stray.status}: ${
          stray.path === wanted ? 'callbacks are taken by POST' : 'nobody takes callbacks there'
        }`
  const redirect =
    stray !== undefined && stray.method === 'GET' ? ', with POST, and follow no redirect (it turns POST into GET)' : ''
  return `${what}. Send it to ${wanted ?? "the address of the worker's CALLBACK_URL"} exactly as the job's callback_url says${redirect}`
}

const callbackRefused: Rule = (seen) => {
  const refused = refusedCallback(seen)
  const wanted = pathOf(seen.job.callbackUrl)
  if (refused === undefined || (wanted !== undefined && refused.last.path !== wanted)) return undefined
  const { last, times } = refused
  const advice =
    last.status === 401
      ? 'Sign the raw body as it is sent with HMAC-SHA256 and the callback secret (X-Signature, lower-case hex), with timestamp in epoch seconds, anew at each attempt'
      : last.status === 403
        ? "The token in the body must equal the company's secret"
        : last.status === 404
          ? 'The job id must be the one of the message, as it was written there (a UUID cast to int names another job)'
          : last.status === 400
            ? "Write the body in the job's own dialect (offload contract export)"
            : 'A callback counts as told only when it is answered with 2xx'
  return (
    `its callback to ${last.path} was answered ${last.status} (${last.reason})${times > 1 ? `, ${times} times` : ''}. ` +
    `${advice}; let a refused callback fail the invocation, so that it is seen`
  )
}

const visibilityTooShort: Rule = (seen) => {
  for (const message of seen.messages) {
    for (const [index, receive] of message.receives.entries()) {
      const first = message.receives[index - 1]
      if (first === undefined) continue
      const running = seen.invocations.find(
        ({ receiptHandles, began, ended = Infinity }) =>
          receiptHandles.includes(first.receiptHandle) && began <= receive.at && ended > receive.at,
      )
      const deletedLate = message.deletions.find(
        ({ receiptHandle, at }) => receiptHandle === first.receiptHandle && at >= receive.at,
      )
      if (running === undefined && deletedLate === undefined) continue
      const took = (running?.ended ?? deletedLate?.at ?? receive.at) - first.at
      const still =
        running !== undefined && running.ended === undefined
          ? 'still ran'
          : `took ${seconds(took)} from its first receive`
      return (
        `${nameOf(message)} was received again after ${seconds(receive.at - first.at)}, while the first consumer was ` +
        `at work on it (it ${still}): the visibility timeout is too short for the batch, and each part of it may happen ` +
        "twice. AWS wants the queue's visibility timeout to be at least 6 times the function's timeout; or send " +
        'fewer recipients in a message, or extend it with ChangeMessageVisibility'
      )
    }
  }
  return undefined
}

const oneHtmlForAll: Rule = (seen) => {
  const readers = new Map<string, Set<string>>()
  for (const { body, address } of seen.mails) {
    if (body !== undefined) readers.set(body, (readers.get(body) ?? new Set()).add(address))
  }
  for (const [body, addresses] of readers) {
    const html = seen.bodies.get(body)
    if (addresses.size < 2 || html === undefined) continue
    const whose = personalHtml(html, seen, addresses)
    if (whose === undefined) continue
    return (
      `${count(addresses.size, 'person').replace('persons', 'people')} got the same html, and it holds the ${whose.field} ` +
      `of recipient ${whose.key} alone. Build the html for each recipient (in the plugin dialect from its own ` +
      'recipient_data.custom_html), never once from the first one'
    )
  }
  return undefined
}

const invocationsThat = (seen: Observations, kinds: readonly string[]) => {
  const failures = seen.invocations.flatMap(({ error }) =>
    error !== undefined && kinds.includes(error.kind) ? [error] : [],
  )
  return { times: failures.length, last: failures.at(-1) }
}

const invocationTimedOut: Rule = (seen) => {
  const { times, last } = invocationsThat(seen, ['timed-out'])
  if (last === undefined) return undefined
  return (
    `${count(times, 'invocation')} timed out (${last.text}). Send fewer recipients in a message or a batch, or raise the ` +
    "function's timeout (worker_timeout), and the queue's visibility timeout to 6 times as much"
  )
}

const invocationFailed: Rule = (seen) => {
  const { times, last } = invocationsThat(seen, ['failed', 'unreachable'])
  if (last === undefined) return undefined
  const lost = seen.messages.filter((message) => deletedByFunction(seen, message))
  const after =
    lost.length === 0
      ? 'every message of the batch comes again'
      : `what the function had deleted itself (${lost.slice(0, 3).map(nameOf).join(', ')}) does not come again`
  return (
    `${count(times, 'invocation')} failed, and ${after} (${last.text}). Report only the messages ` +
    'that failed in batchItemFailures, and keep what has been mailed from being mailed again'
  )
}

const rules: Readonly<Record<FindingCode, Rule>> = {
  'mailed-twice': mailedTwice,
  'deleted-without-callback': deletedWithoutCallback,
  'failure-swallowed': failureSwallowed,
  'told-without-mail': toldWithoutMail,
  'callback-misdirected': callbackMisdirected,
  'callback-refused': callbackRefused,
  'visibility-too-short': visibilityTooShort,
  'one-html-for-all': oneHtmlForAll,
  'invocation-timed-out': invocationTimedOut,
  'invocation-failed': invocationFailed,
}

/** What a worker got wrong, as far as it was seen: one finding a rule. What nobody could see is not claimed. */
export function judge(seen: Observations, now: number): Finding[] {
  return Object.entries(rules).flatMap(([code, rule]) => {
    const text = rule(seen, now)
    return text === undefined ? [] : [{ code: code as FindingCode, text }]
  })
}
