import { z } from 'zod'
import { templateNotFound } from '../../cloud/ses/errors.ts'
import { readTemplateData, render } from '../../cloud/ses/rendering.ts'
import { pageOf, readInput, readToken } from './input.ts'
import type { Route } from './route.ts'
import { nextToken, page, seconds, templateContent } from './v2-members.ts'

/** Stored templates, among SES v2's calls. */
export const templateRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/templates',
    answer({ ses, body }) {
      const schema = z.object({ TemplateName: z.string(), TemplateContent: templateContent })
      const { TemplateName, TemplateContent } = readInput(schema, body)
      ses.templates.create(TemplateName, TemplateContent)
      return {}
    },
  },
  {
    method: 'GET',
    path: '/templates',
    answer({ ses, query }) {
      const { NextToken, PageSize } = readInput(z.object(page(100, 10)), query)
      const found = ses.templates.list({ after: readToken(NextToken), limit: PageSize + 1 })
      const { items, token } = pageOf(found, PageSize, ({ name }) => name)
      return {
        TemplatesMetadata: items.map(({ name, createdAt }) => ({
          TemplateName: name,
          CreatedTimestamp: seconds(createdAt),
        })),
        ...nextToken(token),
      }
    },
  },
  {
    method: 'GET',
    path: '/templates/:name',
    answer({ ses, name }) {
      const { subject, text, html } = ses.templates.get(name).content
      return { TemplateName: name, TemplateContent: { Subject: subject, Text: text, Html: html } }
    },
  },
  {
    method: 'PUT',
    path: '/templates/:name',
    answer({ ses, name, body }) {
      ses.templates.update(name, readInput(z.object({ TemplateContent: templateContent }), body).TemplateContent)
      return {}
    },
  },
  {
    method: 'DELETE',
    path: '/templates/:name',
    answer({ ses, name }) {
      if (!ses.templates.remove(name)) throw templateNotFound(name)
      return {}
    },
  },
  {
    method: 'POST',
    path: '/templates/:name/render',
    answer({ ses, name, body }) {
      const { TemplateData } = readInput(z.object({ TemplateData: z.string() }), body)
      const { subject = '', text, html } = ses.templates.get(name).content
      const data = readTemplateData(TemplateData)
      const parts = [text, html].filter((one) => one !== undefined).map((one) => render(one, data))
      return { RenderedTemplate: [`Subject: ${render(subject, data)}`, ...parts].join('\r\n\r\n') }
    },
  },
]
