import type { FastifyPluginAsync } from 'fastify'
import { callbackPaths } from '../../moodle/submission.ts'
import type { Moodle } from '../../moodle/moodle.ts'
import { ProblemError } from '../faults/problem-error.ts'

/** The largest callback that is read, in bytes. */
const bodyLimit = 30 * 1024 * 1024

/** The stand-in's two callback addresses; whatever the content type, the body is kept as it came. */
export function moodleFace({ moodle }: { moodle: Pick<Moodle, 'receive'> }): FastifyPluginAsync {
  return async (app) => {
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (_request, body, done) => done(null, body))

    // Fastify refuses what is no media type, or an empty one; PHP reads the body all the same.
    app.addHook('onRequest', async (request) => {
      request.headers['content-type'] = 'application/octet-stream'
    })

    app.setErrorHandler<Error & { statusCode?: number }>((error, _request, reply) => {
      if (error instanceof ProblemError) {
        const { status, detail } = error.problem
        return reply.code(status).headers(error.headers).send({ error: 'fault', reason: detail })
      }
      const status = error.statusCode ?? 500
      if (status >= 500) throw error
      const reason = status === 413 ? `the body is larger than ${bodyLimit} bytes` : error.message
      return reply.code(status).send({ error: status === 413 ? 'too-large' : 'malformed', reason })
    })

    for (const path of Object.values(callbackPaths)) {
      app.all(path, { bodyLimit }, async (request, reply) => {
        if (request.method !== 'POST') {
          return reply.code(405).header('allow', 'POST').send({ error: 'method', reason: 'a callback is a POST' })
        }
        const rawBody = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
        const { status, body } = await moodle.receive({ path, headers: request.headers, rawBody })
        return reply.code(status).send(body)
      })
    }
  }
}
