import type { Subject } from '../../../contracts/faults/decide.ts'
import { sleep, type Clock } from '../../kernel/clock.ts'
import type { Faults } from '../../kernel/faults/faults.ts'
import { identifierHeader, scanHeaders } from './headers.ts'
import type { Received } from './smtp.ts'

/** The connection ends, and its client never hears what became of its message. */
export class CutOff extends Error {
  constructor() {
    super('the connection closed before an answer came')
    this.name = 'CutOff'
  }
}

/** A refusal with its SMTP code, as smtp-server writes it. */
class Refused extends Error {
  readonly responseCode: number
  constructor(responseCode: number, message: string) {
    super(message)
    this.responseCode = responseCode
  }
}

/** A client without an answer gives up after so long. */
const clientTimeoutMs = 30_000

const words: Readonly<Record<string, string>> = {
  421: '4.3.2 Service not available, closing transmission channel',
  450: '4.2.1 Mailbox temporarily unavailable',
  451: '4.3.0 Local error in processing',
  452: '4.2.2 Mailbox full',
  454: '4.7.0 Throttling failure',
  550: '5.1.1 User unknown',
  551: '5.1.6 User not local',
  552: '5.3.4 Message too big',
  553: '5.1.3 Bad destination mailbox address syntax',
  554: '5.7.1 Transaction failed',
}

type Accept = (received: Received) => Promise<string>

/** The inbox's way in, where a fault rule may refuse, delay, double or lose a message. Throws CutOff, or what has a `responseCode`. */
export function faultyAccept(accept: Accept, { faults, clock }: { faults: Faults | undefined; clock: Clock }) {
  const stopping = new AbortController()
  const faulty: Accept = async (received) => {
    const struck = faults?.strike('inbox.accept', subjectOf(received))
    switch (struck?.effect.kind) {
      case 'error': {
        const { code } = struck.effect
        throw new Refused(Number(code), words[code] ?? 'Refused by a fault rule')
      }
      case 'delay':
        await sleep(clock, struck.delayMs, stopping.signal)
        return await accept(received)
      case 'hang':
        await sleep({ ...clock, deadline: (delay) => clock.now() + delay }, clientTimeoutMs, stopping.signal)
        throw new CutOff()
      case 'reset':
        throw new CutOff()
      case 'answer-lost':
        await accept(received)
        throw new CutOff()
      case 'duplicate':
        await accept(received)
        return await accept(received)
      default:
        return await accept(received)
    }
  }
  const run: Accept = (received) => (faults?.active('inbox.accept') === true ? faulty(received) : accept(received))
  return { accept: run, endWaits: () => stopping.abort() }
}

function subjectOf({ to, raw }: Received): Subject {
  return { addresses: to, identity: `${identifierHeader(scanHeaders(raw), 'message-id')} ${to.join()}` }
}
