import type { LoadResult } from '../result.ts'

/** A run's report as one page that needs nothing else. */
export function htmlReport(result: LoadResult): string {
  return `<!doctype html><title>${result.id}</title><pre>${JSON.stringify(result, null, 2)}</pre>`
}
