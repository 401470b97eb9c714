import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Job, type JobType, jobTypes, type Recipient } from '../../contracts/job.ts'
import { systemClock } from '../../emulator/kernel/clock.ts'
import { type ComposeInput, composeMail } from '../../emulator/worker/message/compose.ts'
import { htmlToText } from '../../emulator/worker/message/html-to-text.ts'

const person = (given: Partial<Recipient> = {}): Recipient => ({
  key: '1',
  email: 'john@example.com',
  data: {},
  contentHash: '',
  ...given,
})

const compose = (
  type: JobType,
  recipient: Partial<Recipient> = {},
  job: Partial<Pick<Job, 'templateData' | 'subject' | 'html'>> = {},
  rest: Partial<ComposeInput> = {},
) => composeMail({ job: { type, templateData: {}, ...job }, recipient: person(recipient), ...rest })

/** The specification's own example. */
const templateData = {
  course_name: 'Introduction to PHP',
  course_url: 'https://yourmoodle.com/course/view.php?id=101',
  due_date: '2025-12-31',
  completion_percentage: 45,
}

describe('the templates', () => {
  test('a reminder names the course, the progress, the date and the link', () => {
    const { subject, text, html } = compose('reminder', { firstname: 'John', lastname: 'Doe' }, { templateData })
    expect(subject).toBe('Reminder: Introduction to PHP')
    expect(text).toBe(
      [
        'Dear John Doe,',
        '',
        'You have completed 45% of Introduction to PHP. Please complete it by 2025-12-31.',
        '',
        'Continue the course:',
        'https://yourmoodle.com/course/view.php?id=101',
        '',
        '-- ',
        'This message was sent automatically by your learning site.',
        '',
      ].join('\n'),
    )
    expect(html).toContain('<p style="margin:0 0 16px">Dear John Doe,</p>')
    expect(html).toContain('href="https://yourmoodle.com/course/view.php?id=101"')
  })

  test('a CSV import gives the login of the row', () => {
    const { subject, text, html } = compose('csv_import', { data: { password: 'TempPass<123>' } })
    expect(subject).toBe('Welcome: your account is ready')
    expect(text).toContain('  Username: john@example.com\n  Password: TempPass<123>\n')
    expect(html).toContain('TempPass&lt;123&gt;')
  })

  test('a welcome gives user name, password and login page', () => {
    const data = { firstname: 'Ann', username: 'ann', password: 'x', loginurl: 'https://moodle.test/login' }
    const { text } = compose('welcome', { data })
    expect(text).toContain('Dear Ann,')
    expect(text).toContain('  Username: ann\n  Password: x')
    expect(text).toContain('Log in:\nhttps://moodle.test/login')
  })

  test('a licence gives its code, a re-engagement its course', () => {
    expect(compose('licence', { data: { license_code: 'LIC-001' } }).text).toContain('  Licence code: LIC-001')
    expect(compose('reengagement', { data: { course: 'Math 101' } }).subject).toBe('We miss you in Math 101')
  })

  test('a certificate is linked or attached, in mails of every type', () => {
    const certificateUrl = 'http://127.0.0.1:4566/manireports-certificates/c.pdf?X-Amz-Signature=1&a=b'
    for (const type of jobTypes) {
      const { text, html } = compose(type, {}, { templateData }, { certificateUrl })
      expect(text).toContain(`Download the certificate:\n${certificateUrl}`)
      expect(html).toContain(`href="${certificateUrl.replace('&', '&amp;')}"`)
    }
    expect(compose('certificate', {}, {}, { certificateUrl, certificateAttached: true }).text).toContain('is attached')
    expect(compose('certificate', {}, { templateData: { certificate_url: certificateUrl } }).text).toContain(
      certificateUrl,
    )
  })

  test('the recipient’s own values come before the job’s', () => {
    const { subject } = compose(
      'reminder',
      { data: { course_name: 'Mine' } },
      { templateData: { course_name: 'Theirs' } },
    )
    expect(subject).toBe('Reminder: Mine')
  })

  test('what is missing leaves sentences that are whole', () => {
    for (const type of jobTypes) {
      const { subject, text, html } = compose(type, { firstname: ' ', data: { course_name: '', lastname: null } })
      expect(text).toMatch(/^Hello,\n\n[A-Z].*[.!]\n/)
      for (const part of [subject, text, html])
        expect(part).not.toMatch(/undefined|null|\[object|NaN| {2}[,.]|Dear|: $/)
    }
  })

  test('only web addresses become links', () => {
    const { html, text } = compose('reminder', {}, { templateData: { course_url: 'javascript:alert(1)' } })
    expect(html + text).not.toContain('javascript')
  })
})

const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('<script>alert(1)</script>', '"><img src=x onerror=1>', 'a\r\nBcc: x@y.z', '&amp;', "'"),
)

test('no value gets out of its place: no markup, no line breaks in the subject', () => {
  const names = [
    'firstname',
    'lastname',
    'username',
    'password',
    'course_name',
    'due_date',
    'license_code',
    'completion_percentage',
    'loginurl',
    'course_url',
  ]
  fc.assert(
    fc.property(
      fc.constantFrom(...jobTypes),
      fc.dictionary(fc.constantFrom(...names), hostile),
      hostile,
      (type, data, first) => {
        const { subject, html } = compose(type, { data, firstname: first })
        expect(subject).not.toMatch(/[\r\n]/)
        const allowed =
          /<\/?(?:!doctype html|html lang="en"|html|head|meta [a-z0-9="=,-]+|title|body|div|p|a|table|tr|td)(?: (?:style|href|role)="[^"<>]*"|\s)*(?: [a-z]+="[^"<>]*")*>/gi
        expect(html.replace(allowed, '')).not.toMatch(/[<>]/)
      },
    ),
  )
})

describe('custom subject and html', () => {
  const html = '<h1>Hi &amp; welcome</h1><p>Your password is <b>x</b></p>'

  test('the recipient’s come before the job’s, and html stays as it is', () => {
    const own = { custom_subject: 'Mine', custom_html: html }
    expect(compose('welcome', { data: own }, { subject: 'Job', html: '<p>Job</p>' })).toEqual({
      subject: 'Mine',
      html,
      text: 'Hi & welcome\n\nYour password is x\n',
    })
    expect(compose('welcome', {}, { subject: 'Job', html })).toMatchObject({ subject: 'Job', html })
  })

  test('a subject alone replaces the template’s; empty ones do not', () => {
    const { subject, html: written } = compose('welcome', {
      data: { custom_subject: 'Only\r\nBcc: this', custom_html: '' },
    })
    expect(subject).toBe('Only Bcc: this')
    expect(written).toContain('An account has been created')
    expect(written).toContain('<title>Only Bcc: this</title>')
  })
})

describe('text from html', () => {
  test('keeps paragraphs, lists, entities and where links go', () => {
    const html = `<html><head><style>p{color:red}</style><title>No</title></head><body>
      <h1>Title</h1><p>One<br>two &lt;three&gt; &#8364;</p><ul><li>a</li><li>b</li></ul>
      <p>Go <a href="https://x.test/?a=1&amp;b=2">here</a> or <a href='https://y.test'>https://y.test</a></p><script>no()</script></body></html>`
    expect(htmlToText(html)).toBe(
      'Title\n\nOne\ntwo <three> €\n\n- a\n- b\n\nGo here (https://x.test/?a=1&b=2) or https://y.test\n',
    )
  })

  test('takes a time that grows with the html, not with its square', () => {
    const clock = systemClock()
    const times = ['<', '<style', '<!--', '&', '<a href="http', '</p'].map((piece) => {
      const html = piece.repeat(1_000_000 / piece.length)
      const before = clock.monotonic()
      htmlToText(html)
      return clock.monotonic() - before
    })
    expect(Math.max(...times)).toBeLessThan(2000)
  })
})
