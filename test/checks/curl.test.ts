import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { curlOf, hidden, secretsOf } from '../../emulator/check/curl.ts'

const token = 'wJalr%XUt"n/F\\EMI+$K'
const secrets = secretsOf({ OFFLOAD_PLUGIN_TOKEN: token })
const written = (body: string | Uint8Array, values = secrets) => {
  const line = curlOf({ method: 'POST', headers: [], body: Buffer.from(body) }, 'http://127.0.0.1/', values)
  const [writes] = line.split(' | curl ')
  return {
    line,
    bytes: execFileSync('sh', ['-c', writes ?? ''], { env: { ...process.env, OFFLOAD_PLUGIN_TOKEN: token } }),
  }
}

it.each([
  ['text', '{"a":"b c"}'],
  ['what printf reads', '100% \\n \\\\ %s'],
  ['quotes of a shell', `it's "so" $HOME \`id\``],
  ['beyond ASCII, and no text', Buffer.from([0x7b, 0xc3, 0xa9, 0xff, 0xfe, 0x00, 0x0a, 0x7d])],
  ['a long run', `{${'['.repeat(600)}${' '.repeat(70_000)}x}`],
  ['a run of what a shell would read', `'${'\\'.repeat(200)}'`],
])('writes %s byte for byte', (_name, body) => {
  expect(written(body).bytes).toEqual(Buffer.from(body))
})

it('takes a secret, or what is left of it, from its variable', () => {
  for (const body of [`token=${token};`, `token=${token.slice(0, -1)};`]) {
    const { line, bytes } = written(body)
    expect(bytes.toString()).toBe(body)
    expect(line).not.toContain('wJalr')
    expect(hidden(body, secrets)).toBe('token=***;')
  }
  expect(hidden(JSON.stringify({ token }), secrets)).toBe('{"token":"***"}')
})
