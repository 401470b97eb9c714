import { createEmulator } from '../emulator/emulator.ts'

/** One measured server as a process: `offload` or `fauxqs`, with a folder where it keeps its state on disk. */
const [name, directory] = process.argv.slice(2)

// Both as a library, so that neither writes a log.
if (name === 'fauxqs') {
  const { startFauxqs } = await import('fauxqs')
  const { port } = await startFauxqs({ port: 0, logger: false, ...(directory && { dataDir: directory }) })
  console.log(`http://127.0.0.1:${port}`)
} else {
  const where = directory === undefined ? { ephemeral: true } : { data_dir: directory }
  const { url } = await createEmulator({ port: 0, smtp_port: 0, inbox_port: 0, ...where })
  console.log(url)
}
