import type { FastifyReply } from 'fastify'
import type { Issue } from '../../contracts/job.ts'

/** RFC 9457. `detail` says the cause and the fix; `issues` name each path and reason. */
export interface Problem {
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly issues?: readonly Issue[]
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return (
    reply
      .code(problem.status)
      .type('application/problem+json')
      // As bytes, since Fastify adds a charset to strings, which this media type does not have.
      .send(Buffer.from(JSON.stringify({ type: 'about:blank', ...problem })))
  )
}
