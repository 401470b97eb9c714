import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { offload } from '../cli/offload.ts'

const broken = ['--import', pathToFileURL(join(import.meta.dirname, 'broken-worker.ts')).href]

it('writes the smallest case of a broken worker down, and the command repeats it', async () => {
  const find = join(import.meta.dirname, 'find-case.ts')
  const node = ['--import', import.meta.resolve('tsx'), ...broken, find]
  const { stdout: found } = await promisify(execFile)(process.execPath, node)
  expect(found).toMatch(/^law 14 .* is due 5000 ms after attempt 2; the schedule says 30000$/m)

  const again = /^Again: npm run -s offload -- (scenario run \S+simulation-[0-9a-f]{8}\.yaml --seed \d+)$/m.exec(found)
  const args = again?.[1]?.split(' ') ?? []
  const repeated = await offload(args, { node: ['--import', import.meta.resolve('tsx'), ...broken] })
  expect([repeated.code, repeated.stderr]).toEqual([1, ''])
  expect(repeated.stdout).toContain('is due 5000 ms after attempt 2; the schedule says 30000')

  const mended = await offload(args)
  expect([mended.code, mended.stdout]).toEqual([0, expect.stringContaining('✓ simulation-')])
})
