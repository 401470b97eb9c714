import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Journal, JournalEntry } from '../../kernel/journal.ts'

/** Entries read from the journal at a time, for a client that is behind. */
const pageSize = 1000

/**
 * The journal as server-sent events: `id` is the entry's, `event` its type, `data` the entry as JSON.
 * `Last-Event-ID` (or `?after=`) resumes without a gap; without it the stream begins now. A client that reads slowly is
 * behind, no more: it gets the journal from the state file at its own speed, and nothing waits for it in memory.
 */
export function eventStream(journal: Journal, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const raw = reply.raw
  const query = request.query as Record<string, string | undefined>
  const after = Number(request.headers['last-event-id'] ?? query['after'])
  const newest = journal.read({ last: 1 })[0]?.id ?? 0
  // An id from before the state was thrown away may be ahead of all that there is.
  let sent = Number.isSafeInteger(after) ? Math.min(after, newest) : newest
  let behind = true

  const write = (entry: JournalEntry) => {
    sent = entry.id
    return raw.write(`id: ${entry.id}\nevent: ${entry.event.type}\ndata: ${JSON.stringify(entry)}\n\n`)
  }
  const catchUp = () => {
    if (raw.destroyed) return
    const page = journal.read({ after: sent, first: pageSize })
    for (const entry of page) write(entry)
    behind = page.length === pageSize || raw.writableNeedDrain
    if (raw.writableNeedDrain) raw.once('drain', catchUp)
    else if (behind) setImmediate(catchUp)
  }

  reply.hijack()
  raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', connection: 'keep-alive' })
  raw.write(': the journal\n\n')
  const unsubscribe = journal.subscribe((entry) => {
    if (behind || entry.id <= sent || write(entry)) return
    behind = true
    raw.once('drain', catchUp)
  })
  raw.once('close', unsubscribe)
  catchUp()
  return reply
}
