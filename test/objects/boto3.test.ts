import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { bucket, openBucket } from './bucket.ts'

const run = promisify(execFile)
const python = '/usr/bin/python3'
const hasBoto3 = existsSync(python) && existsSync('/usr/lib/python3/dist-packages/boto3')

describe.skipIf(!hasBoto3)('boto3 (skipped where Debian’s python3-boto3 is not installed)', () => {
  it(
    'puts, gets, lists, copies, deletes, uploads in parts, and presigns by both versions',
    { timeout: 60_000 },
    async () => {
      await using at = await openBucket()
      const { stdout } = await run(python, [join(import.meta.dirname, 'boto3-client.py'), at.url, bucket])
      expect(stdout.trim()).toBe('ok')
    },
  )
})
