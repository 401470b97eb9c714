import { assert, constantFrom, integer, oneof, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createHostRules, type Verdict } from '../../emulator/worker/callbacks/host-rules.ts'

const rules = (allowHosts: string[] = [], connectTo: string[] = []) => createHostRules({ allowHosts, connectTo })
const judge = (url: string, allowHosts?: string[], connectTo?: string[]) =>
  rules(allowHosts, connectTo).judge(new URL(url))

const reasonOf = (verdict: Verdict) => (verdict.state === 'refused' ? verdict.reason : verdict.state)

describe('the host rules', () => {
  it.each([
    'http://127.0.0.1:8000/',
    'http://127.1/',
    'http://2130706433/',
    'http://[::1]:8000/',
    'http://10.1.2.3/',
    'http://172.16.0.1/',
    'http://172.31.255.255/',
    'https://192.168.1.1/',
    'http://[fd12:3456::1]/',
    'http://[::ffff:192.168.0.1]/',
    'http://localhost:8000/',
    'http://LOCALHOST./',
    'http://moodle.localhost/',
  ])('allow %s', (url) => expect(judge(url)).toEqual({ state: 'allowed' }))

  it.each([
    'http://moodle.test/',
    'http://host.docker.internal:8000/',
    'http://webserver/',
    'http://moodle.lan/',
    'http://moodle.home.arpa/',
  ])('let DNS decide about %s', (url) => expect(judge(url)).toEqual({ state: 'resolve' }))

  it.each([
    ['https://yourmoodle.com/callback', 'yourmoodle.com'],
    ['http://moodle.test.example.com/', 'moodle.test.example.com'],
    ['http://localhost.example.com/', 'localhost.example.com'],
    ['http://127.0.0.1.nip.io/', '127.0.0.1.nip.io'],
    ['http://8.8.8.8/', '8.8.8.8'],
    ['http://172.32.0.1/', '172.32.0.1'],
    ['http://100.64.0.1/', '100.64.0.1'],
    ['http://169.254.169.254/latest/meta-data', '169.254.169.254'],
    ['http://0.0.0.0:8000/', '0.0.0.0'],
    ['http://[fe80::1]/', 'fe80::1'],
    ['http://[2001:4860:4860::8888]/', '2001:4860:4860::8888'],
    ['http://[::ffff:8.8.8.8]/', '::ffff:808:808'],
    ['http://[::ffff:169.254.169.254]/', '::ffff:a9fe:a9fe'],
    ['http://[64:ff9b::a00:1]/', '64:ff9b::a00:1'],
  ])('refuse %s with the flag that allows it', (url, host) => {
    const verdict = judge(url)
    expect(reasonOf(verdict)).toContain(`--allow-callback-host ${host}`)
    expect(judge(url, [host])).toEqual({ state: 'allowed' })
  })

  it('refuse what is not HTTP, even where the host is allowed', () => {
    expect(judge('file:///etc/passwd')).toMatchObject({ state: 'refused' })
    expect(judge('ftp://localhost/', ['localhost'])).toMatchObject({ state: 'refused' })
  })

  it('judge where --callback-connect-to leads, not the name in the URL', () => {
    const to = (destination: string) =>
      judge('https://moodle.example.com/', [], [`moodle.example.com:443:${destination}`])
    expect(to('127.0.0.1:8443')).toEqual({ state: 'allowed' })
    expect(to('[::1]:8443')).toEqual({ state: 'allowed' })
    expect(to('webserver:80')).toEqual({ state: 'resolve' })
    expect(reasonOf(to('example.org:443'))).toMatch(
      /^--callback-connect-to sends moodle.example.com:443 to example.org:443, but .*--allow-callback-host example.org$/,
    )
    expect(judge('https://moodle.example.com:8443/', [], ['moodle.example.com:443:127.0.0.1:1'])).toMatchObject({
      state: 'refused',
    })
  })

  it('refuse a name as soon as one of its addresses is public, link-local or unspecified', () => {
    const { refusal } = rules()
    expect(refusal('moodle.test', '127.0.0.1')).toBeUndefined()
    expect(refusal('moodle.test', '172.18.0.5')).toBeUndefined()
    for (const address of ['93.184.216.34', '169.254.169.254', '0.0.0.0', '::', 'fe80::1', '2606:2800::1']) {
      expect(refusal('moodle.test', address)).toContain(`moodle.test resolves to ${address}`)
    }
  })

  it('let an allowed name resolve to a public address, but to no metadata service', () => {
    const { refusal } = rules(['Example.com', '169.254.1.1'])
    expect(refusal('example.com', '93.184.216.34')).toBeUndefined()
    expect(refusal('example.com', '169.254.169.254')).toContain('--allow-callback-host 169.254.169.254')
    expect(refusal('example.com', '169.254.1.1')).toBeUndefined()
  })

  it('allow an IPv4 address exactly if it is loopback or private', () => {
    const isPrivate = ([a, b]: number[]) =>
      a === 127 || a === 10 || (a === 172 && b !== undefined && b >= 16 && b < 32) || (a === 192 && b === 168)
    const octet = integer({ min: 0, max: 255 })
    const first = oneof(octet, constantFrom(10, 127, 172, 192, 169))
    const second = oneof(octet, constantFrom(15, 16, 31, 32, 168, 254))
    assert(
      property(first, second, octet, octet, (...octets) => {
        expect(judge(`http://${octets.join('.')}/`).state).toBe(isPrivate(octets) ? 'allowed' : 'refused')
      }),
    )
  })
})
