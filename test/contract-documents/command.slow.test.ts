import { copyFileSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { emptyFolder, ndjson, offload } from '../cli/offload.ts'

const committed = join(import.meta.dirname, '../../contracts/documents')

/** A copy of the committed documents, one of them changed as text. */
function changed(file: string, from: string, to: string): string {
  const folder = emptyFolder()
  cpSync(committed, folder, { recursive: true })
  const text = readFileSync(join(folder, file), 'utf8')
  expect(text).toContain(from)
  writeFileSync(join(folder, file), text.replace(from, to))
  return folder
}

it('export writes the documents that are committed', async () => {
  const cwd = emptyFolder()
  const { code, stdout } = await offload(['contract', 'export', '--out', 'a/b', '--json'], { cwd })
  expect(code).toBe(0)
  const files = readdirSync(committed)
  expect(readdirSync(join(cwd, 'a/b'))).toEqual(files)
  for (const file of files) {
    expect(readFileSync(join(cwd, 'a/b', file))).toEqual(readFileSync(join(committed, file)))
  }
  expect(ndjson(stdout).map(({ file }) => file)).toEqual(expect.arrayContaining(files.map((file) => `a/b/${file}`)))
})

it('diff exits with 1 where something breaks, and says what, why and whom', async () => {
  const newer = changed('flow.callback.schema.json', '"emails_failed": {', '"emails_lost": {')
  const { code, stdout } = await offload(['contract', 'diff', committed, newer])
  expect(code).toBe(1)
  expect(stdout).toBe(`✗ flow.callback.schema.json emails_failed: the required field is gone
    breaks the callback receiver: a reader relies on it, and it does not come any more
+ flow.callback.schema.json emails_lost: a new optional field
    readers ignore fields that they do not know
1 breaking, 0 advisory, 1 additive
`)
})

it('diff exits with 0 where nothing breaks, and --json gives a line for each change', async () => {
  const newer = changed('spec.callback.schema.json', '"properties": {', '"properties": { "note": { "type": "string" },')
  const { code, stdout, stderr } = await offload(['contract', 'diff', committed, newer, '--json'])
  expect(code).toBe(0)
  const [change, ...others] = ndjson(stdout)
  expect(others).toEqual([])
  expect(change).toEqual({
    kind: 'additive',
    file: 'spec.callback.schema.json',
    path: 'note',
    what: 'a new optional field',
    why: 'readers ignore fields that they do not know',
  })
  expect(stderr).toContain('0 breaking, 0 advisory, 1 additive')
})

it('diff compares two files, whatever their names', async () => {
  const folder = emptyFolder()
  copyFileSync(join(committed, 'openapi.json'), join(folder, 'other.json'))
  const { code, stdout } = await offload([
    'contract',
    'diff',
    join(committed, 'openapi.json'),
    join(folder, 'other.json'),
  ])
  expect([code, stdout]).toEqual([0, 'no changes\n'])
})

it('what is no document of the contract is refused with what to do', async () => {
  const folder = emptyFolder()
  writeFileSync(join(folder, 'a.json'), '{"a": 1}')
  writeFileSync(join(folder, 'b.json'), '{"a": ')
  const runs = await Promise.all([
    offload(['contract', 'diff', join(folder, 'a.json'), committed]),
    offload(['contract', 'diff', join(folder, 'b.json'), committed]),
    offload(['contract', 'diff', join(folder, 'none'), committed]),
    offload(['contract', 'diff', emptyFolder(), committed]),
    offload(['contract', 'diff', join(committed, 'vectors.json'), committed]),
  ])
  expect(runs.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2])
  const [noDocument, noJson, nothing, empty, mixed] = runs.map(({ stderr }) => stderr)
  expect(noDocument).toContain('is no JSON Schema, no OpenAPI document and no file of vectors')
  expect(noJson).toContain('is no JSON that can be read')
  expect(nothing).toContain('none cannot be read: ENOENT')
  expect(empty).toMatch(/holds no document of the contract\n {2}→ .*contract export --out/)
  expect(mixed).toContain('compare two folders, or two files')
})
