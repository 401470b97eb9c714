import type { IncomingHttpHeaders } from 'node:http'

interface Raw {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: IncomingHttpHeaders
}

/** Paths that are ours whatever the method; no bucket can have these names. */
const own = /^\/(_offload|verify|local\/manireports)(\/|$)|^\/(jobs|health|favicon\.ico)?$/

/** The service in a SigV4 credential scope: `…/20260101/us-east-1/sqs/aws4_request`. */
const scope = /\/\d{8}\/[^/,]*\/([a-z0-9-]+)\/aws4_request/

/**
 * Everything AWS shares one port with the ingest, the control API and the page. The service is chosen by the SigV4 scope,
 * then `X-Amz-Target`, then `Action=`, then the path; the faces are mounted under prefixes that no client can mean.
 */
export function rewriteUrl({ method = 'GET', url = '/', headers }: Raw): string {
  const [path = '/', query = ''] = split(url)
  if (path.startsWith('/_offload')) return url
  const presigned = /(^|&)(X-Amz-Signature|X-Amz-Algorithm|X-Amz-Credential|AWSAccessKeyId)=/i.test(query)
  const service =
    scope.exec(headers.authorization ?? '')?.[1] ??
    (presigned ? scope.exec(decodeURIComponentSafely(query))?.[1] : undefined)
  if (service === 's3') return `/@s3${url}`
  if (service === 'sqs') return `/@sqs${url}`

  const target = headers['x-amz-target']
  if (typeof target === 'string' && target.startsWith('AmazonSQS.')) return `/@sqs${url}`
  const form = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true
  const queuePath = /^\/\d{12}\/[^/]+\/?$/.test(path)
  if ((form && method === 'POST' && (path === '/' || queuePath)) || /(^|&)Action=/.test(query)) return `/@sqs${url}`
  if (queuePath) return `/@sqs${url}`
  if (presigned) return `/@s3${url}`
  if (own.test(path) || method === 'POST' || method === 'OPTIONS') return url
  return `/@s3${url}`
}

function split(url: string): string[] {
  const mark = url.indexOf('?')
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)]
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
