import type { CaseContext, ReceiverCase, WireRequest } from './case.ts'
import { accepted, answered, refused } from './define.ts'
import { callback, withHeaders } from './requests.ts'

const typed = (type: string) => (context: CaseContext) =>
  withHeaders(callback(context), (headers) =>
    headers.map(([name, value]) => [name, name === 'content-type' ? type : value]),
  )

const bare = (method: string) => (): WireRequest => ({ method, headers: [], body: new Uint8Array() })

const onlyPost =
  "answer 405 with the header Allow: POST where $_SERVER['REQUEST_METHOD'] !== 'POST', before anything else"

export const transportCases: readonly ReceiverCase[] = [
  refused({ id: 'transport/get', title: 'GET is refused', fix: onlyPost, send: bare('GET') }),
  refused({
    id: 'transport/put',
    title: 'PUT is refused, rightly signed too',
    fix: onlyPost,
    level: 'advised',
    send: (context) => ({ ...callback(context), method: 'PUT' }),
  }),
  answered({
    id: 'transport/options',
    title: 'OPTIONS brings no 5xx',
    fix: onlyPost,
    send: bare('OPTIONS'),
  }),
  accepted({
    id: 'transport/charset',
    title: 'application/json with a charset is accepted',
    fix: "do not compare the whole Content-Type: strpos($type, 'application/json') === 0, or do not look at it",
    send: typed('application/json; charset=utf-8'),
  }),
  answered({
    id: 'transport/text-plain',
    title: 'another content type brings no 5xx',
    fix: "read file_get_contents('php://input') whatever the type, or answer 415",
    send: typed('text/plain'),
  }),
  answered({
    id: 'transport/form-type',
    title: 'JSON under the content type of a form brings no 5xx',
    fix: "read file_get_contents('php://input'), not $_POST",
    send: typed('application/x-www-form-urlencoded'),
  }),
  answered({
    id: 'transport/multipart-type',
    title: 'JSON under the content type of an upload brings no 5xx',
    fix: "answer 4xx where file_get_contents('php://input') is empty: PHP keeps no body of multipart/form-data",
    send: typed('multipart/form-data; boundary=x'),
  }),
  answered({
    id: 'transport/chunked',
    title: 'a chunked body is answered, accepted or with a 4xx',
    fix: 'let the web server pass chunked bodies on (Apache: SetEnv proxy-sendcl 1; nginx does so by itself)',
    send: (context) => ({ ...callback(context), chunked: true }),
  }),
]
