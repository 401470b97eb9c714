import { createInbox } from '../../emulator/cloud/inbox/inbox.ts'
import { systemClock } from '../../emulator/kernel/clock.ts'
import { boot } from '../../emulator/kernel/installation.ts'
import { openStore } from '../../emulator/kernel/store.ts'

/** An inbox in a process of its own, so that it can be killed; says its SMTP address to its parent. */
const [directory = ''] = process.argv.slice(2)
const store = openStore({ directory })
const { ids } = boot({ store, seed: 's' })
const inbox = createInbox({ store, clock: systemClock(), ids })
process.send?.(await inbox.listen({ host: '127.0.0.1', port: 0 }))
