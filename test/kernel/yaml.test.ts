import { assert, constantFrom, array, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readRules } from '../../emulator/kernel/faults/read-rules.ts'
import { readYaml } from '../../emulator/kernel/yaml.ts'

const refusal = (text: string) => {
  const read = readYaml(text)
  return read.ok ? undefined : `${read.line}: ${read.reason}`
}

describe('YAML that people write', () => {
  it('is read with its aliases', () => {
    expect(readYaml('a: &x [1]\nb: *x')).toMatchObject({ ok: true, value: { a: [1], b: [1] } })
    expect(readYaml('')).toMatchObject({ ok: true, value: null })
  })

  it('is refused with the line and the reason', () => {
    expect(refusal('a: 1\nb: [1')).toMatch(/^\d: no YAML: Flow sequence/)
    expect(refusal('a: 1\n\nb: *nothing')).toBe('3: no YAML: *nothing names no anchor before it')
    const laughs = Array.from({ length: 12 }, (_, at) =>
      at === 0 ? 'a0: &a0 [x]' : `a${at}: &a${at} [${`*a${at - 1},`.repeat(9)}]`,
    )
    expect(refusal(laughs.join('\n'))).toBe('1: no YAML: Excessive alias count indicates a resource exhaustion attack')
  })

  it('is refused where it contains itself, which nobody could write out', () => {
    expect(refusal('a: 1\nb: &x [*x]')).toBe('2: no YAML: *x stands inside &x itself')
    expect(refusal('&x {a: {b: *x}}')).toBe('1: no YAML: *x stands inside &x itself')
    expect(refusal('&x {a: &x [1], b: *x}')).toBeUndefined()
    expect(readRules('- &x [*x]')).toMatchObject({ ok: false, issues: [{ line: 1 }] })
  })

  it('takes no longer for each alias the more there are', () => {
    expect(refusal(`- &a 1\n${'- *a\n'.repeat(20_000)}- *b\n`)).toBe('20002: no YAML: *b names no anchor before it')
  })

  it('is read or refused whatever it is, and never throws', () => {
    const pieces = constantFrom(
      'a',
      ': ',
      '- ',
      '*x',
      '&x ',
      '\n',
      '  ',
      '[',
      ']',
      '{',
      '}',
      '"',
      "'",
      '!!',
      '|',
      '<<',
      '?',
      '%',
    )
    assert(
      property(array(pieces, { maxLength: 30 }), (parts) => {
        expect(typeof readYaml(parts.join('')).ok).toBe('boolean')
      }),
      { numRuns: 1000 },
    )
  })
})
