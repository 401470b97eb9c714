import type { Store } from '../../kernel/store.ts'
import { createAdmission, type AdmissionDeps } from './admission.ts'
import { createPasses, type PassDeps } from './passes.ts'
import { defineTables } from './tables.ts'
import { createViews } from './views.ts'

/** Every job, every recipient and what became of them: the one place that decides whether a mail is still to be sent. */
export function createLedger(deps: AdmissionDeps & PassDeps) {
  const { store } = deps
  let era = 0
  defineTables(store)
  return {
    admit: createAdmission(deps),
    ...createPasses(deps),
    ...createViews(store),
    /** Grows with each reset: what was read before one must not be written after it. */
    era: () => era,
    reset(tenant?: number): void {
      era++
      reset(store, tenant)
    },
  }
}

function reset(store: Store, tenant?: number): void {
  store.tx(() => {
    const jobs = tenant === undefined ? 'SELECT id FROM jobs' : `SELECT id FROM jobs WHERE tenant = ${tenant}`
    for (const table of ['recipients', 'feedback', 'findings', 'job_messages']) {
      store.run(`DELETE FROM ${table} WHERE job_id IN (${jobs})`)
    }
    store.run(`DELETE FROM jobs WHERE id IN (${jobs})`)
  })
}

export type Ledger = ReturnType<typeof createLedger>
