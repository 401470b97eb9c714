import type { Json, JsonObject } from '../../../contracts/json.ts'
import { EmulatorError } from '../../kernel/errors.ts'

/**
 * The part of Handlebars that the stored templates of SES, SendGrid and Mailgun use: `{{name}}`, `{{{name}}}`,
 * `{{a.b}}`, `{{#if}}`, `{{#unless}}`, `{{#each}}`, `{{else}}`, `{{else if}}`, `{{this}}`, `{{@index}}`, `{{@key}}`, `{{../name}}`.
 */
type Part = string | { readonly name: string; readonly plain: boolean } | Block

interface Block {
  readonly helper: 'if' | 'unless' | 'each'
  readonly name: string
  readonly parts: Part[]
  readonly otherwise: Part[]
  /** Opened by `{{else if}}`, so that the end of the block before it ends it too. */
  readonly chained: boolean
  inElse: boolean
}

/** `template-data-missing` names the attribute in `details.name`. */
export class TemplateError extends EmulatorError<'template-syntax' | 'template-data-missing' | 'template-too-large'> {}

const wrong = (sentence: string) => new TemplateError('template-syntax', sentence)

const deepest = 20
const tag = /\{\{(\{?)([^{}]*)\}?\}\}/g

function parse(template: string): Part[] {
  const root: Part[] = []
  const open: Block[] = []
  let current = root
  let at = 0
  const begin = (helper: string, name: string, chained: boolean) => {
    if (open.length === deepest) throw wrong(`Template has more than ${deepest} blocks inside each other.`)
    const block: Block = {
      helper: helper as Block['helper'],
      name,
      parts: [],
      otherwise: [],
      chained,
      inElse: false,
    }
    current.push(block)
    open.push(block)
    current = block.parts
  }
  for (const match of template.matchAll(tag)) {
    current.push(template.slice(at, match.index))
    at = match.index + match[0].length
    const [, triple = '', between = ''] = match
    const inside = between.trim()
    const [, helper, name = ''] = /^#(if|unless|each)\s+(\S+)$/.exec(inside) ?? []
    const [, otherwise, condition] = /^(else)(?:\s+if\s+(\S+))?$/.exec(inside) ?? []
    if (helper !== undefined) begin(helper, name, false)
    else if (otherwise !== undefined) {
      const block = open.at(-1)
      if (block === undefined) throw wrong('Template has an {{else}} outside a block.')
      block.inElse = true
      current = block.otherwise
      if (condition !== undefined) begin('if', condition, true)
    } else if (inside.startsWith('/')) {
      while (open.at(-1)?.chained === true) open.pop()
      const block = open.pop()
      if (block?.helper !== inside.slice(1)) throw wrong(`Template has an unexpected {{${inside}}}.`)
      const outer = open.at(-1)
      current = outer === undefined ? root : outer.inElse ? outer.otherwise : outer.parts
    } else if (/^&?\s*[^\s#>&!]+$/.test(inside)) {
      current.push({ name: inside.replace(/^&\s*/, ''), plain: triple !== '' || inside.startsWith('&') })
    } else if (!inside.startsWith('!')) {
      throw wrong(
        `Template has a tag that is not known here: {{${inside.slice(0, 60)}}}. ` +
          'Offload renders {{name}}, {{{name}}}, {{#if}}, {{#unless}}, {{#each}}, {{else}} and {{else if}}, without other helpers.',
      )
    }
  }
  if (open.length > 0) throw wrong(`Template has a block that is not closed: {{#${open.at(-1)?.helper}}}.`)
  current.push(template.slice(at))
  return root
}

/** Throws `template-syntax`. */
export const checkTemplate = (template: string): void => void parse(template)

interface Scope {
  readonly value: Json | undefined
  readonly index?: number
  readonly key?: string
  readonly outer?: Scope
}

function lookUp(name: string, scope: Scope): Json | undefined {
  if (name === '@index') return scope.index
  if (name === '@key') return scope.key
  if (name === 'this' || name === '.') return scope.value
  if (name.startsWith('../')) return scope.outer === undefined ? undefined : lookUp(name.slice(3), scope.outer)
  let value: Json | undefined = scope.value
  for (const key of name.replace(/^this\./, '').split('.')) {
    const holder: Json | undefined = value
    if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, key)) return undefined
    value = (holder as JsonObject)[key]
  }
  return value
}

const isEmpty = (value: Json | undefined) =>
  value === undefined ||
  value === null ||
  value === false ||
  value === '' ||
  value === 0 ||
  (Array.isArray(value) && value.length === 0)

export interface Rendering {
  /** Whether `{{name}}` is escaped, as Handlebars does; `{{{name}}}` never is. */
  readonly escapes: boolean
  /** What becomes of a name that the data lacks. */
  readonly missing: 'refused' | 'empty'
}

// Loops in loops multiply a small template to anything.
const longestRendering = 40 * 1024 * 1024
const mostSteps = 1_000_000

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#x27;',
  '`': '&#x60;',
  '=': '&#x3D;',
}
const escaped = (text: string) => text.replace(/[&<>"'`=]/g, (character) => entities[character] ?? character)

/** Throws `template-data-missing`, `template-syntax` and `template-too-large`. */
export function render(template: string, data: JsonObject, { escapes, missing }: Rendering): string {
  let text = ''
  let steps = 0
  const write = (parts: readonly Part[], scope: Scope): void => {
    for (const part of parts) {
      if (text.length > longestRendering || steps++ > mostSteps) {
        throw new TemplateError('template-too-large', 'Template is too large when it is rendered.')
      }
      if (typeof part === 'string') text += part
      else if (!('helper' in part)) {
        const value = lookUp(part.name, scope)
        if (value === undefined && missing === 'refused') {
          throw new TemplateError(
            'template-data-missing',
            `Attribute '${part.name}' is not present in the rendering data.`,
            { name: part.name },
          )
        }
        const written =
          value === undefined || (value === null && missing === 'empty')
            ? ''
            : typeof value === 'object'
              ? JSON.stringify(value)
              : String(value)
        text += escapes && !part.plain ? escaped(written) : written
      } else if (part.helper === 'each') {
        const value = lookUp(part.name, scope)
        const items = typeof value === 'object' && value !== null ? Object.entries(value) : []
        if (items.length === 0) write(part.otherwise, scope)
        items.forEach(([key, item], index) => write(part.parts, { value: item, index, key, outer: scope }))
      } else {
        const shown = isEmpty(lookUp(part.name, scope)) === (part.helper === 'unless')
        write(shown ? part.parts : part.otherwise, scope)
      }
    }
  }
  write(parse(template), { value: data })
  return text
}
