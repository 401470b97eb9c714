import type { Dialect } from '../job.ts'
import { detailed } from './detailed.ts'
import { flow } from './flow.ts'
import type { DialectForm } from './form.ts'
import { plugin } from './plugin.ts'
import { spec } from './spec.ts'

/** The dialects; between two that fit alike the earlier one is taken. */
export const forms: Readonly<Record<Dialect, DialectForm>> = { spec, plugin, flow, detailed }
