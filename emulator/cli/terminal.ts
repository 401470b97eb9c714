import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Where a command writes. With `--json` stdout carries NDJSON and nothing else. */
export interface Terminal {
  readonly json: boolean
  /** Somebody watches: progress may be drawn on stderr. */
  readonly live: boolean
  /** For people: stdout, or stderr with `--json`. */
  say(text?: string): void
  /** For people, whatever the mode: stderr. */
  note(text: string): void
  /** For programs: one line of JSON, with `--json` alone. */
  record(value: unknown): void
  /** Colours where people's text goes to a terminal and NO_COLOR is not set. */
  style(style: Style, text: string): string
}

export function createTerminal({ json = false }: { json?: boolean | undefined } = {}): Terminal {
  const people = json ? process.stderr : process.stdout
  return {
    json,
    live: process.stderr.isTTY === true && people.isTTY === true,
    say: (text = '') => void people.write(`${text}\n`),
    note: (text) => void process.stderr.write(`${text}\n`),
    record(value) {
      if (json) process.stdout.write(`${JSON.stringify(value)}\n`)
    },
    style: (style, text) => styleText(style, text, { stream: people }),
  }
}
