import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Form } from '../../cloud/providers/mailgun-request.ts'
import type { Mailgun } from '../../cloud/providers/mailgun.ts'
import { refuse } from '../../cloud/providers/refusal.ts'
import { bytesOf } from '../body.ts'
import { contentTypeOf } from './face.ts'
import { readForm } from './form.ts'

interface Params {
  readonly domain: string
  readonly name: string
  readonly tag: string
}

interface Call extends Params {
  readonly form: Form
  readonly query: Readonly<Record<string, string | undefined>>
}

/** `/v3/{domain}/templates` and their versions; `authorize` throws where the caller has no key. */
export function mailgunTemplateRoutes(
  scope: FastifyInstance,
  { templatesOf }: Pick<Mailgun, 'templatesOf'>,
  authorize: (request: FastifyRequest) => void,
): void {
  const route = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, answer: (call: Call) => object) =>
    scope.route({
      method,
      url: `/v3/:domain/templates${url}`,
      async handler(request, reply) {
        authorize(request)
        const { domain, name = '', tag = '' } = request.params as Partial<Params> & { domain: string }
        const bytes = bytesOf(request)
        const form = bytes.length === 0 ? { fields: [], files: [] } : await readForm(bytes, contentTypeOf(request))
        const query = request.query as Call['query']
        return reply.send(answer({ domain, name: name.toLowerCase(), tag: tag.toLowerCase(), form, query }))
      },
    })
  const said = (message: string, template: object) => ({ message: `template has been ${message}`, template })

  route('POST', '', ({ domain, form }) => said('stored', templatesOf(domain).create(domain, form)))
  route('GET', '', ({ domain, query: { limit = '100' } }) => {
    if (!/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > 100) {
      throw refuse('invalid', 'limit must be a number from 1 to 100')
    }
    return { items: templatesOf(domain).list(domain, Number(limit)), paging: {} }
  })
  route('DELETE', '', ({ domain }) => {
    templatesOf(domain).removeAll(domain)
    return { message: 'templates have been deleted' }
  })
  route('GET', '/:name', ({ domain, name, query }) => ({
    template: templatesOf(domain).get(domain, name, query['active'] === 'yes'),
  }))
  route('PUT', '/:name', ({ domain, name, form }) => {
    templatesOf(domain).update(domain, name, form)
    return said('updated', { name })
  })
  route('DELETE', '/:name', ({ domain, name }) => {
    templatesOf(domain).remove(domain, name)
    return said('deleted', { name })
  })
  route('POST', '/:name/versions', ({ domain, name, form }) => ({
    message: 'new version of the template has been stored',
    template: templatesOf(domain).addVersion(domain, name, form),
  }))
  route('GET', '/:name/versions', ({ domain, name }) => ({
    template: templatesOf(domain).versions(domain, name),
    paging: {},
  }))
  route('GET', '/:name/versions/:tag', ({ domain, name, tag }) => ({
    template: templatesOf(domain).getVersion(domain, name, tag),
  }))
  route('PUT', '/:name/versions/:tag', ({ domain, name, tag, form }) => {
    templatesOf(domain).updateVersion(domain, name, tag, form)
    return { message: 'version has been updated', template: { name, version: { tag } } }
  })
  route('DELETE', '/:name/versions/:tag', ({ domain, name, tag }) => {
    templatesOf(domain).removeVersion(domain, name, tag)
    return { message: 'version has been deleted', template: { name, version: { tag } } }
  })
}
