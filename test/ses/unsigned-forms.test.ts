import { expect, it } from 'vitest'
import { sesForms, type FormRequest } from '../../emulator/http/ses/face.ts'
import { createIds } from '../../emulator/kernel/ids.ts'
import { running } from '../end-to-end/running.ts'
import { sesServer } from './ses-server.ts'

const type = { 'content-type': 'application/x-www-form-urlencoded' }
const action = 'Action=SendEmail&Version=2010-12-01'
const mail = new URLSearchParams({
  Source: 'a@example.com',
  'Destination.ToAddresses.member.1': 'ann@example.com',
  'Message.Subject.Data': 'unsigned',
  'Message.Body.Text.Data': 'Version=2012-11-05',
}).toString()
const sent = /^<SendEmailResponse xmlns="http:\/\/ses\.amazonaws\.com.*<MessageId>0108/

it('a form with SES’s Version, in its body or in the query, goes to SES, and to SQS with its', async () => {
  const { url, mailpit } = await running({})
  const ask = async (path: string, body?: string) => {
    const init = body === undefined ? {} : { headers: type, body }
    const response = await fetch(`${url}${path}`, { method: 'POST', ...init })
    return { status: response.status, text: await response.text() }
  }
  const answered = { status: 200, text: expect.stringMatching(sent) }
  expect(await ask('/', `${action}&${mail}`)).toEqual(answered)
  expect(await ask(`/?${action}&${mail}`)).toEqual(answered)
  expect(await ask(`/?${action}`, mail)).toEqual(answered)
  expect(await ask(`/?${action}`)).toEqual({
    status: 400,
    text: expect.stringMatching(/^<ErrorResponse xmlns="http:\/\/ses.*<Code>ValidationError<\/Code>/),
  })
  expect((await ask('/?Action=ListQueues&Version=2012-11-05')).text).toContain('<ListQueuesResponse')
  expect((await ask('/', 'Action=ListQueues&Version=2012-11-05')).text).toContain('<ListQueuesResponse')
  // Any page could make a browser do this.
  expect((await fetch(`${url}/?${action}&${mail}`)).status).toBe(400)
  expect((await mailpit.listMessages()).total).toBe(3)
})

it('a form that came to another face is SES’s by the Version in its body', async () => {
  const { ses, delivered, clock } = await sesServer()
  const options = { ses, ids: createIds({ seed: 's', installation: 'i', boot: 1 }), onError: () => undefined }
  const ask = (body: string, given: Partial<FormRequest> = {}, more: Partial<Parameters<typeof sesForms>[0]> = {}) =>
    sesForms({ ...options, ...more })({
      method: 'POST',
      originalUrl: '/',
      headers: type,
      body: Buffer.from(body),
      ...given,
    })
  const answered = { status: 200, text: expect.stringMatching(sent) }
  expect(await ask(`${action}&${mail}`)).toMatchObject(answered)
  expect(await ask(`${mail}&${action}`)).toMatchObject(answered)
  expect(delivered).toHaveLength(2)
  expect(await ask(action)).toMatchObject({
    status: 400,
    headers: { 'x-amzn-requestid': expect.stringMatching(/^[0-9a-f-]{36}$/) },
    text: expect.stringMatching(/^<ErrorResponse xmlns="http:\/\/ses.*<Code>ValidationError<\/Code>/),
  })
  expect(
    ask(`Action=SendMessage&Version=2012-11-05&${new URLSearchParams({ MessageBody: `&${action}` }).toString()}`),
  ).toBeUndefined()
  expect(ask(`${action}0`)).toBeUndefined()
  expect(ask(action, { method: 'GET' })).toBeUndefined()
  const signers = { credentials: [{ accessKeyId: 'test', secretAccessKey: 'test' }], clock }
  expect(await ask(`${action}&${mail}`, {}, { signers })).toMatchObject({
    status: 403,
    text: expect.stringMatching(/^<ErrorResponse xmlns="http:\/\/ses.*<Code>MissingAuthenticationToken<\/Code>/),
  })
})
