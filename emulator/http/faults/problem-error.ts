import { EmulatorError } from '../../kernel/errors.ts'
import type { Problem } from '../problem.ts'

/** A refusal of a face that speaks problem+json, by its status. */
export class ProblemError extends EmulatorError<'refused'> {
  readonly problem: Problem
  readonly headers: Readonly<Record<string, string>>

  constructor(problem: Problem, headers: Readonly<Record<string, string>>) {
    super('refused', problem.detail)
    this.name = 'ProblemError'
    this.problem = problem
    this.headers = headers
  }
}
