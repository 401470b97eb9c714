import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Journal, JournalEntry } from '../../kernel/journal.ts'

/**
 * The journal as server-sent events: `id` is the entry's, `event` its type, `data` the entry as JSON.
 * `Last-Event-ID` (or `?after=`) resumes without a gap; without it the stream begins now.
 */
export function eventStream(journal: Journal, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const raw = reply.raw
  reply.hijack()
  raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', connection: 'keep-alive' })
  raw.write(': the journal\n\n')
  const write = (entry: JournalEntry) => {
    raw.write(`id: ${entry.id}\nevent: ${entry.event.type}\ndata: ${JSON.stringify(entry)}\n\n`)
  }
  const query = request.query as Record<string, string | undefined>
  const after = Number(request.headers['last-event-id'] ?? query['after'])
  if (Number.isSafeInteger(after)) for (const entry of journal.read({ after })) write(entry)
  const unsubscribe = journal.subscribe(write)
  raw.once('close', unsubscribe)
  return reply
}
