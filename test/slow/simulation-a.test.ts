import { it } from 'vitest'
import { everyLawIn } from '../simulation/every-law.ts'

// Two files of one kind, so that two processes share the work.
it('keeps every law in a thousand runs', { timeout: 180_000 }, () => everyLawIn(1000, 1))
