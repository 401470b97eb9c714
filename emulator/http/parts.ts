import type { FastifyInstance } from 'fastify'
import { createApp, type AppDeps, type Part } from './app.ts'
import { rewriteUrl } from './router.ts'

/**
 * The app without a port, in parts: the whole of it costs tens of milliseconds, and who has no port asks for a few of its
 * faces, in a test for one after the other.
 */
export function createParts(deps: AppDeps) {
  const parts = new Map<Part, FastifyInstance>()
  return {
    /** The part that answers this request. */
    of(request: Request): FastifyInstance {
      const { pathname, search } = new URL(request.url)
      const part = partOf(
        rewriteUrl({ method: request.method, url: pathname + search, headers: Object.fromEntries(request.headers) }),
      )
      const known = parts.get(part) ?? createApp(deps, part)
      parts.set(part, known)
      return known
    },
    async close() {
      await Promise.all([...parts.values()].map((part) => part.close()))
    },
  }
}

function partOf(rewritten: string): Part {
  const service = /^\/@([a-z0-9-]+)/.exec(rewritten)?.[1]
  if (service !== undefined) return service as Part
  // The page has paths of its own under the same prefix.
  return /^\/_offload(?!\/page)(?:[/?]|$)/.test(rewritten) ? 'control' : 'site'
}
