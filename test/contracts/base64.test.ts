import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isBase64 } from '../../contracts/base64.ts'

it('what was encoded is base64, padded or not, with white space between where that is allowed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const text = Buffer.from(bytes).toString('base64')
      expect(isBase64(text)).toBe(true)
      expect(isBase64(text.replaceAll('=', ''))).toBe(true)
      expect(isBase64(`${text.replace(/.{10}/g, '$&\r\n')}\n`, { spaced: true })).toBe(true)
    }),
  )
})

it.each(['a b', 'ab=c', 'a===', '=a', 'ä', 'ab-_', 'a\n'])('%j is none', (text) => {
  expect(isBase64(text)).toBe(false)
})

it('40 MB of it are looked at without taking the stack', () => {
  expect(isBase64('A'.repeat(40_000_000))).toBe(true)
  expect(isBase64(`${'A'.repeat(40_000_000)} *`, { spaced: true })).toBe(false)
})
