import { type Command, InvalidArgumentError, Option } from 'commander'

/** `--json`, and for commands that speak to a running emulator `--url`. */
export function withJson(command: Command): Command {
  return command.option('--json', 'one line of JSON per result on stdout, everything else on stderr')
}

export function withTarget(command: Command): Command {
  return withJson(command.option('--url <url>', 'the emulator (default: OFFLOAD_URL, else http://127.0.0.1:4566)'))
}

// Longer commands would push what they do out of sight.
const longestInColumn = 60

/** Examples at the end of `--help`: what to type, and what it does. */
export function examples(command: Command, lines: readonly (readonly [command: string, does: string])[]): Command {
  const width = Math.max(...lines.map(([text]) => text.length))
  const shown = lines.map(([text, does]) =>
    width <= longestInColumn ? `  ${text.padEnd(width)}  ${does}` : `  # ${does}\n  ${text}`,
  )
  return command.addHelpText('after', `\nExamples:\n${shown.join('\n')}`)
}

export interface TargetOptions {
  readonly url?: string
  readonly json?: boolean
}

/** Collects a flag that may be given several times. */
export const repeated = (value: string, before: readonly string[] = []): string[] => [...before, value]

/** A whole number in a range, for flags that are not part of the configuration. */
export function whole(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!Number.isInteger(value) || text.trim() === '' || value < minimum || value > maximum) {
      throw new InvalidArgumentError(`It must be a whole number from ${minimum} to ${maximum}.`)
    }
    return value
  }
}

/** `30s`, `2m`, `500ms` or seconds → milliseconds. */
export function durationFlag(text: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim()) ?? []
  const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit]
  if (amount === undefined || factor === undefined)
    throw new InvalidArgumentError('It must be a time such as 30s or 2m.')
  return Number(amount) * factor
}

export const timeoutOption = (): Option =>
  new Option('--timeout <time>', 'wait so long at most').argParser(durationFlag).default(300_000, '5m')
