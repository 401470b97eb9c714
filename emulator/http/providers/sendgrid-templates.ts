import type { FastifyInstance, FastifyRequest } from 'fastify'
import { refuse } from '../../cloud/providers/refusal.ts'
import type { SendgridTemplates } from '../../cloud/providers/sendgrid-templates.ts'
import { jsonOf } from './face.ts'

interface Params {
  readonly id: string
  readonly version: string
}

/** `/v3/templates` and their versions; `authorize` throws where the caller has no key. */
export function sendgridTemplateRoutes(
  scope: FastifyInstance,
  templates: SendgridTemplates,
  authorize: (request: FastifyRequest) => void,
): void {
  const route = (
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    url: string,
    answer: (params: Params, request: FastifyRequest) => object | undefined,
    status = 200,
  ) =>
    scope.route({
      method,
      url: `/v3/templates${url}`,
      handler(request, reply) {
        authorize(request)
        const body = answer(request.params as Params, request)
        return body === undefined ? reply.code(204).send() : reply.code(status).send(body)
      },
    })

  route('POST', '', (_params, request) => templates.create(jsonOf(request)), 201)
  route('GET', '', (_params, request) => {
    const { page_size: size = '200' } = request.query as { page_size?: string }
    if (!/^\d{1,3}$/.test(size) || Number(size) < 1 || Number(size) > 200) {
      throw refuse('invalid', 'page_size must be a number from 1 to 200.')
    }
    const result = templates.list(Number(size))
    return { result, _metadata: { count: result.length } }
  })
  route('GET', '/:id', ({ id }) => templates.get(id))
  route('PATCH', '/:id', ({ id }, request) => templates.update(id, jsonOf(request)))
  route('DELETE', '/:id', ({ id }) => {
    templates.remove(id)
    return undefined
  })
  route('POST', '/:id/versions', ({ id }, request) => templates.addVersion(id, jsonOf(request)), 201)
  route('GET', '/:id/versions/:version', ({ id, version }) => templates.getVersion(id, version))
  route('PATCH', '/:id/versions/:version', ({ id, version }, request) =>
    templates.updateVersion(id, version, jsonOf(request)),
  )
  route('POST', '/:id/versions/:version/activate', ({ id, version }) => templates.activate(id, version))
  route('DELETE', '/:id/versions/:version', ({ id, version }) => {
    templates.removeVersion(id, version)
    return undefined
  })
}
