import { MailpitClient } from 'mailpit-api'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { inboxKinds, mailer, type RunningInbox } from './inboxes.ts'

const pdf = Buffer.from('%PDF-1.4 not really')

describe.each(inboxKinds())('the Mailpit API of the $name inbox', ({ missing, start }) => {
  if (missing !== undefined) {
    test('all of it', ({ skip }) => skip(missing))
    return
  }
  let running: RunningInbox
  let client: MailpitClient
  let smtp: ReturnType<typeof mailer>

  beforeAll(async () => {
    running = await start()
    client = new MailpitClient(running.url)
    smtp = mailer(running)
  })
  afterAll(async () => {
    smtp?.close()
    await running?.stop()
  })
  beforeEach(async () => {
    await client.deleteMessages()
    await client.setChaosTriggers({})
  })

  const from = 'ManiReports <noreply@manireports.test>'
  const licence = {
    from,
    to: 'Zoë Ångström <zoe@example.com>',
    cc: '"Quoted, Name" <cc@example.com>',
    replyTo: 'help@example.com',
    subject: 'Your licence: Grüße ✓',
    messageId: '<licence-1@manireports.test>',
    text: 'Your code is LIC-001.',
    html: '<p>Your <b>code</b> is LIC-001. <a href="https://moodle.test/login">Log in</a></p><img src="cid:logo">',
    headers: { 'X-Tags': 'job-42, urgent', 'List-Unsubscribe': '<mailto:out@example.com>' },
    attachments: [
      { filename: 'certificate.pdf', content: pdf, contentType: 'application/pdf' },
      { filename: 'logo.png', content: Buffer.from('png'), contentType: 'image/png', cid: 'logo' },
    ],
  }

  test('queues a message under the id that the API knows it by', async () => {
    const { response } = await smtp.sendMail(licence)
    expect(response).toMatch(/^250 2\.0\.0 Ok: queued as [a-zA-Z0-9]+$/)
    const id = response.split(' ').at(-1)
    expect((await client.listMessages()).messages.map(({ ID }) => ID)).toEqual([id])
  })

  test('shows a message in the list, in whole, by header, as source and rendered', async () => {
    await smtp.sendMail(licence)
    const {
      messages: [item],
      ...counts
    } = await client.listMessages()
    expect(counts).toEqual({
      total: 1,
      unread: 1,
      count: 1,
      messages_count: 1,
      messages_unread: 1,
      start: 0,
      tags: ['job-42', 'urgent'],
    })
    expect(item).toMatchObject({
      MessageID: 'licence-1@manireports.test',
      Read: false,
      From: { Name: 'ManiReports', Address: 'noreply@manireports.test' },
      To: [{ Name: 'Zoë Ångström', Address: 'zoe@example.com' }],
      Cc: [{ Name: 'Quoted, Name', Address: 'cc@example.com' }],
      ReplyTo: [{ Name: '', Address: 'help@example.com' }],
      Subject: 'Your licence: Grüße ✓',
      Username: '',
      Tags: ['job-42', 'urgent'],
      Attachments: 1,
      Snippet: 'Your code is LIC-001. Log in',
    })
    // Mailpit's list says null where its client promises an empty array.
    expect(item?.Bcc ?? []).toEqual([])

    const message = await client.getMessageSummary()
    expect(message).toMatchObject({
      ID: item?.ID,
      MessageID: 'licence-1@manireports.test',
      ReturnPath: 'noreply@manireports.test',
      Subject: 'Your licence: Grüße ✓',
      HTML: licence.html,
      Size: item?.Size,
      Tags: ['job-42', 'urgent'],
      ListUnsubscribe: {
        Header: '<mailto:out@example.com>',
        Links: ['mailto:out@example.com'],
        Errors: '',
        HeaderPost: '',
      },
    })
    expect(message.Text.trim()).toBe(licence.text)
    expect(message.Attachments).toMatchObject([
      { FileName: 'certificate.pdf', ContentType: 'application/pdf', Size: pdf.length },
    ])
    expect(message.Inline).toMatchObject([{ FileName: 'logo.png', ContentType: 'image/png', ContentID: 'logo' }])
    const attachment = await client.getMessageAttachment(message.ID, message.Attachments[0]?.PartID ?? '')
    expect(attachment.type).toBe('application/pdf')
    expect(Buffer.from(await attachment.arrayBuffer())).toEqual(pdf)

    const headers = await client.getMessageHeaders()
    expect(headers['Message-Id']).toEqual(['<licence-1@manireports.test>'])
    expect(headers['X-Tags']).toEqual(['job-42, urgent'])
    const source = await client.getMessageSource()
    expect(source).toContain('Message-ID: <licence-1@manireports.test>')
    expect(source.startsWith('Return-Path: <noreply@manireports.test>\r\n')).toBe(true)

    const html = await client.renderMessageHTML()
    expect(html).toContain(`/api/v1/message/${message.ID}/part/${message.Inline[0]?.PartID}"`)
    expect((await client.renderMessageText()).trim()).toBe(licence.text)
    expect((await client.listMessages()).unread, 'looking at it marks it read').toBe(0)
  })

  test('pages, newest first; a limit of 0 gives all', async () => {
    for (let number = 1; number <= 7; number++)
      await smtp.sendMail({ from, to: 'a@example.com', subject: `Mail ${number}` })
    const subjects = async (start?: number, limit?: number) =>
      (await client.listMessages(start, limit)).messages.map(({ Subject }) => Subject)
    expect(await subjects(0, 3)).toEqual(['Mail 7', 'Mail 6', 'Mail 5'])
    expect(await subjects(5, 3)).toEqual(['Mail 2', 'Mail 1'])
    expect(await subjects(0, 0)).toHaveLength(7)
    expect(await client.listMessages(5, 3)).toMatchObject({ total: 7, count: 2, start: 5, messages_count: 7 })
  })

  test('searches', async () => {
    const mails = [
      {
        to: 'Ann <ann@example.com>',
        cc: 'carl@example.com',
        subject: 'Reminder: PHP',
        text: 'You have 45 percent',
        headers: { 'X-Tags': 'job-1' },
      },
      {
        to: 'ben@example.com',
        subject: 'Your licence',
        html: '<p>The&nbsp;<i>secret</i> word</p>',
        headers: { 'X-Tags': 'job-10' },
        messageId: '<x1@t.test>',
      },
      {
        to: 'cleo@example.com',
        subject: '100% done',
        text: 'a'.repeat(3000),
        headers: { 'X-Tags': 'job-1' },
        attachments: [{ filename: 'cert.pdf', content: 'x' }],
      },
    ]
    for (const mail of mails) await smtp.sendMail({ from, ...mail })
    const newest = (await client.listMessages(0, 1)).messages[0]
    await client.setReadStatus({ IDs: [newest?.ID ?? ''], Read: true })

    const found = async (query: string) => {
      const { messages, messages_count: count } = await client.searchMessages({ query })
      expect(count).toBe(messages.length)
      return messages.map(({ To }) => To[0]?.Address.split('@')[0]).toReversed()
    }
    expect(await found('to:ann@')).toEqual(['ann'])
    expect(await found('-to:ann@')).toEqual(['ben', 'cleo'])
    expect(await found('!to:ann@')).toEqual(['ben', 'cleo'])
    expect(await found('from:noreply@manireports.test')).toEqual(['ann', 'ben', 'cleo'])
    expect(await found('cc:carl')).toEqual(['ann'])
    expect(await found('addressed:CARL')).toEqual(['ann'])
    expect(await found('subject:"your licence"')).toEqual(['ben'])
    expect(await found('"subject:your licence"')).toEqual(['ben'])
    expect(await found('subject:100%')).toEqual(['cleo'])
    expect(await found('message-id:x1@t.test')).toEqual(['ben'])
    expect(await found('message-id:"x1@t.test"')).toEqual(['ben'])
    expect(await found('tag:job-1')).toEqual(['ann', 'cleo'])
    expect(await found('tag:"job-1" -has:attachment')).toEqual(['ann'])
    expect(await found('has:attachment')).toEqual(['cleo'])
    expect(await found('is:read')).toEqual(['cleo'])
    expect(await found('is:unread')).toEqual(['ann', 'ben'])
    expect(await found('-is:unread')).toEqual(['cleo'])
    expect(await found('larger:2kb')).toEqual(['cleo'])
    expect(await found('smaller:2kb subject:licence')).toEqual(['ben'])
    expect(await found('after:2020-01-01')).toEqual(['ann', 'ben', 'cleo'])
    expect(await found('before:2020-01-01')).toEqual([])
    expect(await found('after:nonsense subject:done')).toEqual(['cleo'])
    expect(await found('SECRET WORD')).toEqual(['ben'])
    expect(await found('"secret word"')).toEqual(['ben'])
    expect(await found('percent -licence')).toEqual(['ann'])
    expect(await found('cert.pdf')).toEqual(['cleo'])
    await expect(client.searchMessages({ query: ' ' })).rejects.toThrow('400')

    expect((await client.getMessageHeaders('latest'))['Subject']).toEqual(['100% done'])
    await client.deleteMessagesBySearch({ query: 'tag:job-1' })
    expect((await client.listMessages()).messages.map(({ Subject }) => Subject)).toEqual(['Your licence'])
  })

  test('marks, tags and deletes', async () => {
    await smtp.sendMail({ from, to: 'a@example.com', subject: 'One' })
    await smtp.sendMail({ from, to: 'b@example.com', subject: 'Two' })
    const [two, one] = (await client.listMessages()).messages.map(({ ID }) => ID)
    expect(await client.setReadStatus({ Read: true, IDs: [one ?? ''] })).toBe('ok')
    expect((await client.listMessages()).unread).toBe(1)
    expect(await client.setReadStatus({ Read: true, Search: 'subject:two' })).toBe('ok')
    expect((await client.listMessages()).unread).toBe(0)
    expect(await client.setReadStatus({ Read: false })).toBe('ok')
    expect((await client.listMessages()).unread).toBe(2)
    await expect(client.setReadStatus({ IDs: [one ?? ''], Search: 'x' })).rejects.toThrow('not both')

    expect(await client.setTags({ IDs: [one ?? '', two ?? ''], Tags: ['beta', 'Alpha', 'beta'] })).toBe('ok')
    expect(await client.getTags()).toEqual(['Alpha', 'beta'])
    expect(await client.renameTag('beta', 'gamma')).toBe('ok')
    await expect(client.renameTag('beta', 'delta')).rejects.toThrow('tag not found: beta')
    await expect(client.renameTag('gamma', 'Alpha')).rejects.toThrow('tag already exists: Alpha')
    expect((await client.getMessageSummary(one)).Tags).toEqual(['Alpha', 'gamma'])
    expect(await client.deleteTag('gamma')).toBe('ok')
    expect((await client.getInfo()).Tags).toEqual({ Alpha: 2 })
    expect(await client.setTags({ IDs: [two ?? ''], Tags: [] })).toBe('ok')
    expect((await client.getMessageSummary(two)).Tags).toEqual([])

    expect(await client.deleteMessages({ IDs: [one ?? ''] })).toBe('ok')
    expect((await client.listMessages()).messages.map(({ Subject }) => Subject)).toEqual(['Two'])
    expect(await client.deleteMessages()).toBe('ok')
    expect((await client.listMessages()).total).toBe(0)
  })

  test('takes a message over the API', async () => {
    const { ID } = await client.sendMessage({
      From: { Email: 'sender@example.com', Name: 'Sender' },
      To: [{ Email: 'to@example.com', Name: 'Tö' }],
      Cc: [{ Email: 'cc@example.com' }],
      Bcc: ['hidden@example.com'],
      ReplyTo: [{ Email: 'reply@example.com' }],
      Subject: 'Über API',
      Text: 'plain',
      HTML: '<p>rich</p>',
      Tags: ['api'],
      Headers: { 'X-Custom': 'value' },
      Attachments: [
        { Content: Buffer.from('hello').toString('base64'), Filename: 'hello.txt', ContentType: 'text/plain' },
      ],
    })
    const message = await client.getMessageSummary(ID)
    expect(message).toMatchObject({
      From: { Name: 'Sender', Address: 'sender@example.com' },
      To: [{ Name: 'Tö', Address: 'to@example.com' }],
      Cc: [{ Name: '', Address: 'cc@example.com' }],
      Bcc: [{ Name: '', Address: 'hidden@example.com' }],
      ReplyTo: [{ Name: '', Address: 'reply@example.com' }],
      Subject: 'Über API',
      Tags: ['api'],
      Attachments: [{ FileName: 'hello.txt', Size: 5 }],
    })
    expect([message.Text.trim(), message.HTML.trim()]).toEqual(['plain', '<p>rich</p>'])
    expect((await client.getMessageHeaders(ID))['X-Custom']).toEqual(['value'])

    const refused = async (change: object) => {
      const body = { From: { Email: 'a@example.com' }, To: [{ Email: 'b@example.com' }], ...change }
      const response = await fetch(`${running.url}/api/v1/send`, { method: 'POST', body: JSON.stringify(body) })
      return [response.status, await response.json()]
    }
    expect(await refused({ To: [{ Email: 'nobody' }] })).toEqual([400, { Error: 'invalid To address: nobody' }])
    expect(await refused({ Headers: { Subject: 'x' } })).toEqual([400, { Error: 'cannot overwrite header: "Subject"' }])
    expect(await refused({ To: [] })).toEqual([400, { Error: expect.any(String) }])
  })

  test('fails on purpose when it is told to', async () => {
    expect(await client.getChaosTriggers()).toEqual({
      Sender: { ErrorCode: 451, Probability: 0 },
      Recipient: { ErrorCode: 451, Probability: 0 },
      Authentication: { ErrorCode: 535, Probability: 0 },
    })
    expect((await client.setChaosTriggers({ Recipient: { ErrorCode: 552, Probability: 100 } })).Recipient).toEqual({
      ErrorCode: 552,
      Probability: 100,
    })
    await expect(smtp.sendMail({ from, to: 'a@example.com', subject: 'x' })).rejects.toMatchObject({
      responseCode: 552,
    })
    expect((await client.setChaosTriggers({})).Recipient.Probability).toBe(0)
    await smtp.sendMail({ from, to: 'a@example.com', subject: 'x' })
    await expect(client.setChaosTriggers({ Sender: { ErrorCode: 200, Probability: 1 } })).rejects.toThrow('400')
    await expect(client.setChaosTriggers({ Sender: { ErrorCode: 400, Probability: 101 } })).rejects.toThrow('400')
  })

  test('adds envelope-only recipients as Bcc, and tags from plus addresses', async () => {
    await smtp.sendMail({
      envelope: { from: 'bounces@example.com', to: ['ann+vip@example.com', 'hidden@example.com'] },
      raw: 'From: a@example.com\r\nTo: ann+vip@example.com\r\nSubject: raw\r\n\r\nbody\r\n',
    })
    const message = await client.getMessageSummary()
    expect(message.Bcc).toEqual([{ Name: '', Address: 'hidden@example.com' }])
    expect(message.Tags).toEqual(['vip'])
    expect(message.ReturnPath).toBe('bounces@example.com')
    expect(message.MessageID).toMatch(/^\S+@\S+$/)
    expect(message.Text.trim()).toBe('body')
  })

  test('answers 404 for what is not there', async () => {
    for (const path of [
      'api/v1/message/nope',
      'api/v1/message/nope/raw',
      'api/v1/message/nope/headers',
      'api/v1/nothing',
    ]) {
      const response = await fetch(`${running.url}/${path}`)
      expect(response.status, path).toBe(404)
      if (path.includes('nope')) expect(await response.text()).toBe('404 page not found')
    }
    for (const path of ['livez', 'readyz']) expect((await fetch(`${running.url}/${path}`)).status).toBe(200)
  })

  test('refuses a page of another site', async () => {
    const response = await fetch(`${running.url}/api/v1/messages`, { headers: { origin: 'https://evil.example' } })
    expect(response.status).toBe(403)
  })

  test('takes at most 100 recipients', async () => {
    const to = Array.from({ length: 101 }, (_, index) => `u${index}@example.com`)
    const { rejected, accepted } = await smtp.sendMail({ from, to, subject: 'many' })
    expect([accepted.length, rejected.length]).toEqual([100, 1])
  })

  test('accepts any login, and remembers whose', async () => {
    const { default: nodemailer } = await import('nodemailer')
    const auth = { user: 'moodle', pass: 'anything' }
    const known = nodemailer.createTransport({
      host: running.smtp.host,
      port: running.smtp.port,
      ignoreTLS: true,
      auth,
    })
    await known.sendMail({ from, to: 'a@example.com', subject: 'x' })
    expect((await client.listMessages()).messages[0]?.Username).toBe('moodle')
  })
})
