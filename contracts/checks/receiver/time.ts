import type { CaseContext, ReceiverCase } from './case.ts'
import { accepted, answered, refused, stampedOnly } from './define.ts'
import { bodyText, callback, secondsOf, signed, withFields } from './requests.ts'

const fix =
  "take epoch seconds alone: is_int($payload->timestamp ?? null) && abs(time() - $payload->timestamp) <= 300, else 401; time() - 'words' and time() - [] are a TypeError, a 500"

const stamp = (value: unknown) => (context: CaseContext) =>
  withFields(context, (fields) => ({ ...fields, timestamp: value }))
const raw = (text: string) => (context: CaseContext) =>
  signed(context, bodyText(callback(context)).replace(/"timestamp":\d+/, `"timestamp":${text}`))
const skewed = (seconds: number) => (context: CaseContext) => stamp(secondsOf(context) + seconds)(context)

const stale = (name: string, title: string, send: ReturnType<typeof stamp>, exactClock = false) =>
  refused({ id: `time/${name}`, title, fix, except: stampedOnly, send, ...(exactClock ? { exactClock } : {}) })
const fresh = (name: string, title: string, send: ReturnType<typeof stamp>, exactClock = false) =>
  accepted({ id: `time/${name}`, title, fix, except: stampedOnly, send, ...(exactClock ? { exactClock } : {}) })

export const timeCases: readonly ReceiverCase[] = [
  stale('305-s-old', 'a callback of 305 s ago is refused', skewed(-305)),
  fresh('295-s-old', 'a callback of 295 s ago is accepted', skewed(-295)),
  fresh('295-s-ahead', 'a callback from a clock 295 s ahead is accepted', skewed(295)),
  stale('305-s-ahead', 'a callback from a clock 305 s ahead is refused', skewed(305)),
  stale('301-s-old', 'a callback of 301 s ago is refused', skewed(-301), true),
  fresh('300-s-old', 'a callback of exactly 300 s ago is accepted', skewed(-300), true),
  fresh('299-s-old', 'a callback of 299 s ago is accepted', skewed(-299), true),
  fresh('299-s-ahead', 'a callback from a clock 299 s ahead is accepted', skewed(299), true),
  fresh('300-s-ahead', 'a callback from a clock exactly 300 s ahead is accepted', skewed(300), true),
  stale('301-s-ahead', 'a callback from a clock 301 s ahead is refused', skewed(301), true),
  stale('missing', 'a callback without a timestamp is refused', stamp(undefined)),
  stale('null', 'null as timestamp is refused', stamp(null)),
  stale('true', 'true as timestamp is refused', stamp(true)),
  stale('list', 'a list as timestamp is refused', (context) => stamp([secondsOf(context)])(context)),
  stale('words', 'words as timestamp are refused', stamp('now')),
  stale('iso', 'an ISO 8601 time as timestamp is refused', (context) =>
    stamp(new Date(context.now).toISOString())(context),
  ),
  stale('milliseconds', 'milliseconds as timestamp are refused', (context) => stamp(context.now)(context)),
  stale('infinite', '1e400 as timestamp is refused', raw('1e400')),
  answered({
    id: 'time/text-of-digits',
    title: 'the seconds as a text of digits bring no 5xx',
    fix,
    except: stampedOnly,
    send: (context) => stamp(String(secondsOf(context)))(context),
  }),
  answered({
    id: 'time/fraction',
    title: 'seconds with a fraction bring no 5xx',
    fix,
    except: stampedOnly,
    send: (context) => stamp(secondsOf(context) + 0.5)(context),
  }),
]
