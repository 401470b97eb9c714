import type { Clock } from '../../kernel/clock.ts'
import type { HeldMessage, Message } from './message.ts'
import type { MessageStore } from './message-store.ts'
import { readReceipt, writeReceipt } from './receipt-handle.ts'
import type { Queue } from './registry.ts'

/** Who holds a message: a receive makes a holder, and a receipt handle names one. */
export function createHolders({ clock, kept }: { readonly clock: Clock; readonly kept: MessageStore }) {
  const hold = (queue: Queue, message: Message, visibleAt: number, embedded: boolean): HeldMessage => {
    const receiveCount = message.receiveCount + 1
    const now = clock.now()
    const firstReceivedAt = message.receiveCount === 0 ? now : message.firstReceivedAt
    kept.change(message, { visibleAt, receiveCount, firstReceivedAt, embedded })
    return {
      messageId: message.messageId,
      receiptHandle: writeReceipt(queue.id, message.id, receiveCount, message.messageId, now),
      body: kept.bodyOf(message),
      md5: message.md5,
      attributes: message.attributes,
      system: message.system ?? {},
      sentAt: message.sentAt,
      receiveCount,
      firstReceivedAt,
      visibleAt,
      sourceArn: message.source,
    }
  }

  const holder = (queue: Queue, receiptHandle: string) => {
    const receipt = readReceipt(receiptHandle, queue.id)
    const message = kept.find(receipt.id)
    if (message === undefined || message.queue !== queue.id || !message.messageId.startsWith(receipt.message)) {
      return { holding: 'gone' } as const
    }
    const stale = message.receiveCount !== receipt.receive
    if (queue.settings.fifo && (stale || message.visibleAt <= clock.now())) return { holding: 'expired' } as const
    return stale ? ({ holding: 'stale' } as const) : ({ holding: 'held', message } as const)
  }

  return { hold, holder }
}
