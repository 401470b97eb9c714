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
  /** Says that a batch begins: the memory of a large font that several have not used is freed. */
  turn(): void
}

interface Loaded {
  readonly typeface: Typeface
  readonly size: number
  used: number
}

const large = 2_000_000
const keptTurns = 20

export function createFontLibrary(): FontLibrary {
  const subsetter = createSubsetter()
  const loaded = new Map<string, Loaded>()
  const own = new Map<Uint8Array, Typeface>()
  const all: readonly Family[] = [...Object.values(families), ...fallbacks]
  let turn = 0

  const load = (family: Family, cut: Cut): Typeface => {
    const resource = `F${all.indexOf(family)}${cut === 'regular' ? '' : cut.replace(/[a-z]+/g, (word) => word.charAt(0))}`
    let font = loaded.get(resource)
    if (font === undefined) {
      const path = join(folderOf(family.package), family[cut] ?? family.regular)
      let size = 0
      const read = () => {
        const bytes = readFileSync(path)
        size = bytes.byteLength
        return bytes
      }
      const typeface = createTypeface({ resource, name: `${family.name}-${cut}`, read }, subsetter)
      loaded.set(resource, (font = { typeface, size, used: turn }))
    }
    font.used = turn
    return font.typeface
  }

  const loadOwn = (file: Uint8Array): Typeface => {
    let typeface = own.get(file)
    if (typeface === undefined) {
      typeface = createTypeface({ resource: `C${own.size}`, name: `Own${own.size}`, read: () => file }, subsetter)
      own.set(file, typeface)
    }
    return typeface
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
    turn() {
      turn++
      for (const { typeface, size, used } of loaded.values()) {
        if (size >= large && turn - used === keptTurns) typeface.close()
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
