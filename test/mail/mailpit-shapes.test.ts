import { MailpitClient } from 'mailpit-api'
import { expect, test } from 'vitest'
import { inboxKinds, mailer, startEmbedded } from './inboxes.ts'

/** What a value is made of: keys and kinds, not contents. Of a list, its first element. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shape)
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shape(inner)]))
}

test('the embedded inbox answers in the shapes of real Mailpit', async ({ skip }) => {
  const mailpitKind = inboxKinds()[1]
  if (mailpitKind === undefined || mailpitKind.missing !== undefined) return skip(mailpitKind?.missing)
  const shapesOf = async (
    running: Awaited<ReturnType<typeof startEmbedded>> | Awaited<ReturnType<typeof mailpitKind.start>>,
  ) => {
    try {
      const smtp = mailer(running)
      await smtp.sendMail({
        from: 'A <a@example.com>',
        to: 'B <b@example.com>',
        cc: 'c@example.com',
        bcc: 'd@example.com',
        replyTo: 'e@example.com',
        subject: 'Shape',
        text: 'text',
        html: '<p>html <img src="cid:i"></p>',
        headers: { 'X-Tags': 'one' },
        attachments: [
          { filename: 'a.pdf', content: 'x', contentType: 'application/pdf' },
          { filename: 'i.png', content: 'x', contentType: 'image/png', cid: 'i' },
        ],
      })
      smtp.close()
      const client = new MailpitClient(running.url)
      const list = await client.listMessages()
      const search = await client.searchMessages({ query: 'subject:shape' })
      const { Tags: _tags, ...info } = await client.getInfo()
      const message = await client.getMessageSummary()
      return {
        list: shape(list),
        search: shape(search),
        info: shape(info),
        message: shape(message),
        webui: shape(await client.getConfiguration()),
        chaos: shape(await client.getChaosTriggers()),
        // Mailpit adds a Received field with the sender's address, the embedded inbox none.
        headers: Object.keys(await client.getMessageHeaders()).filter((name) => name !== 'Received'),
        parts: [...message.Attachments, ...message.Inline].map(({ PartID: _id, ...part }) => part),
        source: (await client.getMessageSource()).split('\r\n').slice(0, 2),
      }
    } finally {
      await running.stop()
    }
  }
  const embedded = await shapesOf(await startEmbedded())
  expect(embedded).toEqual(await shapesOf(await mailpitKind.start()))
})
