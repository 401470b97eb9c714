import type { JsonObject, Json } from '../../../contracts/json.ts'
import { attributeMissing, renderingDataInvalid, templateInvalid } from './errors.ts'

/**
 * The part of Handlebars that SES's templates use: `{{name}}`, `{{a.b}}`, `{{#if}}`, `{{#unless}}`, `{{#each}}`, `{{else}}`.
 * Nothing is escaped, in html neither. Source:
 * https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-advanced.html
 */
type Part = string | { readonly name: string } | Block

interface Block {
  readonly helper: 'if' | 'unless' | 'each'
  readonly name: string
  readonly parts: Part[]
  readonly otherwise: Part[]
  inElse: boolean
}

const deepest = 20
const tag = /\{\{\{?\s*([^{}]*?)\s*\}?\}\}/g

function parse(template: string): Part[] {
  const root: Part[] = []
  const open: Block[] = []
  let current = root
  let at = 0
  for (const match of template.matchAll(tag)) {
    current.push(template.slice(at, match.index))
    at = match.index + match[0].length
    const [, inside = ''] = match
    const [, helper, name = ''] = /^#(if|unless|each)\s+(\S+)$/.exec(inside) ?? []
    if (helper !== undefined) {
      if (open.length === deepest) throw templateInvalid(`Template has more than ${deepest} blocks inside each other.`)
      const block: Block = { helper: helper as Block['helper'], name, parts: [], otherwise: [], inElse: false }
      current.push(block)
      open.push(block)
      current = block.parts
    } else if (inside === 'else') {
      const block = open.at(-1)
      if (block === undefined) throw templateInvalid('Template has an {{else}} outside a block.')
      block.inElse = true
      current = block.otherwise
    } else if (inside.startsWith('/')) {
      const block = open.pop()
      if (block?.helper !== inside.slice(1)) throw templateInvalid(`Template has an unexpected {{${inside}}}.`)
      const outer = open.at(-1)
      current = outer === undefined ? root : outer.inElse ? outer.otherwise : outer.parts
    } else if (/^[^\s#>&!]+$/.test(inside)) {
      current.push({ name: inside })
    } else if (!inside.startsWith('!')) {
      throw templateInvalid(`Template has a tag that is not known here: {{${inside.slice(0, 60)}}}.`)
    }
  }
  if (open.length > 0) throw templateInvalid(`Template has a block that is not closed: {{#${open.at(-1)?.helper}}}.`)
  current.push(template.slice(at))
  return root
}

/** Throws `template-invalid`. */
export const checkTemplate = (template: string): void => void parse(template)

interface Scope {
  readonly value: Json | undefined
  readonly index?: number
  readonly outer?: Scope
}

function lookUp(name: string, scope: Scope): Json | undefined {
  if (name === '@index') return scope.index
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

// Loops in loops multiply a small template to anything.
const longestRendering = 40 * 1024 * 1024
const mostSteps = 1_000_000

function write(parts: readonly Part[], scope: Scope, out: { text: string; steps: number }): void {
  for (const part of parts) {
    if (out.text.length > longestRendering || out.steps++ > mostSteps) {
      throw templateInvalid('Template is too large when it is rendered.')
    }
    if (typeof part === 'string') out.text += part
    else if (!('helper' in part)) {
      const value = lookUp(part.name, scope)
      if (value === undefined) throw attributeMissing(part.name)
      out.text += typeof value === 'object' ? JSON.stringify(value) : String(value)
    } else if (part.helper === 'each') {
      const value = lookUp(part.name, scope)
      const items = Array.isArray(value) ? value : []
      if (items.length === 0) write(part.otherwise, scope, out)
      items.forEach((item, index) => write(part.parts, { value: item, index, outer: scope }, out))
    } else {
      const shown = isEmpty(lookUp(part.name, scope)) === (part.helper === 'unless')
      write(shown ? part.parts : part.otherwise, scope, out)
    }
  }
}

/** Throws `rendering-attribute-missing` where the data lacks what the template names, `template-invalid`. */
export function render(template: string, data: JsonObject): string {
  const out = { text: '', steps: 0 }
  write(parse(template), { value: data }, out)
  return out.text
}

/** TemplateData, a JSON object as text; several are laid over each other. Throws `rendering-data-invalid`. */
export function readTemplateData(...texts: readonly (string | undefined)[]): JsonObject {
  return Object.assign(
    {},
    ...texts.map((text) => {
      if (text === undefined || text === '') return {}
      let value: unknown
      try {
        value = JSON.parse(text)
      } catch {
        throw renderingDataInvalid()
      }
      if (typeof value !== 'object' || value === null || Array.isArray(value)) throw renderingDataInvalid()
      return value
    }),
  ) as JsonObject
}
