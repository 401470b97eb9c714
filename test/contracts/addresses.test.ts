import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { undeliverable } from '../../contracts/dialects/address.ts'
import { decodeJob } from '../../contracts/dialects/index.ts'
import { accepted, smallest } from './jobs.ts'

describe('an address', () => {
  it('that any mail client takes is deliverable', () => {
    fc.assert(
      fc.property(fc.emailAddress(), (email) => {
        expect(undeliverable(email)).toBeUndefined()
      }),
    )
  })

  it.each([
    'bounce+label@simulator.amazonses.com',
    "o'neill@example.com",
    '"john doe"@example.com'.replace(' ', '.'),
    'user@localhost',
    'user@[127.0.0.1]',
    'josé@exämple.com',
    '用户@例子.广告',
  ])('%s can be written to', (email) => {
    expect(undeliverable(email)).toBeUndefined()
  })

  it.each([
    ['', 'Missing address'],
    ['   ', 'Missing address'],
    ['user', "Missing final '@domain'"],
    ['user@', 'Missing domain'],
    ['@example.com', 'Missing local name'],
    ['a b@example.com', 'Local address contains illegal characters: white space'],
    ['a@example.com\r\nBcc: b@example.com', 'Address contains a line break'],
    ['a\u0000@example.com', 'Address contains a control character'],
    ['a\ud800@example.com', 'Address contains a lone surrogate'],
    ['a@b@example.com', "Extra '@'"],
    ['Ann<a@example.com', 'Local address contains illegal characters'],
    ['a,b@example.com', 'Local address contains illegal characters'],
    ['.a@example.com', 'Local address starts with dot'],
    ['a.@example.com', 'Local address ends with dot'],
    ['a..b@example.com', 'Local address contains dot-dot'],
    ['a@example..com', 'Domain contains dot-dot'],
    ['a@.example.com', 'Domain starts with dot'],
    ['a@example.com.', 'Domain ends with dot'],
    ['a@exam_ple!.com', 'Domain contains illegal character'],
    ['a@-example.com', 'Domain contains illegal character'],
    [`${'a'.repeat(65)}@example.com`, 'Local address is longer than 64 bytes'],
    [`a@${'b'.repeat(64)}.com`, 'Domain contains a part longer than 63 characters'],
  ])('%j cannot: %s', (email, reason) => {
    expect(undeliverable(email)).toBe(reason)
  })

  it('that no mail can go to does not fail the job', () => {
    const recipients = [
      { userid: 1, email: 'nobody' },
      { userid: 2, email: 'a@example.com' },
    ]
    const job = accepted(decodeJob({ ...smallest, recipients }))
    expect(job.recipients.map(({ invalid }) => invalid)).toEqual(["Missing final '@domain'", undefined])
  })
})
