import type { ChaosTrigger, ChaosTriggers } from '../../cloud/inbox/chaos.ts'
import type { Attachment } from '../../cloud/inbox/content.ts'
import type { Address, Headers } from '../../cloud/inbox/headers.ts'
import type { Inbox, InboxEntry, InboxMessage, InboxPage } from '../../cloud/inbox/inbox.ts'

/** The JSON shapes of Mailpit's API v1; its field names begin with capitals. */

const time = (at: number) => new Date(at).toISOString()
const addressOf = ({ name, address }: Address) => ({ Name: name, Address: address })

function listItem(entry: InboxEntry) {
  return {
    ID: entry.id,
    MessageID: entry.messageId,
    Read: entry.read,
    From: addressOf(entry.from),
    To: entry.to.map(addressOf),
    Cc: entry.cc.map(addressOf),
    Bcc: entry.bcc.map(addressOf),
    ReplyTo: entry.replyTo.map(addressOf),
    Subject: entry.subject,
    Created: time(entry.created),
    Username: entry.username,
    Tags: entry.tags,
    Size: entry.size,
    Attachments: entry.attachments,
    Snippet: entry.snippet,
  }
}

export function messageList(inbox: Inbox, page: InboxPage, start: number) {
  const { total, unread } = inbox.count()
  return {
    total,
    unread,
    count: page.entries.length,
    messages_count: page.matching,
    messages_unread: page.matchingUnread,
    start,
    tags: inbox.tags().map(({ tag }) => tag),
    messages: page.entries.map(listItem),
  }
}

const attachmentOf = ({ partId, fileName, contentType, contentId, content, checksums }: Attachment) => ({
  PartID: partId,
  FileName: fileName,
  ContentType: contentType,
  ContentID: contentId,
  Size: content.length,
  Checksums: { MD5: checksums.md5, SHA1: checksums.sha1, SHA256: checksums.sha256 },
})

function listUnsubscribe(headers: Headers) {
  const header = headers.get('list-unsubscribe')?.[0] ?? ''
  const links = [...header.matchAll(/<([^<>]*)>/g)].map(([, link = '']) => link)
  const usable = links.filter((link) => /^(?:mailto:|https?:\/\/)[a-z0-9]\S*$/i.test(link))
  const refused = links.filter((link) => !usable.includes(link))
  const errors =
    header !== '' && links.length === 0
      ? [`"${header}" no valid unsubscribe links found`]
      : refused.map((link) => `"${link}" should start with either http(s):// or mailto:`)
  return {
    Header: header,
    Links: usable,
    Errors: errors.join(', '),
    HeaderPost: headers.get('list-unsubscribe-post')?.[0] ?? '',
  }
}

export function messageSummary(message: InboxMessage) {
  return {
    ID: message.id,
    MessageID: message.messageId,
    From: addressOf(message.from),
    To: message.to.map(addressOf),
    Cc: message.cc.map(addressOf),
    Bcc: message.bcc.map(addressOf),
    ReplyTo: message.replyTo.map(addressOf),
    ReturnPath: (message.headers.get('return-path')?.[0] ?? '').replace(/^<|>$/g, ''),
    Subject: message.subject,
    ListUnsubscribe: listUnsubscribe(message.headers),
    Date: time(message.date),
    Tags: message.tags,
    Username: message.username,
    Text: message.text,
    HTML: message.html,
    Size: message.size,
    Inline: message.inline.map(attachmentOf),
    Attachments: message.attachments.map(attachmentOf),
  }
}

/** Go's canonical form, which Mailpit answers with: `Message-Id`, `Mime-Version`, `X-Tags`; in alphabetical order. */
export function headerFields(headers: Headers): Record<string, readonly string[]> {
  const canonical = (name: string) => name.replace(/(^|-)([a-z])/g, (letter) => letter.toUpperCase())
  return Object.fromEntries(
    [...headers].map(([name, values]) => [canonical(name), values] as const).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
}

export function information(inbox: Inbox, version: string, now: number, memory: number) {
  const { total, unread } = inbox.count()
  const { traffic } = inbox
  return {
    Version: version,
    LatestVersion: 'disabled',
    Database: 'state.db',
    DatabaseSize: inbox.bytes(),
    Messages: total,
    Unread: unread,
    Tags: Object.fromEntries(inbox.tags().map(({ tag, messages }) => [tag, messages])),
    RuntimeStats: {
      Uptime: Math.floor((now - traffic.since) / 1000),
      Memory: memory,
      MessagesDeleted: traffic.deleted,
      SMTPAccepted: traffic.accepted,
      SMTPAcceptedSize: traffic.acceptedBytes,
      SMTPRejected: traffic.refused,
      SMTPIgnored: 0,
    },
  }
}

/** Nothing is ever relayed, and there is no SpamAssassin. */
export const pageConfiguration = {
  Label: 'Offload',
  MessageRelay: {
    Enabled: false,
    SMTPServer: '',
    ReturnPath: '',
    AllowedRecipients: '',
    BlockedRecipients: '',
    OverrideFrom: '',
    PreserveMessageIDs: false,
    RecipientAllowlist: '',
  },
  SpamAssassin: false,
  ChaosEnabled: true,
  DuplicatesIgnored: false,
  HideDeleteAllButton: false,
}

export function chaosOf({ sender, recipient, authentication }: ChaosTriggers) {
  const trigger = ({ errorCode, probability }: ChaosTrigger) => ({ ErrorCode: errorCode, Probability: probability })
  return { Sender: trigger(sender), Recipient: trigger(recipient), Authentication: trigger(authentication) }
}
