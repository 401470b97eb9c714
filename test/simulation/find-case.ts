// A process of its own, so that what is broken in it is broken nowhere else: prints what a run of simulations finds.
import { everyLawIn } from './every-law.ts'

await everyLawIn(25, 1).catch((error: unknown) => {
  process.stdout.write(error instanceof Error ? error.message : String(error))
})
