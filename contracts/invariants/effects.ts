import type { EffectName } from '../faults/operations.ts'
import { findings, grouped, jobKey, named, recipientKey, type Account } from './account.ts'
import type { Findings, MailState } from './view.ts'

/** 5. No mail, object or callback without a submitted (job, recipient). */
export function nothingUnasked(account: Account): Findings {
  const { hold, result } = findings()
  const rows = new Set(
    account.jobs.flatMap((job) => job.rows.map(({ key }) => recipientKey({ ...job, recipient: key }))),
  )
  const told = [
    ...account.of('mail.accepted'),
    ...account.of('mail.found'),
    ...account.of('mail.ambiguous'),
    ...account.of('certificate.stored'),
    ...account.of('recipient.outcome'),
  ]
  for (const { id, event } of told) {
    const who = () => `${event.type} of recipient ${event.recipient} of ${named(event)}, whom nobody submitted`
    hold(rows.has(recipientKey(event)), who, [id])
  }
  for (const { id, event } of account.of('callback.created')) {
    hold(
      account.jobOf.has(jobKey(event)),
      () => `callback ${event.callback} is about ${named(event)}, which nobody submitted`,
      [id],
    )
  }
  for (const callback of account.callbacks) {
    const strangers = callback.updates.filter(({ key }) => !rows.has(recipientKey({ ...callback, recipient: key })))
    const names = () => strangers.map(({ key }) => key).join(', ')
    hold(strangers.length === 0, () => `callback ${callback.id} tells of ${names()}, whom nobody submitted`)
  }
  if (account.settings.ownWorker) {
    const asked = new Set(account.jobs.flatMap((job) => job.rows.map(({ certificate }) => certificate)))
    for (const { key } of account.objects) {
      hold(asked.has(key), () => `the object ${key} is no certificate that anybody asked for`)
    }
    const known = messageIds(account)
    // A mail of a pass that is still under way is not written down yet.
    const open = account.jobs.some((job) =>
      job.rows.some(({ status }) => status === 'pending' || status === 'processing'),
    )
    for (const { messageId, ofJob } of account.mails ?? []) {
      if (!ofJob || (open && !known.has(messageId))) continue
      hold(known.has(messageId), () => `the mail <${messageId}> is of no recipient that anybody submitted`)
    }
  }
  return result()
}

/** Message-IDs of the worker's mails, with whom they are for. */
function messageIds(account: Account): Map<string, { tenant: number; job: string; recipient: string }> {
  const known = new Map<string, { tenant: number; job: string; recipient: string }>()
  const told = [...account.of('mail.accepted'), ...account.of('mail.found'), ...account.of('mail.ambiguous')]
  for (const { event } of told) known.set(event.messageId, event)
  for (const job of account.jobs) {
    for (const { key, messageId } of job.rows)
      if (messageId !== undefined) known.set(messageId, { ...job, recipient: key })
  }
  return known
}

/** Effects of a fault after which a mail may be out without anybody having been told. */
const ambiguous: readonly EffectName[] = ['answer-lost', 'hang', 'reset', 'crash', 'duplicate']

/** 6. At most one mail for each (job, recipient), and one more for each send of which nobody knows how it ended. */
export function oneMail(account: Account): Findings {
  const { hold, result } = findings()
  if (!account.settings.ownWorker) return result()
  const known = messageIds(account)
  const unknown = grouped(account.of('mail.ambiguous'), ({ event }) => recipientKey(event))
  const accepted = grouped(account.of('mail.accepted'), ({ event }) => recipientKey(event))
  const arrived = grouped(account.mails ?? [], ({ messageId }) => messageId)
  for (const [messageId, of] of known) {
    const who = recipientKey(of)
    const lines = accepted.get(who) ?? []
    const uncertain = unknown.get(who)?.length ?? 0
    const faults = account
      .struck(of, ambiguous, of.recipient)
      .filter(({ event }) => /^(worker|inbox|mail)\./.test(event.operation))
    const mails = arrived.get(messageId)?.length ?? 0
    const entries = [...lines, ...(unknown.get(who) ?? [])].map(({ id }) => id)
    const more = () => `${uncertain} ambiguous sends and ${faults.length} faults`
    hold(
      mails <= 1 + uncertain + faults.length,
      () => `${mails} mails arrived for recipient ${of.recipient} of ${named(of)}, with ${more()}`,
      entries,
    )
    hold(
      lines.length <= 1,
      () => `${lines.length} mails were accepted for recipient ${of.recipient} of ${named(of)}`,
      entries,
    )
  }
  return result()
}

/** 7. The certificate is there before the mail that links to it, and is the same over all retries. */
export function certificateFirst(account: Account): Findings {
  const { hold, result } = findings()
  const objects = new Map(account.objects.map((object) => [object.key, object]))
  const stored = grouped(account.of('certificate.stored'), ({ event }) => recipientKey(event))
  for (const lines of stored.values()) {
    const hashes = new Set(lines.map(({ event }) => event.sha256))
    const [first] = lines
    if (first === undefined) continue
    const entries = lines.map(({ id }) => id)
    const whose = `recipient ${first.event.recipient} of ${named(first.event)}`
    hold(hashes.size === 1, () => `the certificate of ${whose} was stored with ${hashes.size} contents`, entries)
    const object = objects.get(first.event.key)
    if (object === undefined) continue
    hold(
      hashes.has(object.sha256),
      () =>
        `the certificate of ${whose} is ${object.sha256.slice(0, 12)}…, it was stored as ${first.event.sha256.slice(0, 12)}…`,
      entries,
    )
  }
  if (!account.settings.ownWorker) return result()
  const arrived = new Map<string, MailState>()
  for (const mail of account.mails ?? []) if (!arrived.has(mail.messageId)) arrived.set(mail.messageId, mail)
  for (const job of account.jobs) {
    if (job.action === 'email') continue
    for (const { key, messageId, certificate, status } of job.rows) {
      const whose = `recipient ${key} of ${named(job)}`
      const mail = messageId === undefined ? undefined : arrived.get(messageId)
      const object = objects.get(certificate)
      if (status === 'sent')
        hold(object !== undefined, () => `${whose} is sent, and there is no certificate ${certificate}`)
      if (mail === undefined || object === undefined) continue
      hold(
        object.at <= mail.at,
        () => `the certificate of ${whose} was written ${object.at - mail.at} ms after the mail that links to it`,
      )
    }
  }
  return result()
}

/**
 * What a token bucket that holds one second's worth lets through: `times` are epoch milliseconds, ascending, and may be
 * late by `jitterMs`, so that some arrive together. It is full again at each of `starts`: a process that begins knows
 * nothing of what another one has sent.
 */
function overRate(
  times: readonly number[],
  perSecond: number,
  starts: readonly number[],
  jitterMs: number,
): { readonly at: number; readonly mails: number } | undefined {
  const size = Math.max(1, perSecond)
  let level = size
  let before = times[0] ?? 0
  let next = 0
  let worst: { readonly at: number; readonly mails: number } | undefined
  const pass = (at: number) => {
    if (at > before) level = Math.min(size, level + ((at - before) * perSecond) / 1000)
    before = Math.max(before, at)
  }
  for (const at of times) {
    for (let start = starts[next]; start !== undefined && start <= at; start = starts[++next]) {
      pass(start)
      // Mails of the same millisecond may be of either process.
      level += size
    }
    pass(at)
    level--
    // Times are whole milliseconds: a bucket may be ahead by what was refilled in one of them.
    const over = -level - (perSecond * (1 + jitterMs)) / 1000
    if (over > (worst?.mails ?? 1e-6)) worst = { at, mails: over }
  }
  return worst
}

const day = 86_400_000

/** 16. The send rate never exceeds what the provider allows. */
export function withinRate(account: Account): Findings {
  const { hold, result } = findings()
  const { workerRate, sesRate, sesDailyQuota, jitterMs, ownWorker, speed } = account.settings
  const own = ownWorker ? (account.mails ?? []).filter(({ ofJob }) => ofJob).map(({ at }) => at) : []
  if (workerRate !== Infinity && own.length > 0) {
    const over = overRate(
      own.toSorted((a, b) => a - b),
      workerRate * speed,
      account.of('emulator.started').map(({ at }) => at),
      jitterMs,
    )
    hold(
      over === undefined,
      () =>
        `at ${over?.at} the worker had sent ${Math.ceil(over?.mails ?? 0)} mails more than ${workerRate} a second allow`,
    )
  }
  const outside = account.of('mail.submitted').filter(({ event }) => event.provider === 'ses')
  if (outside.length > 0) {
    const times = outside.flatMap(({ at, event }) => event.addresses.map(() => at))
    // Accepted is written down when the mail is delivered, so that a slow delivery brings some together.
    const lines = grouped(outside, ({ at }) => String(Math.floor(at / 1000)))
    const most = Math.max(...[...lines.values()].map((of) => of.flatMap(({ event }) => event.addresses).length))
    const largest = Math.max(...outside.map(({ event }) => event.addresses.length))
    const limit = 2 * Math.max(1, sesRate * speed) + largest
    hold(most <= limit, () => `SES took ${most} recipients in one second, at a rate of ${sesRate}`)
    let from = 0
    let worst = 0
    times.forEach((at, index) => {
      while ((times[from] ?? at) <= at - day) from++
      worst = Math.max(worst, index - from + 1)
    })
    hold(worst <= sesDailyQuota, () => `SES took ${worst} recipients in 24 hours, with a quota of ${sesDailyQuota}`)
  }
  return result()
}

/** 17. After a hard bounce nothing more is delivered to the address. */
export function nothingAfterBounce(account: Account): Findings {
  const { hold, result } = findings()
  const addresses = new Map<string, string>()
  for (const job of account.jobs) {
    for (const { key, address } of job.rows) addresses.set(recipientKey({ ...job, recipient: key }), address)
  }
  const bounced = new Map<string, { at: number; id: number; text: string }>()
  const hard = (address: string | undefined, line: { at: number; id: number }, text: string) => {
    if (address !== undefined && !bounced.has(address)) bounced.set(address, { at: line.at, id: line.id, text })
  }
  for (const line of account.of('mail.feedback')) {
    const { kind, detail } = line.event
    if (kind === 'bounce' && /^Permanent\/.* 5\.1\./.test(detail)) {
      hard(addresses.get(recipientKey(line.event)), line, `recipient ${line.event.recipient} of ${named(line.event)}`)
    }
  }
  for (const line of account.of('mail.reported')) {
    const { kind, detail, provider, messageId } = line.event
    if (provider !== 'ses' || kind !== 'bounce' || !/^Permanent\/.* 5\.1\./.test(detail)) continue
    for (const address of line.event.addresses) hard(address, line, `the mail ${messageId}`)
  }
  const mailsTo = new Map<string, MailState[]>()
  for (const mail of account.mails ?? []) {
    for (const address of mail.addresses) mailsTo.set(address, [...(mailsTo.get(address) ?? []), mail])
  }
  for (const [address, { at, id, text }] of bounced) {
    const later = (mailsTo.get(address) ?? []).filter((mail) => mail.at > at)
    hold(later.length === 0, () => `${text} bounced for good, and ${later.length} mails went to the address after it`, [
      id,
    ])
  }
  return result()
}
