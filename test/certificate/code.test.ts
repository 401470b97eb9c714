import { assert, integer, nat, property, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createIds } from '../../emulator/kernel/ids.ts'
import { certificateCode, rowOfCode } from '../../emulator/worker/certificate/code.ts'

const ids = createIds({ seed: 's', installation: 'here', boot: 1 })

describe('a verification code', () => {
  it('leads back to its row, in another boot too and in any case of letters', () => {
    const again = createIds({ seed: 's', installation: 'here', boot: 2 })
    assert(
      property(nat(), string(), string(), integer({ min: 1, max: 2 ** 32 - 1 }), (tenant, job, recipient, row) => {
        const code = certificateCode(ids, { tenant, job, recipient, row })
        expect(code).toMatch(/^[0-9A-F]{16}$/)
        expect(rowOfCode(again, code)).toBe(row)
        expect(rowOfCode(ids, code.toLowerCase())).toBe(row)
      }),
    )
  })

  it('shows nothing of it: neighbours have nothing in common, nor has the same row elsewhere', () => {
    const elsewhere = createIds({ seed: 's', installation: 'there', boot: 1 })
    const codes = Array.from({ length: 1000 }, (_, row) =>
      certificateCode(ids, { tenant: 1, job: 'j', recipient: String(row), row }),
    )
    for (const half of [0, 8])
      expect(new Set(codes.map((code) => code.slice(half, half + 8))).size).toBeGreaterThan(998)
    expect(certificateCode(elsewhere, { tenant: 1, job: 'j', recipient: '7', row: 7 })).not.toBe(codes[7])
  })

  it('is read from any text without an error', () => {
    assert(
      property(string(), (text) => {
        expect(Number.isInteger(rowOfCode(ids, text))).toBe(true)
      }),
    )
  })
})
