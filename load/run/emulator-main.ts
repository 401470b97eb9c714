import { createEmulator, type ConfigInput } from '../../emulator/emulator.ts'

/**
 * An emulator as a process of its own, for a load run. Its settings are the first argument, as JSON; it says where it
 * listens in one line of JSON, and ends with its parent, whose end closes its standard input.
 */
const emulator = await createEmulator(JSON.parse(process.argv[2] ?? '{}') as ConfigInput)
const { url, inbox, queueUrl } = emulator
process.stdout.write(`${JSON.stringify({ url, inbox, queueUrl, pid: process.pid })}\n`)

const stop = () => {
  void emulator.stop().finally(() => process.exit(0))
}
process.once('SIGTERM', stop)
// Ctrl-C goes to everybody at a terminal: the parent decides.
process.on('SIGINT', () => {})
process.stdin.once('end', stop).once('error', stop).resume()
