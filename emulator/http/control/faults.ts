import type { FastifyPluginAsync } from 'fastify'
import type { Faults } from '../../kernel/faults/faults.ts'
import { readRules } from '../../kernel/faults/read-rules.ts'
import { sendProblem } from '../problem.ts'

/** `GET`, `PUT` and `DELETE /faults`: the rules with their hits. They are written in YAML, of which JSON is a part. */
export function faultsFace({ faults }: { faults: Faults }): FastifyPluginAsync {
  return async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'string', bodyLimit: 1024 * 1024 }, (_request, body, done) =>
      done(null, body),
    )
    scope.get('/faults', () => ({ rules: faults.list() }))
    scope.put('/faults', (request, reply) => {
      const read = readRules(typeof request.body === 'string' ? request.body : '')
      if (read.ok) return { rules: faults.set(read.rules) }
      const issues = read.issues.map(({ line, path, reason }) => ({
        path: line === undefined ? path : `line ${line}${path === '' ? '' : `, ${path}`}`,
        reason,
      }))
      const count = issues.length === 1 ? 'One thing is' : `${issues.length} things are`
      const detail = `${count} wrong with the fault rules; none of them was set.`
      return sendProblem(reply, { status: 400, title: 'bad-faults', detail, issues })
    })
    scope.delete('/faults', () => {
      faults.clear()
      return { rules: [] }
    })
  }
}
