import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Command } from 'commander'
import { changeKinds, compareContracts, documentKind, type Change } from '../../contracts/diff/index.ts'
import type { Json, JsonObject } from '../../contracts/json.ts'
import { messageOf } from '../kernel/errors.ts'
import { Failure } from './failure.ts'
import { call } from './invocation.ts'
import { examples, withJson } from './options.ts'
import { createTerminal, type Terminal } from './terminal.ts'

interface Options {
  readonly json?: boolean
}

export function define(command: Command): void {
  command.description(
    "The contract's documents, for tools and tests in any language, and what a change of them breaks.",
  )

  const exporting = command
    .command('export')
    .description('Writes JSON Schema (each message, each dialect), OpenAPI 3.1 and signed test vectors.')
    .option('--out <dir>', 'the folder to write into; made where it is missing', 'offload-contract')
  withJson(exporting)
  exporting.action((options: Options & { out: string }) => exportTo(options))

  const comparing = command
    .command('diff <old> <new>')
    .description('Compares two exports (folders, or one file each): breaking, advisory and additive changes.')
  withJson(comparing)
  comparing.action((before: string, after: string, options: Options) => diff(before, after, options))

  examples(command, [
    ['offload contract export --out contract', 'write the documents'],
    ['offload contract diff contract-1.0 contract', 'what has changed, and whom it breaks'],
    ['offload contract diff old/openapi.json new/openapi.json', 'one document alone'],
  ])
  command.addHelpText(
    'after',
    `
A job is sent by the plugin: a new required field breaks it. A callback is sent by the cloud: a new required field is safe
for its receiver, a removed one is not.
Exit codes of diff: 0 nothing breaks, 1 something does, 2 usage or a file that is no document of the contract.`,
  )
}

async function exportTo({ out, json }: Options & { out: string }): Promise<void> {
  const { contractDocuments } = await import('../../contracts/export/documents.ts')
  const terminal = createTerminal({ json })
  const documents = contractDocuments()
  try {
    mkdirSync(out, { recursive: true })
    for (const { file, text } of documents) writeFileSync(join(out, file), text)
  } catch (error) {
    throw new Failure(2, `the documents cannot be written into ${out}: ${messageOf(error)}`)
  }
  for (const { file, text } of documents) {
    terminal.record({ file: join(out, file), bytes: Buffer.byteLength(text) })
    if (!json) terminal.say(`  ${join(out, file)}`)
  }
  terminal.say(`${documents.length} documents in ${out}`)
}

function diff(before: string, after: string, { json }: Options): void {
  const terminal = createTerminal({ json })
  const [old, now] = [readDocuments(before), readDocuments(after)]
  // Two files are the same document, whatever their names are.
  const pair = old.folder || now.folder ? [old, now] : [named(old, basename(after)), now]
  if (old.folder !== now.folder) throw new Failure(2, 'compare two folders, or two files')
  const [from, to] = pair.map(({ documents }) => documents) as [Documents, Documents]
  const changes = compareContracts(from, to)
  for (const change of changes) terminal.record(change)
  if (!json) for (const change of changes) sayChange(terminal, change)
  const counts = changeKinds.map((kind) => `${changes.filter((change) => change.kind === kind).length} ${kind}`)
  const broken = changes.some(({ kind }) => kind === 'breaking')
  terminal.say(terminal.style(broken ? 'red' : 'green', changes.length === 0 ? 'no changes' : counts.join(', ')))
  if (broken) process.exitCode = 1
}

const marks = { breaking: ['red', '✗'], advisory: ['yellow', '!'], additive: ['green', '+'] } as const

function sayChange({ say, style }: Terminal, { kind, file, path, what, why, breaks }: Change): void {
  const [tone, sign] = marks[kind]
  const whom = breaks === undefined ? '' : kind === 'breaking' ? `breaks the ${breaks}: ` : `for the ${breaks}: `
  say(`${style(tone, sign)} ${style('bold', `${file}${path === '' ? '' : ` ${path}`}`)}: ${what}\n    ${whom}${why}`)
}

type Documents = ReadonlyMap<string, JsonObject>

interface Read {
  readonly folder: boolean
  readonly documents: Documents
}

const named = ({ folder, documents }: Read, name: string): Read => ({
  folder,
  documents: new Map([...documents.values()].map((document) => [name, document])),
})

function readDocuments(place: string): Read {
  const folder = isFolder(place)
  const files = folder ? readdirSync(place).filter((file) => file.endsWith('.json')) : ['']
  const documents = new Map<string, JsonObject>()
  for (const file of files.sort()) {
    const document = readJson(join(place, file))
    if (documentKind(document) !== undefined)
      documents.set(file === '' ? basename(place) : file, document as JsonObject)
    else if (!folder) throw new Failure(2, `${place} is no JSON Schema, no OpenAPI document and no file of vectors`)
  }
  if (documents.size === 0) {
    throw new Failure(2, `${place} holds no document of the contract`, {
      fix: [call(`contract export --out ${place}`)],
    })
  }
  return { folder, documents }
}

function isFolder(place: string): boolean {
  try {
    return statSync(place).isDirectory()
  } catch (error) {
    throw new Failure(2, `${place} cannot be read: ${messageOf(error)}`)
  }
}

function readJson(file: string): Json {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Json
  } catch (error) {
    throw new Failure(2, `${file} is no JSON that can be read: ${messageOf(error)}`)
  }
}
