import { setFlagsFromString } from 'node:v8'
import type { ConfigInput } from '../config.ts'
import type { Emulator } from '../emulator.ts'
import { EmulatorError } from '../kernel/errors.ts'
import { Failure } from './failure.ts'
import { portHolder } from './port-holder.ts'

/** Starts the emulator; what keeps it from starting becomes a Failure with who, what and the way out. */
export async function startEmulator(input: ConfigInput): Promise<Emulator> {
  const { createEmulator } = await import('../emulator.ts')
  try {
    const emulator = await createEmulator(input)
    // The space for what dies young stays as large as the start made it: more would keep 100 MB in memory for nothing.
    setFlagsFromString('--semi-space-growth-factor=1')
    return emulator
  } catch (error) {
    throw error instanceof EmulatorError ? await explained(error) : error
  }
}

async function explained(error: EmulatorError): Promise<Failure> {
  if (error.code !== 'port-taken') {
    const fix = {
      'mailpit-unreachable': ['start Mailpit, or leave --mailpit out: the emulator brings an inbox of its own'],
      'state-locked': [],
      'bad-configuration': [],
    }[error.code]
    return new Failure(2, error.message, { fix: fix ?? [] })
  }
  const port = Number(error.details['port'])
  const role = String(error.details['role'])
  const flag = role.endsWith('port')
    ? `--${role}`
    : { http: '--port', smtp: '--smtp-port', inbox: '--inbox-port' }[role]
  const holder = await portHolder(port)
  return new Failure(2, `port ${port} is taken`, {
    evidence: [
      holder === undefined ? 'by a process that this user may not see' : `by process ${holder.pid}: ${holder.command}`,
    ],
    fix: [`take another: ${flag ?? '--port'} ${port + 1} (0 takes a free one), or end that process`],
  })
}
