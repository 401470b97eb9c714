import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import type { MessageAttributes } from './contents.ts'
import type { HeldMessage, MessageRow } from './message.ts'
import { readReceipt, writeReceipt } from './receipt-handle.ts'
import type { Queue } from './registry.ts'

/** Who holds a message: a receive makes a holder, and a receipt handle names one. */
export function createHolders({ store, clock }: { readonly store: Store; readonly clock: Clock }) {
  const hold = (queue: Queue, row: MessageRow, now: number, visibleAt: number, embedded: boolean): HeldMessage => {
    const receiveCount = row.receiveCount + 1
    const firstReceivedAt = row.receiveCount === 0 ? now : row.firstReceivedAt
    store.run(
      'UPDATE queue_messages SET visible_at = ?, receive_count = ?, first_received_at = ?, embedded = ? WHERE id = ?',
      visibleAt,
      receiveCount,
      firstReceivedAt,
      embedded ? 1 : 0,
      row.id,
    )
    return {
      messageId: row.messageId,
      receiptHandle: writeReceipt(queue.id, row.id, receiveCount, row.messageId),
      body: row.body,
      md5: row.md5,
      attributes: row.attributes === null ? undefined : (JSON.parse(row.attributes) as MessageAttributes),
      system: row.system === null ? {} : (JSON.parse(row.system) as Record<string, string>),
      sentAt: row.sentAt,
      receiveCount,
      firstReceivedAt,
      visibleAt,
      sourceArn: row.source ?? undefined,
    }
  }

  const holder = (queue: Queue, receiptHandle: string) => {
    const receipt = readReceipt(receiptHandle, queue.id)
    const row = store.get<
      Pick<MessageRow, 'id' | 'messageId' | 'receiveCount' | 'visibleAt' | 'group'> & { queue: number }
    >(
      `SELECT id, queue, message_id AS messageId, receive_count AS receiveCount, visible_at AS visibleAt, group_id AS "group"
       FROM queue_messages WHERE id = ?`,
      receipt.id,
    )
    if (row === undefined || row.queue !== queue.id || !row.messageId.startsWith(receipt.message)) {
      return { holding: 'gone' } as const
    }
    const stale = row.receiveCount !== receipt.receive
    if (queue.settings.fifo && (stale || row.visibleAt <= clock.now())) return { holding: 'expired' } as const
    return stale ? ({ holding: 'stale' } as const) : ({ holding: 'held', row } as const)
  }

  return { hold, holder }
}
