import { encode } from 'uqr'
import { array, assert, integer, property, string } from 'fast-check'
import { expect, it } from 'vitest'
import { createQrPrinter } from '../../emulator/worker/certificate/qr.ts'

it('a code is that of the library, whichever codes were made before it', () => {
  const hex = string({
    unit: integer({ min: 0, max: 15 }).map((digit) => digit.toString(16)),
    minLength: 4,
    maxLength: 4,
  })
  assert(
    property(array(hex, { minLength: 6, maxLength: 12 }), array(integer({ min: 1, max: 150 })), (codes, lengths) => {
      const print = createQrPrinter()
      const texts = [
        ...codes.map((code) => `http://127.0.0.1:4566/verify/${code}`),
        ...lengths.map((length) => 'x'.repeat(length)),
        ...codes.map((code) => `http://localhost:45666/verify/${code}`),
      ]
      for (const text of texts) {
        const { size, bits } = print(text)!
        const whole = encode(
          Array.from(text, (each) => each.charCodeAt(0)),
          { ecc: 'M', border: 0, maskPattern: 0 },
        )
        const stride = Math.ceil(size / 8)
        const dark = whole.data.map((row, y) =>
          row.map((_, x) => ((bits[y * stride + (x >> 3)]! >> (7 - (x & 7))) & 1) === 0),
        )
        expect(dark).toEqual(whole.data)
        expect(bits).toHaveLength(stride * size)
      }
    }),
    { numRuns: 5 },
  )
})
