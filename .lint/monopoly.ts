import type { Rule } from './rule.ts'

// What only the kernel may touch, and what stands in for it everywhere else.
const globals: Readonly<Record<string, string>> = {
  setTimeout: 'use sleep or clock.at',
  setInterval: 'use clock.at',
  performance: 'use clock.monotonic',
}
const members: Readonly<Record<string, string>> = {
  'Date.now': 'use clock.now',
  'Math.random': 'use ids',
  'AbortSignal.timeout': 'abort from clock.at',
  'process.hrtime': 'use clock.monotonic',
  'process.uptime': 'use clock.monotonic',
}
const chance = [
  'randomBytes',
  'randomFill',
  'randomFillSync',
  'randomInt',
  'randomUUID',
  'getRandomValues',
  'webcrypto',
]
const modules: Readonly<Record<string, string>> = {
  timers: 'use sleep or clock.at',
  'timers/promises': 'use sleep or clock.at',
  perf_hooks: 'use clock.monotonic',
}
// A turn of the event loop is not time.
const harmless = ['setImmediate', 'clearImmediate']

/** The kernel's monopoly on time, chance and ids. */
export const monopoly: Rule = {
  create(context) {
    type Node = Parameters<typeof context.sourceCode.isGlobalReference>[0]
    const refuse = (node: Node, what: string, instead: string) =>
      context.report({ node, message: `${what} belongs to emulator/kernel: ${instead}.` })

    /** `Date.now` for `Date.now`, `Date['now']` and `globalThis.Date.now`; undefined where a part is no global's. */
    const dotted = (node: Node): string | undefined => {
      if (node.type === 'Identifier') {
        // A module that was imported under its own name is the same thing as the global.
        return node.name === 'crypto' || context.sourceCode.isGlobalReference(node) ? node.name : undefined
      }
      if (node.type !== 'MemberExpression') return undefined
      const object = dotted(node.object)
      const { property } = node
      const name = property.type === 'Identifier' && !node.computed ? property.name : undefined
      const key =
        name ?? (property.type === 'Literal' && typeof property.value === 'string' ? property.value : undefined)
      if (object === undefined || key === undefined) return undefined
      return object === 'globalThis' || object === 'global' ? key : `${object}.${key}`
    }

    return {
      Identifier(node) {
        const instead = globals[node.name]
        if (instead !== undefined && context.sourceCode.isGlobalReference(node)) refuse(node, node.name, instead)
      },
      MemberExpression(node) {
        const path = dotted(node)
        if (path === undefined) return
        const instead = members[path] ?? globals[path]
        if (instead !== undefined) refuse(node, path, instead)
        else if (chance.some((name) => path === `crypto.${name}`)) refuse(node, path, 'use ids')
      },
      NewExpression(node) {
        if (dotted(node.callee) === 'Date' && node.arguments.length === 0) {
          refuse(node, 'new Date() without an argument', 'use new Date(clock.now())')
        }
      },
      CallExpression(node) {
        if (dotted(node.callee) === 'Date') refuse(node, 'Date()', 'use new Date(clock.now())')
      },
      ImportDeclaration(node) {
        if (node.importKind === 'type') return
        const module = node.source.value.replace(/^node:/, '')
        for (const specifier of node.specifiers) {
          const imported = specifier.type === 'ImportSpecifier' ? specifier.imported : undefined
          const name = imported === undefined ? '*' : imported.type === 'Literal' ? imported.value : imported.name
          const instead = modules[module]
          if (instead !== undefined && !harmless.includes(name)) refuse(specifier, `${name} of ${module}`, instead)
          if (module === 'crypto' && chance.includes(name)) refuse(specifier, `${name} of crypto`, 'use ids')
        }
      },
    }
  },
}
