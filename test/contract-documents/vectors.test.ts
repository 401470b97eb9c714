import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { decodeCallback } from '../../contracts/dialects/index.ts'
import { signedVectors, type Vector } from '../../contracts/export/vectors.ts'
import { verify } from '../../contracts/signature.ts'

const vectors = signedVectors()
const expected = Object.fromEntries(vectors.map(({ name, verdict }) => [name, verdict]))
const file = join(import.meta.dirname, '../../contracts/documents/vectors.json')
const run = promisify(execFile)
const has = (program: string) =>
  run(program, ['--version']).then(
    () => true,
    () => false,
  )
const [php, python] = await Promise.all([has('php'), has('python3')])

/** What Offload's own verifier and reader make of a vector. */
function ownVerdict({ dialect, secret, now, headers, body_base64 }: Vector): string {
  const body = Buffer.from(body_base64, 'base64')
  let read: unknown
  try {
    read = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body))
  } catch {
    // What is no JSON is refused after the signature was looked at.
  }
  const decoded = decodeCallback(read, dialect)
  if (dialect === 'plugin') {
    if (!decoded.ok) return 'token-missing'
    return decoded.callback.token === secret ? 'accept' : 'token-wrong'
  }
  const timestamp = dialect === 'spec' ? (read as { timestamp?: unknown } | undefined)?.timestamp : now
  const verdict = verify({ secret, body, signature: headers['x-signature'], now: now * 1000, timestamp })
  const readable =
    typeof read === 'object' && !Array.isArray(read) && JSON.stringify(read).search(/\\ud[89a-f]/i) === -1
  if (verdict.ok) return readable ? 'accept' : 'body'
  if (verdict.code === 'stale') return readable ? 'stale' : 'body'
  return verdict.code === 'secret-empty' ? verdict.code : 'signature'
}

describe('the signed vectors', () => {
  it.each(vectors.map((vector) => [vector.name, vector] as const))(
    '%s is judged by Offload as it says',
    (_, vector) => {
      expect(ownVerdict(vector)).toBe(vector.code ?? 'accept')
    },
  )

  it('have names of their own, and bytes that are the text beside them', () => {
    expect(new Set(vectors.map(({ name }) => name)).size).toBe(vectors.length)
    for (const { body, body_base64 } of vectors) {
      if (body !== undefined) expect(Buffer.from(body).toString('base64')).toBe(body_base64)
    }
  })

  it('are no two the same request to the same receiver', () => {
    const requests = vectors.map(({ name: _name, title: _title, ...request }) => JSON.stringify(request))
    expect(new Set(requests).size).toBe(vectors.length)
  })

  it('hold in the bytes what their names promise', () => {
    const text = (name: string) => vectors.find((vector) => vector.name === name)?.body ?? ''
    expect(text('unicode')).not.toBe(text('unicode').normalize('NFC'))
    expect(text('unicode-normalised')).toBe(text('unicode').normalize('NFC'))
    expect(text('php-encoded')).toContain('\\/')
    expect(text('body-reencoded')).toContain('bo\\u00eete')
    expect(text('status-changed')).not.toContain('"failed"')
    expect(vectors.find(({ name }) => name === 'signed-invalid-utf8')?.body).toBeUndefined()
  })

  it.runIf(php)('are judged the same by a verifier in PHP', async () => {
    const { stdout } = await run('php', [join(import.meta.dirname, 'verify.php'), file])
    expect(JSON.parse(stdout)).toEqual(expected)
  })

  it.runIf(python)('are judged the same by a verifier in Python', async () => {
    const { stdout } = await run('python3', [join(import.meta.dirname, 'verify.py'), file])
    expect(JSON.parse(stdout)).toEqual(expected)
  })
})
