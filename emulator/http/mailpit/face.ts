import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { ChaosTrigger } from '../../cloud/inbox/chaos.ts'
import type { Inbox, InboxMessage } from '../../cloud/inbox/inbox.ts'
import { cleanTag } from '../../cloud/inbox/tags.ts'
import type { Clock } from '../../kernel/clock.ts'
import { EmulatorError, messageOf } from '../../kernel/errors.ts'
import { version } from '../../version.ts'
import { refuseForeign } from '../guard.ts'
import { inboxPages } from './pages.ts'
import { chaosBody, idsBody, listQuery, messageQuery, readBody, renameBody, sendBody, tagsBody } from './requests.ts'
import { composeSent } from './send.ts'
import { renderedHtml, viewPolicy } from './view.ts'
import { chaosOf, headerFields, information, messageList, messageSummary, pageConfiguration } from './wire.ts'

export interface MailpitFaceDeps {
  readonly inbox: Inbox
  readonly clock: Clock
}

type MailpitErrorCode = 'not-found' | 'bad-request'

const notFound = () => new EmulatorError<MailpitErrorCode>('not-found', '404 page not found')
const badRequest = (reason: string) => new EmulatorError<MailpitErrorCode>('bad-request', reason)

/** Mailpit's API takes 5 MB, except for messages. */
const bodyLimit = 5 * 1024 * 1024
const messageLimit = 70 * 1024 * 1024

function parsed<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `
  throw badRequest(`${where}${issue?.message ?? 'not what this call takes'}`)
}

const pathOf = (request: FastifyRequest) => z.record(z.string(), z.string()).parse(request.params)

/** Whom an `Authorization: Basic` names; nobody is asked for a password. */
function userOf({ headers: { authorization = '' } }: FastifyRequest): string {
  const [, credentials = ''] = /^Basic\s+(\S+)$/i.exec(authorization) ?? []
  return Buffer.from(credentials, 'base64').toString().split(':')[0] ?? ''
}

/**
 * The inbox's own port: the part of Mailpit's API v1 that `mailpit-api` calls, the rendered mails under `/view/`, and
 * pages for people at `/`. What Mailpit computes and we do not (html-check, link-check, sa-check, release) is a 400 that
 * says so. Source of the shapes: https://mailpit.axllent.org/docs/api-v1/
 */
export function mailpitFace({ inbox, clock }: MailpitFaceDeps): FastifyPluginAsync {
  return async (app) => {
    // Mailpit reads JSON whatever the content type says, and no body as no wishes.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', { parseAs: 'string', bodyLimit }, (_request, body, done) => {
      try {
        done(null, body === '' ? undefined : JSON.parse(String(body)))
      } catch (error) {
        done(badRequest(`invalid JSON: ${messageOf(error)}`))
      }
    })

    app.addHook('onRequest', async (_request, reply) => {
      reply.headers({ 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff' })
    })
    app.addHook('onRequest', refuseForeign)

    app.setErrorHandler((error: Error & { code?: unknown; statusCode?: number }, request, reply) => {
      const status =
        error.code === 'not-found' ? 404 : (error.statusCode ?? (error instanceof EmulatorError ? 400 : 500))
      if (request.url.startsWith('/api/v1/send')) return reply.code(status).send({ Error: error.message })
      return reply.code(status).type('text/plain').send(error.message)
    })
    app.setNotFoundHandler((_request, reply) => reply.code(404).type('text/plain').send('404 page not found'))

    const ok = 'ok'
    app.get('/livez', async () => '')
    app.get('/readyz', async () => '')
    app.get('/api/v1/info', async () => information(inbox, version, clock.now(), process.memoryUsage.rss()))
    app.get('/api/v1/webui', async () => pageConfiguration)

    app.get('/api/v1/messages', async (request) => {
      const { start, limit } = parsed(listQuery, request.query)
      return messageList(inbox, await inbox.list({ start, limit: limit === 0 ? undefined : limit }), start)
    })
    app.put('/api/v1/messages', async (request) => {
      const { tz } = parsed(listQuery, request.query)
      const { Read = false, IDs = [], Search = '' } = parsed(readBody, request.body ?? {})
      if (IDs.length > 0 && Search !== '') throw badRequest('You may specify either IDs or a search query, not both')
      const query = Search === '' ? undefined : { query: Search, zone: tz }
      await inbox.setRead(query !== undefined ? { query } : IDs.length > 0 ? { ids: IDs } : {}, Read)
      return ok
    })
    app.delete('/api/v1/messages', async (request) => {
      const { IDs = [] } = parsed(idsBody, request.body ?? {})
      await inbox.remove(IDs.length > 0 ? { ids: IDs } : {})
      return ok
    })

    const searchOf = (request: FastifyRequest) => {
      const { query = '', tz, start, limit } = parsed(listQuery, request.query)
      if (query.trim() === '') throw badRequest('Error: no search query')
      return { query, zone: tz, start, limit: limit === 0 ? undefined : limit }
    }
    app.get('/api/v1/search', async (request) => {
      const search = searchOf(request)
      return messageList(inbox, await inbox.list(search), search.start)
    })
    app.delete('/api/v1/search', async (request) => {
      await inbox.remove({ query: searchOf(request) })
      return ok
    })

    app.post('/api/v1/send', { bodyLimit: messageLimit }, async (request) => {
      const received = await composeSent(parsed(sendBody, request.body), userOf(request))
      return { ID: await inbox.receive(received) }
    })

    app.get('/api/v1/tags', async () => inbox.tags().map(({ tag }) => tag))
    app.put('/api/v1/tags', async (request) => {
      const { IDs = [], Tags = [] } = parsed(tagsBody, request.body ?? {})
      inbox.setTags(IDs, Tags)
      return ok
    })
    const knownTag = (request: FastifyRequest) => {
      const tag = pathOf(request)['tag'] ?? ''
      if (!inbox.tags().some((known) => known.tag === tag)) throw badRequest(`tag not found: ${tag}`)
      return tag
    }
    app.put('/api/v1/tags/:tag', async (request) => {
      const { Name } = parsed(renameBody, request.body ?? {})
      const [from, to] = [knownTag(request), cleanTag(Name)]
      if (to === '') throw badRequest(`invalid tag name: ${to}`)
      const taken = inbox.tags().some(({ tag }) => tag !== from && tag.toLowerCase() === to.toLowerCase())
      if (taken) throw badRequest(`tag already exists: ${to}`)
      inbox.renameTag(from, to)
      return ok
    })
    app.delete('/api/v1/tags/:tag', async (request) => {
      inbox.dropTag(knownTag(request))
      return ok
    })

    app.get('/api/v1/chaos', async () => chaosOf(inbox.chaos.triggers))
    app.put('/api/v1/chaos', async (request) => {
      const { Sender, Recipient, Authentication } = parsed(chaosBody, request.body ?? {})
      const trigger = (given: typeof Sender, errorCode: number): ChaosTrigger => ({
        errorCode: given?.ErrorCode === undefined || given.ErrorCode === 0 ? errorCode : given.ErrorCode,
        probability: given?.Probability ?? 0,
      })
      return chaosOf(
        inbox.chaos.set({
          sender: trigger(Sender, 451),
          recipient: trigger(Recipient, 451),
          authentication: trigger(Authentication, 535),
        }),
      )
    })

    /** The id in the path, or that of the newest message (that fits `?query=`) for `latest`. */
    const idOf = async (request: FastifyRequest, suffix = ''): Promise<string> => {
      const id = (pathOf(request)['id'] ?? '').slice(0, suffix === '' ? undefined : -suffix.length)
      if (id !== 'latest') return id
      const { query, tz } = parsed(messageQuery, request.query)
      const latest = await inbox.latest({ query, zone: tz })
      if (latest === undefined) throw notFound()
      return latest
    }
    const messageFor = async (request: FastifyRequest, suffix?: string): Promise<InboxMessage> => {
      const message = await inbox.message(await idOf(request, suffix))
      if (message === undefined) throw notFound()
      return message
    }
    const read = async (message: InboxMessage): Promise<InboxMessage> => {
      if (!message.read) await inbox.setRead({ ids: [message.id] }, true)
      return message
    }

    app.get('/api/v1/message/:id', async (request) => messageSummary(await read(await messageFor(request))))
    app.get('/api/v1/message/:id/headers', async (request) => headerFields((await messageFor(request)).headers))
    app.get('/api/v1/message/:id/raw', async (request, reply) => {
      const raw = inbox.raw(await idOf(request))
      if (raw === undefined) throw notFound()
      return reply.type('text/plain; charset=utf-8').send(raw)
    })
    app.get('/api/v1/message/:id/part/:part', async (request, reply) => {
      const message = await messageFor(request)
      const { part } = pathOf(request)
      const found = [...message.inline, ...message.attachments].find(({ partId }) => partId === part)
      if (found === undefined) throw notFound()
      // Browsers show these without running anything of theirs; all else might be a page with scripts.
      if (!/^(?:application\/pdf|image\/(?:png|jpeg|gif|webp))$/.test(found.contentType)) {
        reply.header('content-security-policy', "sandbox; default-src 'none'")
      }
      const name = encodeURIComponent((found.fileName || found.contentId).toWellFormed())
      return reply
        .type(found.contentType)
        .header('content-disposition', `inline; filename="${name}"`)
        .send(found.content)
    })

    for (const check of ['html-check', 'link-check', 'sa-check', 'part/:part/thumb']) {
      app.get(`/api/v1/message/:id/${check}`, async (request) => {
        await messageFor(request)
        throw badRequest(`the embedded inbox does not compute ${check.replace('part/:part/', '')}: use Mailpit for it`)
      })
    }
    app.post('/api/v1/message/:id/release', async (request) => {
      await messageFor(request)
      throw badRequest('the embedded inbox never relays a message')
    })

    app.get('/view/:id', async (request, reply) => {
      const { id = '' } = pathOf(request)
      if (id.endsWith('.txt')) {
        const { text } = await read(await messageFor(request, '.txt'))
        return reply.type('text/plain; charset=utf-8').send(text)
      }
      if (!id.endsWith('.html')) throw notFound()
      const message = await read(await messageFor(request, '.html'))
      if (message.html === '') {
        return reply.code(404).type('text/plain').send('This message does not contain a HTML part')
      }
      const { embed } = parsed(messageQuery, request.query)
      return reply
        .type('text/html; charset=utf-8')
        .header('content-security-policy', viewPolicy)
        .send(renderedHtml(message, { embed: embed === '1' }))
    })

    await app.register(inboxPages({ inbox }))
  }
}
