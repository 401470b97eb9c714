import { expect, test } from 'vitest'
import { sesServer } from './ses-server.ts'

test('10 MB in v1, 40 MB in v2', async () => {
  const server = await sesServer()
  const header = 'From: a@example.com\r\nTo: b@example.com\r\n\r\n'
  const message = (bytes: number) => Buffer.from(header.padEnd(bytes, 'x'))
  const v1 = async (bytes: number) => {
    const data = encodeURIComponent(message(bytes).toString('base64'))
    const body = `Action=SendRawEmail&Version=2010-12-01&RawMessage.Data=${data}`
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const response = await fetch(server.url, { method: 'POST', body, headers })
    return { status: response.status, text: await response.text() }
  }
  const v2 = async (bytes: number) => {
    const body = `{"Content":{"Raw":{"Data":"${message(bytes).toString('base64')}"}}}`
    const response = await fetch(`${server.url}/v2/email/outbound-emails`, { method: 'POST', body })
    return { status: response.status, type: response.headers.get('x-amzn-errortype'), text: await response.text() }
  }
  // Without the clients, which take seconds for so much.
  const megabyte = 1024 * 1024
  expect(await v1(10 * megabyte)).toMatchObject({ status: 200 })
  expect(await v1(10 * megabyte + 1)).toEqual({
    status: 400,
    text: expect.stringContaining(
      '<Code>InvalidParameterValue</Code>' +
        "<Message>Message length is more than 10485760 bytes long: '10485761'.</Message>",
    ),
  })
  expect(await v2(40 * megabyte)).toMatchObject({ status: 200 })
  expect(await v2(40 * megabyte + 1)).toMatchObject({
    status: 400,
    type: 'BadRequestException',
    text: expect.stringContaining('Message length is more than 41943040 bytes long'),
  })
  expect(server.delivered).toHaveLength(2)
})
