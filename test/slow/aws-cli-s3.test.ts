import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { bucket, openBucket } from '../objects/bucket.ts'

const run = promisify(execFile)
const path = process.env['PATH'] ?? ''
// Debian's, where it is there: another one may stand before it in PATH.
const aws = ['/usr/bin', ...path.split(':')].map((folder) => join(folder, 'aws')).find((file) => existsSync(file))

describe.skipIf(aws === undefined)('the AWS CLI (skipped where no aws is installed)', () => {
  it('makes a bucket, copies to, from and within it, lists, presigns and removes', { timeout: 120_000 }, async () => {
    await using at = await openBucket()
    const folder = await mkdtemp(join(tmpdir(), 'offload-aws-'))
    const cli = async (...words: string[]) => {
      const { stdout } = await run(aws ?? '', ['--endpoint-url', at.url, ...words], {
        cwd: folder,
        env: {
          PATH: path,
          HOME: folder,
          AWS_ACCESS_KEY_ID: 'test',
          AWS_SECRET_ACCESS_KEY: 'test',
          AWS_DEFAULT_REGION: 'us-east-1',
          AWS_EC2_METADATA_DISABLED: 'true',
        },
      })
      return stdout.trim()
    }
    try {
      expect(await cli('s3', 'mb', 's3://cli-bucket')).toContain('cli-bucket')
      // Above 8 MB the CLI uploads in parts.
      const content = Buffer.alloc(9 * 1024 * 1024, 'certificate ')
      await writeFile(join(folder, 'big file.bin'), content)
      await cli('s3', 'cp', '--quiet', 'big file.bin', 's3://cli-bucket/a b/big.bin')
      expect(at.objects.head('cli-bucket', 'a b/big.bin')).toMatchObject({ size: content.length })
      expect(at.objects.head('cli-bucket', 'a b/big.bin').etag).toMatch(/-2$/)
      await cli('s3', 'cp', '--quiet', 's3://cli-bucket/a b/big.bin', `s3://${bucket}/copy.bin`)
      expect(Buffer.from((await at.objects.get('copy.bin')) ?? []).equals(content)).toBe(true)
      const [listed, url] = await Promise.all([
        cli('s3', 'ls', 's3://cli-bucket/'),
        cli('s3', 'presign', 's3://cli-bucket/a b/big.bin'),
      ])
      expect(listed).toMatch(/PRE a b\/$/)
      expect((await fetch(url)).status).toBe(200)
      await cli('s3', 'rb', '--force', 's3://cli-bucket')
      expect(at.objects.buckets.find('cli-bucket')).toBeUndefined()
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
