/** 1: a check failed, 2: usage or configuration, 3: the target cannot be reached. */
export type ExitCode = 1 | 2 | 3

/** What a command throws when it cannot go on: the cause, what was seen, and what to do about it. */
export class Failure extends Error {
  readonly exit: ExitCode
  readonly evidence: readonly string[]
  readonly fix: readonly string[]

  constructor(exit: ExitCode, message: string, more: { evidence?: readonly string[]; fix?: readonly string[] } = {}) {
    super(message)
    this.name = 'Failure'
    this.exit = exit
    this.evidence = more.evidence ?? []
    this.fix = more.fix ?? []
  }
}
