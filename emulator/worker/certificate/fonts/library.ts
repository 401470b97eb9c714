import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { FontChoice } from '../layout-model.ts'
import { cutOf, fallbacks, families, type Cut, type Family } from './catalogue.ts'
import { createSubsetter } from './subsetter.ts'
import { createTypeface, type Typeface } from './typeface.ts'

/** The fonts, each read when it is first needed. */
export interface FontLibrary {
  /** The fonts for a character in the order in which they are asked; ends with all that there are. */
  candidates(choice: FontChoice, character: string, language: string): Iterable<Typeface>
  /** Says what a batch has used: the memory of a large font that several have not is freed. */
  turn(used: Iterable<Typeface>): void
}

interface Loaded {
  readonly typeface: Typeface
  readonly size: number
  used: number
}

const large = 2_000_000
const keptTurns = 20
const ownPrefix = 'C'
const cuts: Readonly<Record<Cut, string>> = { regular: '', bold: 'b', italic: 'i', boldItalic: 'bi' }

export function createFontLibrary(): FontLibrary {
  const subsetter = createSubsetter()
  const loaded = new Map<string, Loaded>()
  const names = new WeakMap<Uint8Array, string>()
  const all: readonly Family[] = [...Object.values(families), ...fallbacks]
  let turn = 0

  const open = (resource: string, name: string, read: () => Uint8Array): Typeface => {
    let font = loaded.get(resource)
    if (font === undefined) {
      let size = 0
      const measured = () => {
        const bytes = read()
        size = bytes.byteLength
        return bytes
      }
      const typeface = createTypeface({ resource, name, read: measured }, subsetter)
      loaded.set(resource, (font = { typeface, size, used: turn }))
    }
    return font.typeface
  }

  const load = (family: Family, cut: Cut): Typeface => {
    const resource = `F${all.indexOf(family)}${cuts[cut]}`
    return open(resource, `${family.name}-${cut}`, () =>
      readFileSync(join(folderOf(family.package), family[cut] ?? family.regular)),
    )
  }

  const loadOwn = (file: Uint8Array): Typeface => {
    // Named by what it is: by the order of loading, the same certificate would differ from day to day.
    let resource = names.get(file)
    if (resource === undefined) names.set(file, (resource = `${ownPrefix}${hash('md5', file)}`))
    return open(resource, 'Own', () => file)
  }

  return {
    *candidates(choice, character, language) {
      if (choice.file !== undefined) yield loadOwn(choice.file)
      const family = families[choice.family]
      const emoji = looksLikeEmoji.test(character)
      if (!emoji) yield load(family, cutOf(family, choice))
      const first = fallbacks.filter(({ characters }) => characters.test(character))
      const form = first.some(({ han }) => han !== undefined) ? hanOf(language) : undefined
      for (const each of [...first.filter(({ han }) => han === form), ...first.filter(({ han }) => han !== form)]) {
        yield load(each, cutOf(each, choice))
      }
      for (const each of [families.sans, families.mono, ...fallbacks]) yield load(each, cutOf(each, choice))
    },
    turn(fonts) {
      turn++
      for (const { resource } of fonts) {
        const font = loaded.get(resource)
        if (font !== undefined) font.used = turn
      }
      for (const [resource, { typeface, size, used }] of loaded) {
        if (turn - used !== keptTurns) continue
        if (size >= large || resource.startsWith(ownPrefix)) typeface.close()
      }
    },
  }
}

const looksLikeEmoji = /\p{Emoji_Presentation}|\ufe0f/u

/** The language whose form of a Han character is right: characters are unified that Chinese, Japanese and Korean draw differently. */
function hanOf(language: string): string {
  const [first] = language.split('-')
  return first === 'ja' || first === 'ko' ? first : 'zh'
}

/** Where a package is installed: its main file is below its folder, whatever else it exports. */
function folderOf(name: string): string {
  const main = createRequire(import.meta.url).resolve(name)
  const part = join('node_modules', name)
  const at = main.lastIndexOf(part)
  if (at < 0) throw new Error(`the font package ${name} is not in a folder of its name: ${main}`)
  return main.slice(0, at + part.length)
}
