import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { lockDirectory } from '../../emulator/kernel/lock.ts'

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), 'offload-lock-'))
  onTestFinished(() => rmSync(made, { recursive: true, force: true }))
  return made
}

const refusal = (path: string): unknown => {
  try {
    lockDirectory(path).release()
    return undefined
  } catch (error) {
    return error
  }
}

it('one at a time: the second is told who has it, until it is released', () => {
  const path = join(directory(), 'made', 'for', 'it')
  const lock = lockDirectory(path)
  expect(refusal(path)).toMatchObject({
    code: 'state-locked',
    message: expect.stringMatching(/^Another emulator uses .*--data-dir/),
    details: { directory: path },
  })
  lock.release()
  expect(refusal(path)).toBeUndefined()
})

it('a directory that cannot be made or written is called that', () => {
  const file = join(directory(), 'file')
  writeFileSync(file, '')
  const blocked = directory()
  mkdirSync(join(blocked, 'lock.db'))
  for (const [path, cause] of [
    [file, 'EEXIST'],
    [join(file, 'below'), 'ENOTDIR'],
    [blocked, 'unable to open database file'],
  ] as const) {
    const error = refusal(path)
    expect(error).toMatchObject({ code: 'state-unusable', message: expect.stringContaining(cause) })
    expect(String(error)).toMatch(/can write.*--data-dir/)
    expect(String(error)).not.toContain('Another emulator')
  }
})
