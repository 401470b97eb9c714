import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** One kept-alive connection that speaks just enough HTTP to cost the measured server's machine as little as it can. */
export interface Connection {
  /** Sends a whole request, resolves with the answer's body; rejects where the status is not 200. */
  ask(request: Buffer): Promise<string>
  close(): void
}

/** The bytes of a call in AWS's JSON protocol. */
export function sqsRequest({ host }: URL, action: string, input: object): Buffer {
  const body = JSON.stringify(input)
  return Buffer.from(
    `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/x-amz-json-1.0\r\n` +
      `X-Amz-Target: AmazonSQS.${action}\r\n` +
      'Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, ' +
      `SignedHeaders=host, Signature=${'0'.repeat(64)}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

export async function openConnection(url: URL): Promise<Connection> {
  const socket: Socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true })
  await once(socket, 'connect')
  let waiting: { resolve: (body: string) => void; reject: (error: Error) => void } | undefined
  let received: Buffer = Buffer.alloc(0)

  const end = (error: Error) => {
    waiting?.reject(error)
    waiting = undefined
  }
  socket.on('error', end)
  socket.on('close', () => end(new Error('the server closed the connection')))
  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    const headEnd = received.indexOf('\r\n\r\n')
    if (headEnd < 0) return
    const head = received.toString('latin1', 0, headEnd)
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
    if (received.length < headEnd + 4 + length) return
    const body = received.toString('utf8', headEnd + 4, headEnd + 4 + length)
    received = received.subarray(headEnd + 4 + length)
    const turn = waiting
    waiting = undefined
    if (head.startsWith('HTTP/1.1 200')) turn?.resolve(body)
    else turn?.reject(new Error(`${head.split('\r\n', 1)[0]}: ${body.slice(0, 500)}`))
  })
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        socket.write(request)
      }),
    close: () => socket.destroy(),
  }
}
