import type { Dialect } from '../../contracts/job.ts'
import { createEmulator } from '../emulator.ts'
import type { Clock } from '../kernel/clock.ts'
import { callbackPaths } from '../moodle/submission.ts'
import { createHttpReceiver } from './http.ts'
import { standInJobs, standInTables } from './stand-in.ts'
import type { ReceiverTarget } from './target.ts'

/** The stand-in for Moodle in an emulator of its own, whose jobs nobody works on. */
export async function standInTarget(
  dialect: Dialect,
  clock: Clock,
): Promise<ReceiverTarget & { close(): Promise<void> }> {
  const ports = { port: 0, smtp_port: 0, inbox_port: 0 }
  const emulator = await createEmulator({ ...ports, ephemeral: true, worker: 'none' })
  const { config, moodle } = emulator
  const url = `${emulator.url}${dialect === 'plugin' ? callbackPaths.plugin : callbackPaths.spec}`
  const receiver = createHttpReceiver({ url, clock, timeoutMs: 10_000, connectTo: [], allowHosts: [] })
  return {
    url,
    dialect,
    secret: config.cloud_callback_secret,
    token: config.plugin_token,
    send: receiver.send,
    jobs: standInJobs(moodle, dialect),
    tables: standInTables(moodle),
    clock,
    async close() {
      receiver.close()
      await emulator.stop()
    },
  }
}
