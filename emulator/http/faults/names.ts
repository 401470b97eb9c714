import { isOperation, type OperationName } from '../../../contracts/faults/operations.ts'
import { decodePath } from '../../cloud/objects/sigv4.ts'
import { operationOf as s3OperationOf } from '../s3/routes.ts'

/** A request as it is known when its body has been read. */
export interface Asked {
  readonly method: string
  /** As the router rewrote it, with the service in front: `/@ses/v2/email/outbound-emails`. */
  readonly url: string
  /** As the client wrote it. */
  readonly originalUrl: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** SES v2's calls that send; its others are one operation here. */
const sesV2: Readonly<Record<string, OperationName>> = {
  'POST /v2/email/outbound-emails': 'ses.SendEmail',
  'POST /v2/email/outbound-bulk-emails': 'ses.SendBulkEmail',
}

const providers: Readonly<Record<string, OperationName>> = {
  sendgrid: 'sendgrid.send',
  mailgun: 'mailgun.send',
  mailchannels: 'mailchannels.send',
  'cloudflare-email': 'cloudflare.send',
}

const cloudflareQueues: Readonly<Record<string, OperationName>> = {
  messages: 'cloudflare.push',
  batch: 'cloudflare.push-batch',
  pull: 'cloudflare.pull',
  ack: 'cloudflare.ack',
}

/** The operation that a request asks for, by its name in fault rules; undefined for what is none. */
export function nameOf(asked: Asked): OperationName | undefined {
  const { method, url } = asked
  const [path = ''] = url.split('?', 1)
  const [, service, rest = '/'] = /^\/@([a-z0-9-]+)(\/.*)?$/.exec(path) ?? []
  switch (service) {
    case undefined:
      if (method !== 'POST') return undefined
      if (path.startsWith('/local/')) return 'moodle.callback'
      return path === '/jobs' || path === '/' ? 'ingest.submit' : undefined
    case 'sqs':
      return known(`sqs.${actionOf(asked) ?? ''}`)
    case 's3':
      return known(`s3.${s3NameOf(asked) ?? ''}`)
    case 'ses':
      if (rest.startsWith('/v2/')) return sesV2[`${method} ${rest}`] ?? 'ses.other'
      return known(`ses.${actionOf(asked) ?? ''}`) ?? 'ses.other'
    case 'cloudflare-queues':
      return cloudflareQueues[path.split('/').at(-1) ?? '']
    default:
      return method === 'POST' ? providers[service] : undefined
  }
}

const known = (name: string): OperationName | undefined => (isOperation(name) ? name : undefined)

/** AWS's operation: in a header with JSON, in the query or the form without. */
function actionOf({ headers, originalUrl, body }: Asked): string | undefined {
  const target = headers['x-amz-target']
  if (typeof target === 'string') return target.split('.').at(-1)
  const query = originalUrl.includes('?') ? originalUrl.slice(originalUrl.indexOf('?') + 1) : ''
  return new URLSearchParams(query).get('Action') ?? /(?:^|&)Action=(\w+)/.exec(body.toString('latin1'))?.[1]
}

/** The bucket may stand in the Host; then a path that names nothing is the bucket's own. */
function s3NameOf({ method, originalUrl, headers }: Asked): string | undefined {
  const mark = originalUrl.indexOf('?')
  const path = mark < 0 ? originalUrl : originalUrl.slice(0, mark)
  const query = new URLSearchParams(mark < 0 ? '' : originalUrl.slice(mark + 1))
  const virtualHost = /\.s3[.-]|^[^.:]+\.localhost|\.r2\.cloudflarestorage/.test(String(headers['host'] ?? ''))
  try {
    const names = decodePath(path).replace(/^\//, '').split('/')
    const [bucket = '', ...key] = virtualHost ? ['in the host', ...names] : names
    const copy = headers['x-amz-copy-source']
    const asked = {
      bucket,
      key: key.join('/'),
      bucketOfHost: undefined,
      method,
      query,
      headers: { 'x-amz-copy-source': typeof copy === 'string' ? copy : undefined },
    }
    // The functions are named as S3 names its operations, but for the first letter.
    const { name } = s3OperationOf(asked)
    const upper = `${name.charAt(0).toUpperCase()}${name.slice(1)}`
    return upper === 'GetObject' && method === 'HEAD' ? 'HeadObject' : upper
  } catch {
    return undefined
  }
}
