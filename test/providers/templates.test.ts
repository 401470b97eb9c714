import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../contracts/json.ts'
import { render, TemplateError } from '../../emulator/cloud/mail/handlebars.ts'
import { json, providerServer, type ProviderServer } from './provider-server.ts'

let server: ProviderServer
beforeAll(async () => {
  server = await providerServer()
})
afterAll(() => server.close())

describe('SendGrid’s dynamic templates', () => {
  const call = (method: string, path: string, body?: unknown) =>
    server.request(`/v3/templates${path}`, {
      method,
      ...(body === undefined ? { headers: { authorization: 'Bearer SG.key' } } : json(body)),
    })
  const create = async (version?: object) => {
    const { body } = await call('POST', '', { name: 'Welcome', generation: 'dynamic' })
    const { id } = body as { id: string }
    if (version !== undefined) await call('POST', `/${id}/versions`, { name: 'v1', ...version })
    return id
  }
  const mail = (templateId: string, data?: object) => ({
    personalizations: [{ to: [{ email: 'ann@example.com' }], dynamic_template_data: data }],
    from: { email: 'noreply@manireports.test' },
    template_id: templateId,
  })

  it('are created, versioned, activated, changed and deleted', async () => {
    const { status, body } = await call('POST', '', { name: 'Welcome', generation: 'dynamic' })
    expect(status).toBe(201)
    expect(body).toEqual({
      id: expect.stringMatching(/^d-[0-9a-f]{32}$/),
      name: 'Welcome',
      generation: 'dynamic',
      updated_at: '2026-01-01 00:00:00',
      versions: [],
    })
    const { id } = body as { id: string }
    const first = await call('POST', `/${id}/versions`, { name: 'v1', subject: 'Hi', html_content: '<p>Hi</p>' })
    expect(first.status).toBe(201)
    expect(first.body).toMatchObject({ template_id: id, active: 1, name: 'v1', subject: 'Hi', editor: 'code' })
    const second = await call('POST', `/${id}/versions`, { name: 'v2', subject: 'Hello', html_content: 'x' })
    const { id: version } = second.body as { id: string }
    expect(second.body).toMatchObject({ active: 0 })
    expect((await call('POST', `/${id}/versions/${version}/activate`)).body).toMatchObject({ active: 1 })
    expect((await call('PATCH', `/${id}/versions/${version}`, { subject: 'Moin' })).body).toMatchObject({
      active: 1,
      name: 'v2',
      subject: 'Moin',
    })
    expect((await call('PATCH', `/${id}`, { name: 'Hey' })).body).toMatchObject({ name: 'Hey' })
    const { versions } = (await call('GET', `/${id}`)).body as { versions: object[] }
    expect(versions).toMatchObject([
      { name: 'v1', active: 0 },
      { name: 'v2', active: 1 },
    ])
    expect((await call('GET', '?generations=dynamic&page_size=200')).body).toMatchObject({ result: [{ id }] })
    expect((await call('DELETE', `/${id}/versions/${version}`)).status).toBe(204)
    expect((await call('DELETE', `/${id}`)).status).toBe(204)
    expect((await call('GET', `/${id}`)).status).toBe(404)
  })

  it('are sent with each recipient’s data, html escaped, text and subject not', async () => {
    const id = await create({
      subject: 'Für {{name}}',
      html_content:
        '<p>{{name}} {{{name}}}{{absent}}</p>{{#if courses}}<ul>{{#each courses}}<li>{{@index}} {{this.title}} {{../name}}</li>{{/each}}</ul>' +
        '{{else if none}}none{{else}}nothing{{/if}}',
      plain_content: 'Hi {{name}}',
    })
    const before = server.count()
    const to = (email: string, dynamic_template_data: object) => ({ to: [{ email }], dynamic_template_data })
    const { status } = await server.request(
      '/v3/mail/send',
      json({
        ...mail(id),
        personalizations: [
          to('ann@example.com', { name: 'Ann & <b>', courses: [{ title: 'A' }, { title: 'B' }] }),
          to('bob@example.com', { name: 'Bob', none: true }),
          to('cid@example.com', {}),
        ],
      }),
    )
    expect(status).toBe(202)
    const sent = (await server.sent(before)).map(({ envelope, mail: { subject, html, text } }) => ({
      to: envelope.to.join(),
      subject,
      html: html?.trim(),
      text: text?.trim(),
    }))
    expect(sent.toSorted((a, b) => a.to.localeCompare(b.to))).toEqual([
      {
        to: 'ann@example.com',
        subject: 'Für Ann & <b>',
        html: '<p>Ann &amp; &lt;b&gt; Ann & <b></p><ul><li>0 A Ann &amp; &lt;b&gt;</li><li>1 B Ann &amp; &lt;b&gt;</li></ul>',
        text: 'Hi Ann & <b>',
      },
      { to: 'bob@example.com', subject: 'Für Bob', html: '<p>Bob Bob</p>none', text: 'Hi Bob' },
      { to: 'cid@example.com', subject: 'Für', html: '<p> </p>nothing', text: 'Hi' },
    ])
  })

  it.each([
    ['no such template', async () => mail('d-00000000000000000000000000000000'), /There is no template "d-0+"/],
    ['no version', async () => mail(await create()), /has no active version/],
  ])('a mail with %s is refused', async (_name, body, message) => {
    const before = server.count()
    const answer = await server.request('/v3/mail/send', json(await body()))
    expect(answer.status).toBe(400)
    expect(answer.body).toMatchObject({ errors: [{ field: 'template_id', message: expect.stringMatching(message) }] })
    expect(server.count()).toBe(before)
  })

  it('says what it does not render, when it is stored', async () => {
    const id = await create()
    const answer = await call('POST', `/${id}/versions`, { name: 'v', html_content: '{{formatDate at "YYYY"}}' })
    expect(answer.status).toBe(400)
    expect(answer.body).toMatchObject({
      errors: [
        {
          field: 'html_content',
          message: expect.stringMatching(/^Template has a tag that is not known here: \{\{formatDate.*Offload renders/),
        },
      ],
    })
    const legacy = await call('POST', '', { name: 'old' })
    expect(legacy.status).toBe(400)
    expect(legacy.text).toContain('dynamic templates alone')
    expect((await call('POST', '', 'no')).status).toBe(400)
    expect((await call('GET', '?page_size=x')).status).toBe(400)
    expect((await server.request('/v3/templates', { method: 'GET' })).status).toBe(401)
  })
})

it('no template makes it fail or slow', async () => {
  const source = fc
    .array(
      fc.oneof(
        fc.constantFrom('{{#if a}}', '{{#each a}}', '{{else}}', '{{else if b}}', '{{/if}}', '{{/each}}', '{{a}}'),
        fc.constantFrom('{{{', '}}}', '{{', '}}', '{{../a}}', '{{@index}}', '{{__proto__}}', '{{!x}}'),
        fc.string({ unit: 'binary' }),
      ),
    )
    .map((parts) => parts.join(''))
  const data = fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), fc.jsonValue())
  fc.assert(
    fc.property(source, data, fc.boolean(), (template, values, escapes) => {
      try {
        render(template, values as JsonObject, { escapes, missing: 'empty' })
      } catch (error) {
        expect(error).toBeInstanceOf(TemplateError)
      }
    }),
    { numRuns: 500 },
  )
  const began = process.cpuUsage()
  for (const many of ['{{ ', '{{', ' ', '{{#if a}}', '{{a ']) {
    try {
      render(`{{${many.repeat(200_000)}`, {}, { escapes: true, missing: 'empty' })
    } catch (error) {
      expect(error).toBeInstanceOf(TemplateError)
    }
  }
  expect(process.cpuUsage(began).user / 1000).toBeLessThan(2000)
})

describe('Mailgun’s templates', () => {
  const headers = { authorization: `Basic ${Buffer.from('api:key').toString('base64')}` }
  const domain = 'mg.example.com'
  const call = (method: string, path: string, form?: Record<string, string>) =>
    server.request(`/v3/${domain}/templates${path}`, {
      method,
      headers,
      ...(form === undefined ? {} : { body: new URLSearchParams(form) }),
    })
  const send = (form: Record<string, string>) =>
    server.request(`/v3/${domain}/messages`, {
      headers,
      body: new URLSearchParams({ from: 'a@mg.example.com', to: 'ann@example.com', subject: 's', ...form }),
    })

  it('are created, versioned, activated, changed and deleted', async () => {
    const created = await call('POST', '', { name: 'Reminder', description: 'd', template: '<p>{{name}}</p>' })
    expect(created.status).toBe(200)
    expect(created.body).toMatchObject({
      message: 'template has been stored',
      template: {
        name: 'reminder',
        description: 'd',
        createdAt: 'Thu, 01 Jan 2026 00:00:00 UTC',
        version: { tag: 'initial', engine: 'handlebars', template: '<p>{{name}}</p>', active: true },
      },
    })
    expect((await call('POST', '', { name: 'reminder' })).body).toEqual({
      message: 'template with name "reminder" already exists',
    })
    const next = await call('POST', '/reminder/versions', { template: 'Moin {{name}}', tag: 'V2', active: 'yes' })
    expect(next.body).toMatchObject({
      message: 'new version of the template has been stored',
      template: { version: { tag: 'v2', active: true } },
    })
    expect((await call('GET', '/reminder?active=yes')).body).toMatchObject({ template: { version: { tag: 'v2' } } })
    expect((await call('GET', '/reminder/versions')).body).toMatchObject({
      template: {
        versions: [
          { tag: 'initial', active: false },
          { tag: 'v2', active: true },
        ],
      },
    })
    expect((await call('PUT', '/reminder/versions/v2', { template: 'Hej {{name}}' })).status).toBe(200)
    expect((await call('GET', '/reminder/versions/v2')).body).toMatchObject({
      template: { version: { template: 'Hej {{name}}', active: true } },
    })
    expect((await call('PUT', '/reminder', { description: 'other' })).status).toBe(200)
    expect((await call('GET', '')).body).toMatchObject({ items: [{ name: 'reminder', description: 'other' }] })
    expect((await call('DELETE', '/reminder/versions/v2')).status).toBe(200)
    expect((await call('DELETE', '/reminder')).body).toEqual({
      message: 'template has been deleted',
      template: { name: 'reminder' },
    })
    expect(await call('GET', '/reminder')).toMatchObject({ status: 404, body: { message: 'template not found' } })
  })

  it('are sent with their variables, and with each recipient’s', async () => {
    await call('POST', '', { name: 'hi', template: '<p>{{name}} {{course}}</p>' })
    await call('POST', '/hi/versions', { tag: 'short', template: '{{name}}' })
    const before = server.count()
    await send({ template: 'hi', 't:variables': '{"name":"Ann & Bob"}', 'h:X-Mailgun-Variables': '{"course":"A"}' })
    await send({ template: 'hi', 't:version': 'short', 't:variables': '{"name":"Ann"}', text: 'plain' })
    await send({
      template: 'hi',
      't:variables': '{"name":"%recipient.first%"}',
      'recipient-variables': '{"ann@example.com":{"first":"Annette"}}',
    })
    const sent = await server.sent(before)
    expect(sent.map(({ mail: { html, text } }) => [html?.trim(), text?.trim()])).toEqual([
      ['<p>Ann &amp; Bob A</p>', undefined],
      ['Ann', 'plain'],
      ['<p>Annette </p>', undefined],
    ])
  })

  it.each([
    ['no such template', { template: 'absent' }, /^template "absent" does not exist in mg\.example\.com: create it/],
    ['no such version', { template: 'hi', 't:version': 'x' }, /^template "hi" has no version x$/],
    [
      'variables that are no JSON',
      { template: 'hi', 't:variables': '{' },
      /^t:variables parameter is not a valid JSON$/,
    ],
  ])('a mail with %s is refused', async (_name, form, message) => {
    const { status, body } = await send(form)
    expect(status).toBe(400)
    expect(body).toEqual({ message: expect.stringMatching(message) })
  })

  it('says what it does not render, when it is stored', async () => {
    expect(await call('POST', '', { name: 'x', template: '{{#equal a b}}{{/equal}}' })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('not known here: {{#equal a b}}') },
    })
    expect(await call('GET', '/x')).toMatchObject({ status: 404 })
    expect(await call('POST', '', { name: 'x', template: 'x', engine: 'go' })).toMatchObject({ status: 400 })
    expect(await call('POST', '', {})).toMatchObject({ status: 400 })
    expect(await server.request(`/v3/${domain}/templates`, { method: 'GET' })).toMatchObject({ status: 401 })
  })
})
