import { arrows } from './arrows.ts'
import { monopoly } from './monopoly.ts'

/** The project's own lint rules, loaded by .oxlintrc.json. */
export default { meta: { name: 'offload' }, rules: { arrows, monopoly } }
