import { setImmediate as nextTurn } from 'node:timers/promises'
import { domainToASCII } from 'node:url'
import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Store } from '../../kernel/store.ts'
import type { Faults } from '../../kernel/faults/faults.ts'
import { createChaos, type Chaos } from './chaos.ts'
import { type Digest, digestOf, type MessageContent, readContent } from './content.ts'
import { faultyAccept } from './faulty-accept.ts'
import { addressHeader, decodedHeader, type Headers, identifierHeader, scanHeaders } from './headers.ts'
import { createMailbox, messageIdOf, type MessageRow, type StoredMessage } from './mailbox.ts'
import { type Condition, parseSearch } from './search.ts'
import { listenSmtp, type Received, type SmtpListener } from './smtp.ts'
import { cleanTags, plusTags } from './tags.ts'

/** A message in a list. Times are epoch milliseconds. */
export interface InboxEntry extends StoredMessage {
  readonly read: boolean
  readonly attachments: number
  readonly snippet: string
}

export interface InboxPage {
  /** Newest first. */
  readonly entries: readonly InboxEntry[]
  /** Of the messages that the query fits. */
  readonly matching: number
  readonly matchingUnread: number
}

export interface InboxQuery {
  /** Mailpit's search language; all messages without one. */
  readonly query?: string | undefined
  /** IANA zone for `after:` and `before:`. */
  readonly zone?: string | undefined
  readonly start?: number
  /** Undefined for all. */
  readonly limit?: number | undefined
}

export interface InboxMessage extends StoredMessage, MessageContent {
  readonly read: boolean
  readonly headers: Headers
  /** The Date field, else when it was received; epoch milliseconds. */
  readonly date: number
}

/** Runtime figures since the start of the process. */
export interface InboxTraffic {
  readonly accepted: number
  readonly acceptedBytes: number
  readonly refused: number
  readonly deleted: number
  /** Epoch milliseconds. */
  readonly since: number
}

/**
 * Keeps every message that is sent to it, in the state file, and parses one when somebody looks. A message is durable
 * before its sender hears 250.
 */
export interface Inbox {
  readonly chaos: Chaos
  readonly traffic: InboxTraffic
  /** Opens an SMTP port; 0 takes a free one. */
  listen(address: {
    readonly host: string
    readonly port: number
  }): Promise<{ readonly host: string; readonly port: number }>
  /** Takes a message without SMTP; resolves with its id when it is durable. */
  receive(received: Received): Promise<string>
  /** By Message-ID, without angle brackets. */
  find(messageId: string): 'sent' | 'absent'
  count(): { total: number; unread: number }
  /** Of all raw messages together. */
  bytes(): number
  list(query?: InboxQuery): Promise<InboxPage>
  /** Every message as it arrived, oldest first; none of them is parsed. */
  arrivals(): StoredMessage[]
  /** The newest message that fits, by id. */
  latest(query?: InboxQuery): Promise<string | undefined>
  /** A whole message, parsed; undefined for an unknown id. */
  message(id: string): Promise<InboxMessage | undefined>
  raw(id: string): Buffer | undefined
  /** Marks these messages, those that fit a query, or (with neither) all. */
  setRead(which: { readonly ids?: readonly string[]; readonly query?: InboxQuery }, read: boolean): Promise<void>
  /** Deletes these messages, those that fit a query, or (with neither) all; returns how many. */
  remove(which?: { readonly ids?: readonly string[]; readonly query?: InboxQuery }): Promise<number>
  /** Deletes the messages with these Message-IDs; returns how many. Joins the caller's transaction. */
  deleteSent(messageIds: readonly string[]): number
  /** Deletes everything. Joins the caller's transaction. */
  reset(): number
  tags(): { tag: string; messages: number }[]
  setTags(ids: readonly string[], tags: readonly string[]): void
  renameTag(from: string, to: string): void
  dropTag(tag: string): void
  close(): Promise<void>
}

const digestedAtOnce = 100

interface Arrival {
  readonly seq: number
  readonly message: StoredMessage
  readonly raw: Buffer
}

/** smtp-server decodes the domains of the envelope (`xn--…`), and header fields have them either way. */
function comparable(address: string): string {
  const at = address.lastIndexOf('@')
  const domain = address.slice(at + 1)
  return `${address.slice(0, at)}@${/^[\u0000-\u007f]*$/.test(domain) ? domain : domainToASCII(domain)}`.toLowerCase()
}

export interface InboxOptions {
  readonly store: Store
  readonly clock: Clock
  readonly ids: Ids
  /** What is to go wrong with messages that come in. */
  readonly faults?: Faults
  /** Called for each message once it is durable, with the envelope's recipients. */
  readonly onReceived?: (message: StoredMessage, recipients: readonly string[]) => void
}

export function createInbox({ store, clock, ids, faults, onReceived }: InboxOptions): Inbox {
  const mailbox = createMailbox(store)
  const chaos = createChaos({ ids })
  const listeners: SmtpListener[] = []
  const traffic = { accepted: 0, acceptedBytes: 0, refused: 0, deleted: 0, since: clock.now() }

  // What came in together is one part of the transaction, instead of a part for each message.
  let arriving: Arrival[] | undefined
  let kept = Promise.resolve()
  const keep = (arrival: Arrival): Promise<void> => {
    if (arriving !== undefined) {
      arriving.push(arrival)
      return kept
    }
    const group = [arrival]
    arriving = group
    const closeGroup = () => {
      if (arriving === group) arriving = undefined
    }
    kept = store.write(() => {
      closeGroup()
      for (const { seq, message, raw } of group) mailbox.insert(seq, message, raw)
    })
    kept.catch(closeGroup)
    return kept
  }

  const accept = async ({ from, to, username, raw }: Received): Promise<string> => {
    const seq = mailbox.nextSeq()
    const id = messageIdOf(ids, seq)
    const headers = scanHeaders(raw)
    const written = {
      to: addressHeader(headers, 'to'),
      cc: addressHeader(headers, 'cc'),
      bcc: addressHeader(headers, 'bcc'),
    }
    const named = new Set([...written.to, ...written.cc, ...written.bcc].map(({ address }) => comparable(address)))
    const hidden = to.filter((address) => !named.has(comparable(address)))
    const sender = addressHeader(headers, 'from')[0] ?? { name: '', address: '' }
    const messageId = identifierHeader(headers, 'message-id')

    // As any final delivery does, and Mailpit too: what only the envelope or nobody knew goes on top of the message.
    let top = ''
    if (hidden.length > 0) top += `Bcc: ${hidden.join(', ')}\r\n`
    if (messageId === '') top += `Message-ID: <${id}@inbox.offload>\r\n`
    if (identifierHeader(headers, 'return-path') !== from) top += `Return-Path: <${from}>\r\n`
    const whole = top === '' ? raw : Buffer.concat([Buffer.from(top), raw])

    const addresses = [...written.to, ...written.cc, ...written.bcc, sender].map(({ address }) => address)
    const message: StoredMessage = {
      id,
      messageId: messageId === '' ? `${id}@inbox.offload` : messageId,
      created: clock.now(),
      from: sender,
      to: written.to,
      cc: written.cc,
      bcc: [...written.bcc, ...hidden.map((address) => ({ name: '', address }))],
      replyTo: addressHeader(headers, 'reply-to'),
      subject: decodedHeader(headers, 'subject'),
      username,
      size: whole.length,
      tags: cleanTags([
        ...(headers.get('x-tags') ?? []).flatMap((value) => value.split(',')),
        ...addresses.flatMap(plusTags),
      ]),
    }
    await keep({ seq, message, raw: whole })
    onReceived?.(message, to)
    traffic.accepted++
    traffic.acceptedBytes += whole.length
    return id
  }

  const digest = async (seq: number): Promise<Digest & { seq: number }> => {
    const raw = mailbox.raw(seq) ?? Buffer.alloc(0)
    const headers = scanHeaders(raw)
    const fields = ['from', 'subject', 'to', 'cc', 'bcc', 'reply-to', 'return-path']
    return { seq, ...(await digestOf(raw, fields.map((name) => decodedHeader(headers, name)).join(' '))) }
  }

  /** Parses what has not been looked at yet, a few at a time, so that mail keeps coming in meanwhile. */
  const digestAll = async (missing: readonly number[]) => {
    for (let done = 0; done < missing.length; done += digestedAtOnce) {
      mailbox.keepDigests(await Promise.all(missing.slice(done, done + digestedAtOnce).map(digest)))
      await nextTurn()
    }
  }

  /** A query as conditions; parses the messages that only their content can decide. */
  const conditionsOf = async ({ query = '', zone }: InboxQuery): Promise<Condition[]> => {
    const conditions = parseSearch(query, zone)
    if (conditions.some((condition) => condition.digest)) {
      await digestAll(mailbox.undigested(conditions.filter((condition) => !condition.digest)))
    }
    return conditions
  }

  const entryOf = ({ digest: known, ...row }: MessageRow): InboxEntry => ({
    ...row,
    attachments: known?.attachments ?? 0,
    snippet: known?.snippet ?? '',
  })

  const way = faultyAccept(accept, { faults, clock })

  const inbox: Inbox = {
    chaos,
    traffic,
    async listen({ host, port }) {
      const listener = await listenSmtp({
        host,
        port,
        chaos,
        accept: way.accept,
        onRefused: () => void traffic.refused++,
      })
      listeners.push(listener)
      return { host: listener.host, port: listener.port }
    },
    receive: way.accept,
    find: (messageId) => (mailbox.holds(messageId) ? 'sent' : 'absent'),
    count: () => mailbox.count([]),
    bytes: () => mailbox.bytes(),
    arrivals: () => mailbox.page([], 0, undefined).toReversed(),
    async list(query = {}) {
      const conditions = await conditionsOf(query)
      const page = () => mailbox.page(conditions, query.start ?? 0, query.limit)
      const found = page()
      const missing = found.filter((row) => row.digest === undefined).map(({ seq }) => seq)
      await digestAll(missing)
      const { total, unread } = mailbox.count(conditions)
      const rows = missing.length === 0 ? found : page()
      return { entries: rows.map(entryOf), matching: total, matchingUnread: unread }
    },
    async latest(query = {}) {
      return mailbox.page(await conditionsOf(query), 0, 1)[0]?.id
    },
    async message(id) {
      const row = mailbox.byId(id)
      const raw = row && mailbox.raw(row.seq)
      if (row === undefined || raw === undefined) return undefined
      const headers = scanHeaders(raw)
      const date = Date.parse(headers.get('date')?.[0] ?? '')
      const { digest: _digest, ...stored } = row
      return { ...stored, ...(await readContent(raw)), headers, date: Number.isNaN(date) ? row.created : date }
    },
    raw(id) {
      const row = mailbox.byId(id)
      return row && mailbox.raw(row.seq)
    },
    async setRead({ ids: chosen, query }, read) {
      mailbox.setRead(query === undefined ? chosen : mailbox.idsWhere(await conditionsOf(query)), read)
    },
    async remove({ ids: chosen, query } = {}) {
      const removed = mailbox.remove(query === undefined ? chosen : mailbox.idsWhere(await conditionsOf(query)))
      traffic.deleted += removed
      return removed
    },
    deleteSent: mailbox.removeSent,
    reset: () => mailbox.remove(undefined),
    tags: () => mailbox.tags(),
    setTags: (chosen, tags) => mailbox.setTags(chosen, tags),
    renameTag: (from, to) => mailbox.renameTag(from, to),
    dropTag: (tag) => mailbox.dropTag(tag),
    async close() {
      way.endWaits()
      await Promise.all(listeners.splice(0).map((listener) => listener.close()))
    },
  }
  return inbox
}
