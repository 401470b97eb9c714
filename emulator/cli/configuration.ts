import { existsSync, readFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { z } from 'zod'
import { configSchema, type Config, type ConfigInput } from '../config.ts'
import { Failure } from './failure.ts'
import { nearest } from '../../contracts/nearest.ts'
import { lineOf, writtenPath } from '../kernel/yaml-path.ts'

/** One value that somebody gave, with the words for where: `--port`, `OFFLOAD_PORT`, `offload.config.yaml:3 port`. */
interface Given {
  readonly path: readonly string[]
  readonly value: unknown
  readonly from: string
  /** The value as it was written, where that is more than the value. */
  readonly text?: string
  /** The words for a place inside of the value. */
  readonly within?: (path: readonly PropertyKey[]) => string
}

export interface Sources {
  /** As the command line gave them, by the name in the schema; a `callback_url` is `[TENANT=]URL`. */
  readonly flags?: Readonly<Record<string, unknown>>
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** `--config`; without it `offload.config.yaml` in the working directory, where there is one. */
  readonly file?: string | undefined
  readonly directory?: string
}

export interface Configuration {
  /** For `createEmulator`, which parses it itself. */
  readonly input: ConfigInput
  readonly config: Config
  /** The file that was read, from the working directory. */
  readonly file: string | undefined
  /** Variables that look like settings and are none. */
  readonly warnings: readonly string[]
  /** Where a setting came from, in words: `offload.config.yaml:7 check.jobs`. */
  readonly placeOf: (path: readonly PropertyKey[]) => string
}

const defaultFile = 'offload.config.yaml'

/** What `OFFLOAD_*` means beside the settings themselves. */
const otherVariables = ['OFFLOAD_URL', 'OFFLOAD_CONFIG', 'OFFLOAD_DEBUG']

/** Short names that the documentation uses. */
const shortVariables: Readonly<Record<string, string>> = { OFFLOAD_CALLBACK_SECRET: 'cloud_callback_secret' }

/** Values of these are never shown. */
const secrets = new Set(['ingest_token', 'cloud_callback_secret', 'plugin_token', 'previous_secret'])

const schemas: Readonly<Record<string, z.ZodType>> = configSchema.shape
const names = Object.keys(schemas)

/** Flags over environment over one file; throws a Failure (exit 2) that names where each wrong value came from. */
export async function readConfiguration(sources: Sources = {}): Promise<Configuration> {
  const { flags = {}, environment = {}, directory = process.cwd() } = sources
  const file = fileOf(sources.file ?? nonEmpty(environment['OFFLOAD_CONFIG']), directory)
  const fromEnvironment = readEnvironment(environment)
  const given = [
    ...(file === undefined ? [] : await readFile(resolve(directory, file), file)),
    ...fromEnvironment.given,
    ...readFlags(flags),
  ]

  const input: Record<string, unknown> = {}
  const origin = new Map<string, Given>()
  for (const one of given) {
    put(input, one.path, one.value)
    origin.set(one.path.join('.'), one)
  }
  // `z.coerce` would read an empty value as 0.
  const empty = given
    .filter(({ value }) => value === null)
    .map(({ from }) => `${from} has no value: give one, or take the line out`)
  const parsed = configSchema.safeParse(input)
  const wrong = [...empty, ...(parsed.success ? [] : linesOf(parsed.error, origin))]
  if (!parsed.success || wrong.length > 0) throw refusal(wrong, file)
  const placeOf = (path: readonly PropertyKey[]) => {
    const given = originOf(origin, path.map(String))
    return given?.within?.(path) ?? given?.from ?? path.join('.')
  }
  return { input, config: parsed.data, file, warnings: fromEnvironment.warnings, placeOf }
}

function fileOf(asked: string | undefined, directory: string): string | undefined {
  if (asked === undefined) return existsSync(resolve(directory, defaultFile)) ? defaultFile : undefined
  const path = resolve(directory, asked)
  if (!existsSync(path))
    throw new Failure(2, `there is no configuration file ${asked}`, { evidence: [`looked at ${path}`] })
  return relative(directory, path) || asked
}

function readFlags(flags: Readonly<Record<string, unknown>>): Given[] {
  return Object.entries(flags).flatMap(([name, value]): Given[] => {
    if (value === undefined) return []
    const from = `--${name.replaceAll('_', '-')}`
    return name === 'callback_url' ? callbackUrls(value as string[], from) : [{ path: [name], value, from }]
  })
}

function readEnvironment(environment: Readonly<Record<string, string | undefined>>): {
  given: Given[]
  warnings: string[]
} {
  const given: Given[] = []
  const warnings: string[] = []
  for (const [variable, text] of Object.entries(environment)) {
    // An empty variable is how many tools write "not set".
    if (!variable.startsWith('OFFLOAD_') || nonEmpty(text) === undefined || otherVariables.includes(variable)) continue
    const name = shortVariables[variable] ?? nameIn(variable)
    if (name === 'callback_url') given.push(...callbackUrls(listOf(text), variable))
    else if (name in schemas && name !== 'tenants') {
      given.push({ path: [name], value: isList(name) ? listOf(text) : text, from: variable })
    } else {
      const known = [...names, ...Object.keys(shortVariables).map(nameIn), ...otherVariables.map(nameIn)]
      const meant = nearest(name, known)
      if (meant === undefined) continue
      warnings.push(`${variable} is no setting and is ignored: OFFLOAD_${meant.toUpperCase()} was meant?`)
    }
  }
  return { given, warnings }
}

/** `URL` for everybody, `7=URL` for tenant 7. */
function callbackUrls(values: readonly string[], from: string): Given[] {
  return values.map((text) => {
    const [, tenant, url] = /^(\d+)=(.*)$/s.exec(text) ?? []
    return tenant === undefined
      ? { path: ['callback_url'], value: text, from }
      : { path: ['tenants', tenant, 'callback_url'], value: url, from, text }
  })
}

async function readFile(path: string, shown: string): Promise<Given[]> {
  const { isMap, isNode, isScalar } = await import('yaml')
  const { readYaml } = await import('../kernel/yaml.ts')
  const yaml = readYaml(readFileSync(path, 'utf8'))
  if (!yaml.ok) throw new Failure(2, `${shown}:${yaml.line} is ${yaml.reason}`)
  const { document, lines } = yaml
  if (document.contents === null) return []
  if (!isMap(document.contents)) throw new Failure(2, `${shown} must hold names and values, such as "port: 4566"`)

  const given: Given[] = []
  const walk = (node: unknown, path: string[]) => {
    if (!isMap(node)) return
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : ''
      const line = lines.linePos((isScalar(key) ? key.range?.[0] : undefined) ?? 0).line
      const at = [...path, name]
      const from = `${shown}:${line} ${at.join('.')}`
      const inside = at[0] === 'tenants' && at.length < 3
      if (inside && isMap(value)) {
        given.push({ path: at, value: {}, from })
        walk(value, at)
        continue
      }
      const json: unknown = isNode(value) ? value.toJS(document) : value
      const single = isList(at[0]) && at.length === 1 && (typeof json === 'string' || typeof json === 'number')
      const within = (inner: readonly PropertyKey[]) => {
        const written = asWritten(yaml.value, inner)
        return `${shown}:${lineOf(document, lines, written) ?? line} ${writtenPath(written)}`
      }
      given.push({ path: at, value: single ? [json] : json, from, within })
    }
  }
  walk(document.contents, [])
  return given
}

/** Without the numbers of lists of one that were written without a list, and where the schema made names up. */
function asWritten(raw: unknown, path: readonly PropertyKey[]): PropertyKey[] {
  let at = raw
  const written: PropertyKey[] = []
  for (const key of path) {
    const isThere = typeof at === 'object' && at !== null && (typeof key !== 'number') !== Array.isArray(at)
    if (!isThere) continue
    written.push(key)
    at = (at as Record<PropertyKey, unknown>)[key]
  }
  return written
}

function put(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name = '', ...rest] = path
  if (rest.length === 0) {
    target[name] = value
    return
  }
  const inner = target[name]
  const next = typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {}
  target[name] = next
  put(next, rest, value)
}

function refusal(lines: readonly string[], file: string | undefined): Failure {
  const [first = '', ...others] = lines
  const single = others.length === 0
  return new Failure(2, single ? first : `${lines.length} settings are wrong`, {
    evidence: single ? [] : lines,
    fix: file === undefined ? ['offload up --help lists every flag'] : [],
  })
}

function linesOf(error: z.ZodError, origin: ReadonlyMap<string, Given>): string[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.map(String)
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => {
        const at = [...path, key]
        const meant = nearest(key, namesAt(issue.path))
        const given = originOf(origin, at)
        const where = given?.within?.([...issue.path, key]) ?? given?.from ?? at.join('.')
        return `${where} is no setting${meant === undefined ? '' : `: ${meant} was meant?`}`
      })
    }
    const given = originOf(origin, path)
    if (given?.value === null) return []
    const where = given?.within?.(issue.path) ?? given?.from ?? path.join('.')
    return [`${where}${valueOf(given, path)} ${reasonOf(issue)}`]
  })
}

/** The names that are possible at a path. */
function namesAt(path: readonly PropertyKey[]): string[] {
  let at = bare(configSchema)
  for (const key of path) {
    if (at instanceof z.ZodObject) at = bare((at.shape as Record<PropertyKey, unknown>)[key])
    else if (at instanceof z.ZodArray) at = bare(at.element)
    else if (at instanceof z.ZodRecord) at = bare(at.valueType)
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}

/** A schema without what is around it. */
function bare(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return bare(schema.unwrap())
  }
  return schema instanceof z.ZodPipe ? bare(schema.out) : schema
}

/** The value that a path is in: its own, or the nearest around it. */
function originOf(origin: ReadonlyMap<string, Given>, path: readonly string[]): Given | undefined {
  for (let length = path.length; length > 0; length--) {
    const found = origin.get(path.slice(0, length).join('.'))
    if (found !== undefined) return found
  }
  return undefined
}

function valueOf(given: Given | undefined, path: readonly string[]): string {
  if (given === undefined || path.some((name) => secrets.has(name))) return ''
  if (given.text !== undefined) return ` ${given.text}:`
  let value = given.value
  for (const name of path.slice(given.path.length)) {
    if (typeof value === 'object' && value !== null) value = (value as Record<string, unknown>)[name]
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? ` ${String(value)}:`
    : ':'
}

function reasonOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' && issue.expected === 'string') return 'must be text: put it into quotes'
  if (issue.code === 'invalid_key') return "is no company's number"
  if (issue.code === 'invalid_type' && issue.expected === 'number') return 'must be a number'
  if (issue.code === 'invalid_type' && issue.expected === 'int') return 'must be a whole number'
  if (issue.code === 'too_small' && ['string', 'array'].includes(issue.origin)) return 'must not be empty'
  if (issue.code === 'too_small') return `must be at least ${issue.minimum}`
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}`
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.join(', ')}`
  return issue.message
}

function isList(name: string | undefined): boolean {
  const schema = name === undefined ? undefined : schemas[name]
  const inner = schema instanceof z.ZodDefault ? schema.unwrap() : schema
  return inner instanceof z.ZodArray
}

const listOf = (text: string | undefined): string[] => (text ?? '').split(/[\s,]+/).filter((part) => part !== '')
const nameIn = (variable: string): string => variable.slice('OFFLOAD_'.length).toLowerCase()
const nonEmpty = (text: string | undefined): string | undefined =>
  text === undefined || text.trim() === '' ? undefined : text
