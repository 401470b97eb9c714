import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSafety, isLoopback } from '../../emulator/deployment/safety.ts'

const own = { ownsTarget: true, seed: 's' }
const aws = 'https://sqs.eu-west-1.amazonaws.com/123456789012/jobs'
const here = 'http://127.0.0.1:4566'

it.each([
  ['127.0.0.1', true],
  ['127.8.9.1', true],
  ['localhost', true],
  ['Moodle.localhost.', true],
  ['[::1]', true],
  ['::1', true],
  ['localhost.example.com', false],
  ['127.0.0.1.example.com', false],
  ['192.168.1.4', false],
  ['0.0.0.0', false],
])('%s: loopback is %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected)
})

describe('a target', () => {
  it("beyond this machine must be said to be one's own", () => {
    for (const targets of [[aws], [here, aws], ['https://192.168.1.4/jobs']]) {
      expect(() => createSafety({ targets, ownsTarget: false, seed: 's' })).toThrow(
        /is not this machine.*--i-own-this-target/,
      )
      expect(createSafety({ targets, ...own }).loopback).toBe(false)
    }
    expect(createSafety({ targets: [here], ownsTarget: false, seed: 's' }).loopback).toBe(true)
  })

  it('is a URL', () => {
    for (const target of ['jobs', 'ftp://127.0.0.1/', 'file:///etc/passwd']) {
      expect(() => createSafety({ targets: [target], ...own })).toThrow(`${target} is no http:// or https:// URL`)
    }
  })
})

describe('addresses', () => {
  it("are nobody's: invented here, the simulator's elsewhere, or of an allowed domain", () => {
    const kinds = ['success', 'bounce', 'complaint', 'suppressed'] as const
    const addresses = (targets: string[], allowedDomains: string[] = []) => {
      const safety = createSafety({ targets, allowedDomains, ...own })
      return kinds.map((kind) => safety.address(kind, 'x1'))
    }
    const simulated = ['bounce', 'complaint', 'suppressionlist'].map((name) => `${name}+x1@simulator.amazonses.com`)
    expect(addresses([here])).toEqual(['x1@check.offload.test', ...simulated])
    expect(addresses([aws])).toEqual(['success+x1@simulator.amazonses.com', ...simulated])
    expect(addresses([aws], ['pilot.example'])).toEqual(['x1@pilot.example', ...simulated])
  })
})

describe('ids', () => {
  it('are held by no Moodle, and the same for the same seed and name', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (seed, name) => {
        const safety = createSafety({ targets: [here], ownsTarget: false, seed })
        for (const dialect of ['flow', 'plugin'] as const) {
          const id = Number(safety.jobId(dialect, name))
          expect(id >= 2_000_000_000 && id < 2 ** 31).toBe(true)
        }
        for (const dialect of ['spec', 'detailed'] as const) {
          // PHP's (int) of it is 0.
          expect(safety.jobId(dialect, name)).toMatch(
            /^[a-f][0-9a-f]{7}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
          )
        }
        expect(safety.firstUserid(name) + 1000).toBeLessThan(2 ** 31)
        expect(createSafety({ targets: [aws], ...own, seed }).jobId('spec', name)).toBe(safety.jobId('spec', name))
      }),
      { numRuns: 50 },
    )
  })

  it('differ by name and seed', () => {
    const id = (seed: string, name: string) =>
      createSafety({ targets: [here], ownsTarget: false, seed }).jobId('spec', name)
    expect(new Set([id('a', 'x'), id('a', 'y'), id('b', 'x')]).size).toBe(3)
  })
})
