import { dirname, join, relative, resolve } from 'node:path'
import type { Rule } from './rule.ts'

interface Place {
  /** The folders and files of this repository that it may import, besides itself. */
  readonly imports: readonly string[]
  /** Interface files, from which it may import types and nothing else. */
  readonly types?: readonly string[]
  /** Packages and built-in modules that it must not know, with all that is under them. */
  readonly without?: readonly string[]
  /** The only packages and built-in modules that it may know. */
  readonly only?: readonly string[]
}

const services = ['emulator/cloud', 'emulator/worker', 'emulator/moodle', 'emulator/kernel', 'contracts']
const application = ['emulator/emulator.ts', 'emulator/config.ts', ...services]
const protocols = ['fastify', '@fastify']

/** Which place may import which. Imports point one way; what is not listed here may not be imported. */
const places: Readonly<Record<string, Place>> = {
  contracts: { imports: [], only: ['zod', 'node:crypto'] },
  'emulator/kernel': { imports: ['contracts'], without: protocols },
  'emulator/cloud': {
    imports: ['emulator/kernel', 'contracts'],
    types: ['emulator/worker/ports.ts', 'emulator/worker/certificate/renderer.ts'],
    without: protocols,
  },
  'emulator/worker': { imports: ['emulator/kernel', 'contracts'], without: protocols },
  'emulator/moodle': { imports: ['emulator/kernel', 'contracts'], without: protocols },
  'emulator/config.ts': { imports: ['contracts'] },
  'emulator/version.ts': { imports: [] },
  'emulator/dashboard': { imports: ['emulator/alarms', ...services], without: protocols },
  'emulator/http': { imports: ['emulator/alarms', 'emulator/dashboard', 'emulator/version.ts', ...services] },
  'emulator/operations.ts': { imports: ['emulator/config.ts', 'emulator/http', ...services] },
  'emulator/own-worker.ts': { imports: ['emulator/config.ts', ...services] },
  'emulator/virtual-time.ts': { imports: ['emulator/config.ts', 'emulator/worker', 'emulator/kernel', 'contracts'] },
  'emulator/evidence.ts': { imports: ['emulator/config.ts', ...services] },
  'emulator/alarms': {
    imports: ['emulator/kernel', 'contracts'],
    types: ['emulator/cloud/queue/operations/table.ts'],
    without: protocols,
  },
  'emulator/mail-services.ts': { imports: ['emulator/config.ts', 'emulator/http', ...services] },
  'emulator/faces.ts': {
    imports: [
      'emulator/alarms',
      'emulator/config.ts',
      'emulator/version.ts',
      'emulator/mail-services.ts',
      'emulator/http',
      ...services,
    ],
  },
  'emulator/emulator.ts': {
    imports: [
      'emulator/alarms',
      'emulator/evidence.ts',
      'emulator/virtual-time.ts',
      'emulator/faces.ts',
      'emulator/operations.ts',
      'emulator/own-worker.ts',
      'emulator/mail-services.ts',
      'emulator/config.ts',
      'emulator/version.ts',
      'emulator/http',
      'emulator/dashboard',
      ...services,
    ],
  },
  'emulator/simulation.ts': { imports: ['emulator/emulator.ts', 'emulator/kernel', 'contracts'] },
  'emulator/msw': { imports: ['emulator/emulator.ts'] },
  'emulator/deployment': { imports: ['emulator/moodle', 'emulator/worker/callbacks', 'emulator/kernel', 'contracts'] },
  'emulator/worker-process': { imports: ['emulator/deployment', ...services], without: protocols },
  'emulator/check': { imports: ['emulator/emulator.ts', 'emulator/deployment', ...services] },
  'emulator/cli': {
    imports: [
      'emulator/check',
      'emulator/deployment',
      'emulator/worker-process',
      'load',
      'scenarios',
      'emulator/emulator.ts',
      'emulator/config.ts',
      'emulator/version.ts',
      'emulator/worker/certificate',
      'emulator/moodle',
      'emulator/kernel',
      'contracts',
    ],
  },
  load: { imports: ['emulator/simulation.ts', 'emulator/deployment', ...application] },
  scenarios: { imports: ['emulator/simulation.ts', 'emulator/deployment', ...application] },
  test: { imports: ['.'] },
  '.lint': { imports: [] },
}

const root = join(import.meta.dirname, '..')
const pathOf = (file: string) => relative(root, file).replaceAll('\\', '/')
const isIn = (path: string, place: string) => place === '.' || path === place || path.startsWith(`${place}/`)
const placeOf = (path: string) => Object.keys(places).find((place) => isIn(path, place))

/** What is wrong with an import, in words; undefined where nothing is. */
function objection(from: string, name: string, specifier: string, typeOnly: boolean): string | undefined {
  const place = places[name]
  if (!specifier.startsWith('.')) {
    const covers = (known: string) => isIn(specifier, known)
    if (place?.without?.some(covers)) return `${name}/ must not know ${specifier}: only emulator/http speaks protocols.`
    if (place?.only !== undefined && !place.only.some(covers)) {
      return `${name}/ may only know ${place.only.join(' and ')}, not ${specifier}.`
    }
    return undefined
  }
  const target = pathOf(resolve(dirname(from), specifier))
  if (isIn(target, name) || place?.imports.some((allowed) => isIn(target, allowed))) return undefined
  if (place?.types?.includes(target)) {
    return typeOnly ? undefined : `${name} may import types of ${target}, nothing else: write \`import type\`.`
  }
  return `${name} must not import ${target}: the arrow points the other way (see .lint/arrows.ts).`
}

/** The arrows between folders: who may import whom, and who may know which packages. */
export const arrows: Rule = {
  create(context) {
    type Node = Parameters<typeof context.sourceCode.isGlobalReference>[0]
    const file = pathOf(context.filename)
    const name = placeOf(file)
    if (name === undefined) {
      const message = `${file} has no place in the table of arrows: move it, or add its folder to .lint/arrows.ts.`
      return file.includes('/') ? { Program: (node) => context.report({ node, message }) } : {}
    }

    const check = (source: Node | null, node: Node, typeOnly = false) => {
      if (source?.type !== 'Literal' || typeof source.value !== 'string') return
      const message = objection(context.filename, name, source.value, typeOnly)
      if (message !== undefined) context.report({ node, message })
    }
    return {
      ImportDeclaration: (node) => check(node.source, node, node.importKind === 'type'),
      ExportNamedDeclaration: (node) => check(node.source, node, node.exportKind === 'type'),
      ExportAllDeclaration: (node) => check(node.source, node, node.exportKind === 'type'),
      ImportExpression: (node) => check(node.source, node),
      TSImportType: (node) => check(node.source, node, true),
      // new URL('./thread.ts', import.meta.url) names the module that a worker thread runs.
      NewExpression(node) {
        const [path, base] = node.arguments
        if (node.callee.type !== 'Identifier' || node.callee.name !== 'URL' || path?.type !== 'Literal') return
        if (base?.type === 'MemberExpression' && base.object.type === 'MetaProperty') check(path, node)
      },
    }
  },
}
