import fc from 'fast-check'
import PostalMime from 'postal-mime'
import { describe, expect, test } from 'vitest'
import { composeMime, mailDate, type MimeMessage, quotedPrintable } from '../../emulator/cloud/mail/mime.ts'

const message = (given: Partial<MimeMessage> = {}): MimeMessage => ({
  from: { name: 'ManiReports', address: 'noreply@manireports.test' },
  to: { name: 'Ann', address: 'ann@example.com' },
  subject: 'Subject',
  messageId: 'abc@manireports.test',
  date: Date.UTC(2026, 0, 1, 12, 0, 5),
  text: 'text',
  html: '<p>html</p>',
  ...given,
})

const cleaned = (text: string) =>
  text
    .replace(/[\u0000-\u001f\u007f\u0085\u2028\u2029]+/g, ' ')
    .trim()
    .toWellFormed()
const unit = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.constant('Jürgen "J" Müller, Ärzte\\'),
)

test('a parser reads back what was written, whatever it is', async () => {
  const body = fc.array(unit, { maxLength: 5 }).map((lines) => lines.join('\n').toWellFormed().replace(/\r/g, ''))
  await fc.assert(
    fc.asyncProperty(
      unit,
      unit,
      body,
      body,
      fc.uint8Array({ minLength: 1 }),
      async (name, subject, text, html, content) => {
        const attachments = [{ filename: 'Zertifikat für Ann.pdf', contentType: 'application/pdf', content }]
        const raw = composeMime(message({ to: { name, address: 'ann@example.com' }, subject, text, html, attachments }))
        const parsed = await PostalMime.parse(raw)
        expect(parsed.to).toHaveLength(1)
        expect(parsed.to?.[0]?.address).toBe('ann@example.com')
        expect(parsed.to?.[0]?.name.replace(/\s+/g, ' ').trim()).toBe(cleaned(name).replace(/\s+/g, ' ').trim())
        expect((parsed.subject ?? '').trim()).toBe(cleaned(subject))
        expect(parsed.text).toBe(`${text}\n`)
        expect(parsed.html).toBe(`${html}\n`)
        expect(parsed.attachments.map(({ filename, mimeType }) => [filename, mimeType])).toEqual([
          ['Zertifikat für Ann.pdf', 'application/pdf'],
        ])
        expect(Buffer.from(parsed.attachments[0]?.content as ArrayBuffer)).toEqual(Buffer.from(content))
      },
    ),
    { numRuns: 300 },
  )
})

test('every line is ASCII and at most 998 long, and ends with CRLF', () => {
  fc.assert(
    fc.property(unit, unit, unit, (name, subject, text) => {
      const long = text.repeat(100)
      const raw = composeMime(
        message({ to: { name, address: 'a@b.test' }, subject: subject.repeat(30), text: long, html: long }),
      )
      const source = raw.toString('latin1')
      expect(source).toMatch(/^[\t\r\n\x20-\x7e]*$/)
      for (const line of source.split('\r\n')) {
        expect(line).not.toMatch(/[\r\n]/)
        expect(line.length).toBeLessThanOrEqual(998)
      }
    }),
  )
})

describe('header injection', () => {
  const attack = 'x\r\nBcc: victim@example.com\r\n\r\n<script>'
  test.each([
    ['subject', message({ subject: attack })],
    ['name', message({ to: { name: attack, address: 'a@b.test' } })],
    ['header value', message({ headers: { 'X-Tags': attack } })],
    ['message id', message({ messageId: attack })],
    ['sender', message({ from: { name: `\u0085${attack}`, address: 'a@b.test' } })],
    [
      'file name',
      message({ attachments: [{ filename: attack, contentType: `a/b\r\n${attack}`, content: Buffer.from('x') }] }),
    ],
  ])('through the %s adds no header', async (_where, input) => {
    const source = composeMime(input).toString()
    expect(source.split(/\r\n/).some((line) => line.startsWith('Bcc'))).toBe(false)
    const { headers, bcc } = await PostalMime.parse(source)
    expect(bcc).toBeUndefined()
    const names = headers.map(({ key }) => key).filter((key) => key !== 'x-tags')
    expect(names).toEqual(['from', 'to', 'subject', 'message-id', 'date', 'mime-version', 'content-type'])
  })
})

test('a body cannot close its own part', async () => {
  const text = '--=_abcmanireportstest_a--\r\nContent-Type: text/html\r\n\r\n<b>'
  const parsed = await PostalMime.parse(composeMime(message({ text })))
  expect(parsed.text).toBe(`${text.replaceAll('\r', '')}\n`)
  expect(parsed.html).toBe('<p>html</p>\n')
})

test('a line of 998 stays as it is, a longer one is broken', async () => {
  const encodings = [998, 999].map((length) => composeMime(message({ text: 'x'.repeat(length) })).toString())
  expect(encodings.map((source) => source.includes('quoted-printable'))).toEqual([false, true])
  expect((await PostalMime.parse(encodings[1] ?? '')).text).toBe(`${'x'.repeat(999)}\n`)
})

test('plain ASCII stays readable in the source', () => {
  expect(composeMime(message()).toString()).toContain('Content-Transfer-Encoding: 7bit\r\n\r\n<p>html</p>\r\n')
  expect(quotedPrintable('a=b é \r\nnext ')).toBe('a=3Db =C3=A9=20\r\nnext=20')
})

test('the date is RFC 5322', () => {
  expect(mailDate(Date.UTC(2026, 0, 1, 12, 0, 5))).toBe('Thu, 01 Jan 2026 12:00:05 +0000')
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4e12 }), (at) => Date.parse(mailDate(at)) === Math.floor(at / 1000) * 1000),
  )
})
