import { assert, constantFrom, property, array } from 'fast-check'
import { expect, test } from 'vitest'
import { dataOf } from '../../emulator/cloud/mail/smtp-client.ts'

/** What a server that goes by RFC 5321 reads after DATA. */
function readData(bytes: Buffer): { message: string; rest: string } {
  const text = bytes.toString('latin1')
  const end = text.startsWith('.\r\n') ? 0 : text.indexOf('\r\n.\r\n') + 2
  return { message: text.slice(0, end).replace(/(?<=^|\r\n)\.\./g, '.'), rest: text.slice(end + 3) }
}

const pieces = constantFrom(
  '\r\n',
  '\r',
  '\n',
  '.',
  '\r\n.\r\n',
  '\n.\n',
  '\r.\r',
  '\n.\r\n',
  '..',
  'a',
  'é',
  '\u0085',
  ' ',
)

test('a message ends where it ends, whatever is in it, and every line end is CRLF', () => {
  assert(
    property(array(pieces, { maxLength: 12 }), (parts) => {
      const text = parts.join('')
      const data = dataOf(Buffer.from(text))
      const { message, rest } = readData(data)
      expect(rest).toBe('')
      const lines = Buffer.from(text)
        .toString('latin1')
        .replace(/\r\n|\r|\n/g, '\r\n')
      expect(message).toBe(lines === '' || lines.endsWith('\r\n') ? lines : `${lines}\r\n`)
      expect(data.toString('latin1')).not.toMatch(/\r(?!\n)|(?<!\r)\n/)
    }),
  )
})
