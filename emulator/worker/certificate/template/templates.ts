import { createHash } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { nearest } from '../../../../contracts/nearest.ts'
import { placeholdersOf } from '../placeholders.ts'
import { AssetError, readAsset, stampAt } from './assets.ts'
import { checkLayout, createComplaints } from './check.ts'
import { compileLayout } from './compile.ts'
import { defaultTemplate } from './default-layout.ts'
import type { Item } from './schema.ts'
import { readSource } from './source.ts'
import {
  problemLine,
  TemplateError,
  type Template,
  type TemplatePlaceholder,
  type TemplateProblem,
} from './template.ts'
import { languageOf } from './words.ts'

export interface Templates {
  /**
   * The template of this name for a locale: of the folder, else built in (`default`). Throws a TemplateError that says
   * what is wrong where, or which templates there are. Files are read once, and again only when one has changed.
   */
  find(name: string, locale: string): Promise<Template>
  /** Every name that can be asked for. */
  names(): readonly string[]
}

interface Entry {
  readonly template: Template | TemplateError
  /** Stamps of every file that it was made of, by path. */
  readonly stamps: ReadonlyMap<string, string>
}

const builtIn = 'default'
const largestYaml = 256_000
const suffixes = ['.yaml', '.yml']
/** Of a name that a job gives: one segment of a path, on any system. */
const plainName = /^[\p{L}\p{N}_][\p{L}\p{N}_ .-]{0,99}$/u

/** The templates in a folder (absolute), which need not exist, and the built-in one. */
export function createTemplates({ folder }: { readonly folder: string }): Templates {
  const entries = new Map<string, Promise<Entry>>()
  const defaults = new Map<string, Template>()

  const names = () => {
    const own = (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(folder) : [])
      .flatMap((file) =>
        suffixes.filter((suffix) => file.endsWith(suffix)).map((suffix) => file.slice(0, -suffix.length)),
      )
      .filter((name) => plainName.test(name))
    return [...new Set([...own, builtIn])].toSorted()
  }

  const fileOf = (name: string): string | undefined => {
    if (!plainName.test(name)) return undefined
    const suffix = suffixes.find((each) => existsSync(join(folder, name + each)))
    return suffix === undefined ? undefined : name + suffix
  }

  const fresh = ({ stamps }: Entry) => Array.from(stamps).every(([path, stamp]) => stampAt(path) === stamp)

  /** Read once for all that ask meanwhile. */
  const entryOf = async (name: string, file: string): Promise<Entry> => {
    const before = entries.get(file)
    const known = await before
    if (known !== undefined && fresh(known)) return known
    const meanwhile = entries.get(file)
    if (meanwhile !== undefined && meanwhile !== before) return await meanwhile
    const reading = readTemplate(name, folder, file)
    entries.set(file, reading)
    reading.catch(() => entries.delete(file))
    return await reading
  }

  const builtInFor = (locale: string): Template => {
    const language = languageOf(locale)
    const template = defaults.get(language) ?? defaultTemplate(language)
    defaults.set(language, template)
    return template
  }

  return {
    names,
    async find(name, locale) {
      const file = fileOf(name)
      if (file === undefined) {
        if (name === builtIn) return builtInFor(locale)
        throw unknown(name, folder, names())
      }
      const { template } = await entryOf(name, file)
      if (template instanceof TemplateError) throw template
      return template
    },
  }
}

function unknown(name: string, folder: string, names: readonly string[]): TemplateError {
  const shown = name.length > 100 ? `${name.slice(0, 99)}…` : name
  const meant = nearest(name, names)
  const hint = meant === undefined ? '' : `: was ${meant} meant?`
  const place = plainName.test(name) ? ` A new one is ${name}.yaml in ${folder}.` : ''
  return new TemplateError(
    `there is no certificate template ${JSON.stringify(shown)}${hint} (known: ${names.join(', ')}).${place}`,
  )
}

/** Reads, checks and compiles one file; what is wrong with it is part of the answer, to be told again without reading. */
async function readTemplate(name: string, folder: string, file: string): Promise<Entry> {
  const stamps = new Map<string, string>()
  const failed = (problems: readonly TemplateProblem[]): Entry => {
    const inOrder = problems.toSorted((one, other) => one.line - other.line || one.column - other.column)
    return { template: broken(name, inOrder), stamps }
  }
  try {
    stamps.set(join(folder, file), stampAt(join(folder, file)))
    const yaml = readAsset(folder, file, largestYaml)
    const read = readSource(
      Buffer.from(yaml.bytes)
        .toString('utf8')
        .replace(/^\uFEFF/, ''),
    )
    if (!read.ok) return failed(read.problems.map((problem) => ({ file, ...problem })))

    const complaints = createComplaints(file, read.source)
    const checked = checkLayout(read.source, complaints)
    if (checked === undefined) return failed(complaints.problems)
    const { layout, assets } = await compileLayout(name, folder, checked, complaints)
    for (const [path, asset] of assets) {
      const at = join(folder, path)
      stamps.set(at, asset?.stamp ?? stampAt(at))
    }
    if (complaints.problems.length > 0) return failed(complaints.problems)

    const hash = createHash('sha256')
    for (const asset of [yaml, ...assets.values()]) {
      hash.update(
        createHash('sha256')
          .update(asset?.bytes ?? '')
          .digest(),
      )
    }
    const { title, locale } = checked.layout
    const template: Template = {
      name,
      layout,
      layoutId: `${name}:${hash.digest('hex').slice(0, 32)}`,
      placeholders: placeholders(checked.items, title),
      title,
      ...(locale === undefined ? {} : { locale }),
    }
    return { template, stamps }
  } catch (error) {
    if (error instanceof AssetError) return failed([{ file, line: 1, column: 1, reason: `the file ${error.message}` }])
    throw error
  }
}

function broken(name: string, problems: readonly TemplateProblem[]): TemplateError {
  const [first, ...others] = problems
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`
  const what = first === undefined ? 'it cannot be read' : problemLine(first)
  return new TemplateError(`the certificate template ${JSON.stringify(name)} is broken: ${what}${more}`, problems)
}

/** Optional where all texts that have it are. */
function placeholders(items: readonly Item[], title: string): readonly TemplatePlaceholder[] {
  const optional = new Map<string, boolean>()
  for (const item of items) {
    if (item.type !== 'text') continue
    for (const name of placeholdersOf(item.text)) optional.set(name, (optional.get(name) ?? true) && item.optional)
  }
  for (const name of placeholdersOf(title)) if (!optional.has(name)) optional.set(name, false)
  return Array.from(optional, ([name, may]) => ({ name, optional: may }))
}
