import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EmbeddedInbox, startEmbedded } from './inboxes.ts'

let running: EmbeddedInbox
beforeAll(async () => {
  running = await startEmbedded()
})
afterAll(() => running.stop())

const page = async (path: string) => {
  const response = await fetch(`${running.url}${path}`)
  return {
    status: response.status,
    policy: response.headers.get('content-security-policy') ?? '',
    html: await response.text(),
  }
}

const attack = '<script>alert(1)</script>'

async function receive(number: number, body = '<p>Hello</p>') {
  const fields = `From: "${attack}" <f@example.com>\r\nTo: u${number}@example.com\r\nSubject: Mail ${number} ${attack}\r\nX-Tags: job-7`
  const raw = Buffer.from(`${fields}\r\nContent-Type: text/html\r\n\r\n${body}\r\n`)
  return running.inbox.receive({ from: 'f@example.com', to: [`u${number}@example.com`], username: '', raw })
}

test('the list is paged, searched, and escapes what mails say', async () => {
  expect((await page('/')).html).toContain('No mail yet')
  for (let number = 1; number <= 120; number++) await receive(number)
  const first = await page('/')
  expect(first.html).toContain('120 mails, 120 unread')
  expect(first.html).toContain('page 1 of 3')
  expect(first.html).toContain('Mail 120 &lt;script&gt;')
  expect(first.html).not.toMatch(/<script|javascript:/i)
  expect(first.policy).toContain("default-src 'none'")
  const last = await page('/?page=3')
  expect(last.html.match(/class="mail /g)).toHaveLength(20)
  expect(last.html).toContain('Mail 1 &lt;')
  const found = await page(`/?query=${encodeURIComponent('to:u77@ "><b>')}`)
  expect(found.html).toContain('No mail fits this search.')
  expect(found.html).toContain('value="to:u77@ &quot;&gt;&lt;b&gt;"')
  expect((await page('/?query=to:u77@')).html).toContain('Mail 77 ')
  expect((await page('/?page=abc&query=tag:job-7')).html).toContain('page 1 of 3')
})

test('a mail is shown in a frame that runs and loads nothing of its own', async () => {
  const id = await receive(1, `${attack}<img src="http://tracker.example/x.png"><p>Hello</p>`)
  const shown = await page(`/mail/${id}`)
  expect(shown.html).toMatch(/<iframe[^>]* sandbox="allow-popups allow-popups-to-escape-sandbox"/)
  expect(shown.html).not.toContain('<script')
  expect((await running.inbox.message(id))?.read).toBe(true)
  const view = await page(`/view/${id}.html?embed=1`)
  expect(view.html).toContain('<base target="_blank">')
  expect(view.policy).toMatch(/^sandbox allow-popups/)
  expect(view.policy).toContain("default-src 'none'; img-src 'self' data:")
  expect(view.policy).not.toContain('allow-scripts')
  expect((await page('/mail/nope')).status).toBe(404)
})

test('an attachment that could be a page is sandboxed too', async () => {
  const parts = ['text/html', 'application/pdf'].map(
    (type) => `--b\r\nContent-Type: ${type}\r\nContent-Disposition: attachment; filename="a"\r\n\r\n${attack}\r\n`,
  )
  const raw = Buffer.from(`Content-Type: multipart/mixed; boundary=b\r\n\r\n${parts.join('')}--b--\r\n`)
  const id = await running.inbox.receive({ from: '', to: ['a@b.test'], username: '', raw })
  expect((await page(`/api/v1/message/${id}/part/2`)).policy).toBe("sandbox; default-src 'none'")
  expect((await page(`/api/v1/message/${id}/part/3`)).policy).toBe('')
})
