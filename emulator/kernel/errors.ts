/**
 * What a service throws when it refuses a request. `code` is the service's own (each service exports the union of its
 * codes); what goes on the wire is decided once, in the table of the protocol that serves it (`emulator/http`).
 */
export class EmulatorError<Code extends string = string> extends Error {
  readonly code: Code
  /** What the protocol's table needs to fill its message, for instance the name of the offending parameter. */
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: Code, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.name = 'EmulatorError'
    this.code = code
    this.details = details
  }
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
