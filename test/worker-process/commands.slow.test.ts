import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { emptyFolder, offload } from '../cli/offload.ts'

// An empty one would be a region.
beforeAll(() => void vi.stubEnv('AWS_REGION', undefined))
afterAll(() => void vi.unstubAllEnvs())

const nobody = {
  AWS_ACCESS_KEY_ID: '',
  AWS_SECRET_ACCESS_KEY: '',
  AWS_PROFILE: '',
  AWS_CONFIG_FILE: '/nonexistent',
  AWS_SHARED_CREDENTIALS_FILE: '/nonexistent',
  AWS_EC2_METADATA_DISABLED: 'true',
}
const somebody = { ...nobody, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1' }

const local = 'http://127.0.0.1:1/000000000000/jobs'
const atAws = 'https://sqs.eu-west-1.amazonaws.com/123456789012/jobs'

const worker = (queueUrl: string, flags: readonly string[] = [], env: Record<string, string> = somebody) => {
  const ledger = join(emptyFolder(), 'ledger.db')
  const given = ['--bucket', 'certificates', '--smtp', '127.0.0.1:1', '--ledger', ledger]
  return offload(['worker', '--queue-url', queueUrl, ...given, ...flags], { env })
}

describe('offload worker', () => {
  it('shows its help with examples, and wants what it cannot do without', async () => {
    const [help, bare] = await Promise.all([offload(['worker', '--help']), offload(['worker'])])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(help.stdout).toMatch(/Examples:[^]*offload worker --queue-url http:\/\/127\.0\.0\.1:4566/)
    expect(bare).toMatchObject({ code: 2, stdout: '' })
    expect(bare.stderr).toContain("required option '--queue-url <url>'")
  })

  it.for([
    ['a queue that is no URL', ['jobs'], nobody, 2, /--queue-url jobs: must be a URL such as/],
    ['a queue at AWS, unasked', [atAws], somebody, 2, /takes them from others[^]*→ --i-own-this-target/],
    ['a queue at AWS without a place to verify', [atAws, '--i-own-this-target'], somebody, 2, /→ --verify-url/],
    ['no region', [local], nobody, 2, /no AWS region[^]*→ the emulator's is us-east-1/],
    [
      'no credentials',
      [local, '--region', 'us-east-1'],
      nobody,
      2,
      /no AWS credentials[^]*→ an emulator takes any: export/,
    ],
    ['nobody there', [local], somebody, 3, /ECONNREFUSED[^]*→ is it running\? http:\/\/127\.0\.0\.1:1 must answer/],
    [
      'a place to verify that is no URL',
      [local, '--verify-url', 'moodle'],
      somebody,
      2,
      /--verify-url moodle: must be a URL such as https:\/\/moodle\.example\.com$/m,
    ],
    ['an S3 that is no URL', [local, '--endpoint-url', 's3'], somebody, 2, /--endpoint-url s3: must be a URL such as/],
    [
      'an S3 in the environment that is no URL',
      [local],
      { ...somebody, AWS_ENDPOINT_URL_S3: '', AWS_ENDPOINT_URL: 's3' },
      2,
      /AWS_ENDPOINT_URL s3: must be a URL such as/,
    ],
    ['too short a visibility', [local, '--visibility', '1s'], somebody, 2, /--visibility must be from 2 s to 12 hours/],
    [
      'a callback address that is none',
      [local, '--callback-url', '7=x'],
      somebody,
      2,
      /--callback-url 7=x: must be an http/,
    ],
  ] as const)('%s', async ([, [queueUrl, ...flags], env, code, words]) => {
    const ran = await worker(queueUrl, flags, env)
    expect(ran).toMatchObject({ code, stdout: '' })
    expect(ran.stderr).toMatch(words)
    expect(ran.stderr).not.toContain('defect')
  })

  it('a queue, but no S3 beside it: says which of them must answer', async () => {
    const queue = createServer((request, response) => {
      request.resume()
      response.end('{}')
    })
    await new Promise<void>((resolve) => void queue.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void queue.close())
    const { port } = queue.address() as AddressInfo
    const url = `http://127.0.0.1:${port}/000000000000/jobs`
    const ran = await worker(url, ['--endpoint-url', 'http://127.0.0.1:1'])
    expect(ran).toMatchObject({ code: 3, stdout: '' })
    expect(ran.stderr).toMatch(
      /the bucket certificates cannot be used[^]*→ is it running\? http:\/\/127\.0\.0\.1:1 must/,
    )
  })
})
