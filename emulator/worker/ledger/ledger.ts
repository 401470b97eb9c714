import type { Store } from '../../kernel/store.ts'
import type { CallbackPort } from '../ports.ts'
import { createAdmission, type AdmissionDeps } from './admission.ts'
import { createObserved } from './observed.ts'
import { createPasses, type PassDeps } from './passes.ts'
import { defineTables } from './tables.ts'
import { createSettlement } from './settlement.ts'
import { createStanding, type StandingDeps } from './standing.ts'
import { createTelling } from './telling.ts'
import { createViews } from './views.ts'

export type LedgerDeps = AdmissionDeps &
  StandingDeps &
  Omit<PassDeps, 'standing' | 'tell'> & { readonly callbacks: CallbackPort }

/** Every job, every recipient and what became of them: the one place that decides whether a mail is still to be sent. */
export function createLedger(deps: LedgerDeps) {
  const { store, clock, journal } = deps
  let era = 0
  defineTables(store)
  const standing = createStanding(deps)
  const tell = createTelling(deps)
  return {
    admit: createAdmission(deps),
    ...createPasses({ ...deps, standing, tell }),
    ...createSettlement({ store, clock, journal, standing, tell }),
    ...createViews(deps),
    observed: createObserved({ store, clock, journal, standing }),
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
