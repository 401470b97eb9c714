import type { IncomingHttpHeaders } from 'node:http'
import { providerOf } from './providers/routes.ts'

interface Raw {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: IncomingHttpHeaders
}

/** A request target without its scheme and host, which clients of a proxy send (`curl -x`). */
export function originForm(target: string): string {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '')
  return path === '' || path.startsWith('?') ? `/${path}` : path
}

/** Paths that are ours whatever the method; no bucket can have these names. */
const own = /^\/(_offload|verify|local\/manireports)(\/|$)|^\/(jobs|health|favicon\.ico)?$/

/** S3's keys may be what no router accepts as a path; its face reads the original URL. */
const s3 = '/@s3/'

/** The service in a SigV4 credential scope: `…/20260101/us-east-1/sqs/aws4_request`. */
const scope = /\/\d{8}\/[^/,]*\/([a-z0-9-]+)\/aws4_request/

/** The version of SES's forms in a query; in a body it is found once that is read (`sesForms`). */
const sesV1 = /(^|&)Version=2010-12-01(&|$)/

/**
 * Everything AWS shares one port with the ingest, the control API and the page. The service is chosen by the SigV4 scope,
 * then SES's `Version` in the query, then `X-Amz-Target`, then a provider's path, then `Action=`, then the path; the faces are mounted under prefixes that no client can mean.
 */
export function rewriteUrl(raw: Raw): string {
  const url = faceOf(raw)
  if (!url.includes('%')) return url
  const [path = '/'] = split(url)
  // Else the router refuses it, in nobody's form: a face takes the percent signs as they were written.
  return isDecodable(path) ? url : path.replaceAll('%', '%25') + url.slice(path.length)
}

function faceOf({ method = 'GET', url: target = '/', headers }: Raw): string {
  const url = originForm(target)
  const [path = '/', query = ''] = split(url)
  if (path.startsWith('/_offload')) return url
  const presigned = /(^|&)(X-Amz-Signature|X-Amz-Algorithm|X-Amz-Credential|AWSAccessKeyId)=/i.test(query)
  const service =
    scope.exec(headers.authorization ?? '')?.[1] ??
    (presigned ? scope.exec(decodeURIComponentSafely(query))?.[1] : undefined)
  if (service === 's3') return s3
  if (service === 'sqs') return `/@sqs${url}`
  if (service === 'ses' || path.startsWith('/v2/email/') || (path === '/' && sesV1.test(query))) return `/@ses${url}`

  const operation = headers['x-amz-target']
  if (typeof operation === 'string' && operation.startsWith('AmazonSQS.')) return `/@sqs${url}`
  const provider = providerOf(path)
  if (provider !== undefined) return `/@${provider}${url}`
  const form = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true
  // A form is what `curl -d` says that it sends, also where it is a job: SQS has no tokens.
  const token = /^Bearer /i.test(headers.authorization ?? '') || headers['x-api-key'] !== undefined
  if ((form && method === 'POST' && path === '/' && !token) || /(^|&)Action=/.test(query)) return `/@sqs${url}`
  if (/^\/\d{12}\/[^/]+\/?$/.test(path)) return `/@sqs${url}`
  if (presigned) return s3
  if (path === '/jobs/' || path === '/health/') return path.slice(0, -1) + url.slice(path.length)
  if (own.test(path) || method === 'POST' || method === 'OPTIONS') return url
  return s3
}

function split(url: string): string[] {
  const mark = url.indexOf('?')
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)]
}

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
