import type { Dialect } from '../../job.ts'
import type { CaseContext, ReceiverCase, Step, WireRequest } from './case.ts'
import { mustAccept, mustAnswer, mustRefuse } from './judge.ts'

type Except = Partial<Record<Dialect, string>>
type Optional = 'level' | 'except' | 'needs' | 'judge' | 'plan'
type Given = Omit<ReceiverCase, Optional> & Partial<Pick<ReceiverCase, 'level' | 'except' | 'needs'>>
type Simple = Given & { readonly send: (context: CaseContext) => WireRequest }

const single =
  (send: Simple['send']): ReceiverCase['plan'] =>
  (context): Step[] => [{ request: send(context) }]

/** A request that must be refused, and change nothing. */
export const refused = ({ send, ...given }: Simple): ReceiverCase => ({
  level: 'required',
  except: {},
  needs: 'untouched',
  ...given,
  plan: single(send),
  judge: mustRefuse,
})

/** A valid callback, in a form that a receiver might stumble over. */
export const accepted = ({ send, ...given }: Simple): ReceiverCase => ({
  level: 'required',
  except: {},
  needs: 'own',
  leaves: 'one job with its recipients completed',
  ...given,
  plan: single(send),
  judge: mustAccept,
})

/** A request that may be accepted or refused, but not answered with a 5xx. */
export const answered = ({ send, ...given }: Simple): ReceiverCase => ({
  level: 'required',
  except: {},
  needs: 'done',
  ...given,
  plan: single(send),
  judge: mustAnswer,
})

/** Several steps, and a judgement of their own; on a job of their own unless told otherwise. */
export const sequence = (given: Given & Pick<ReceiverCase, 'plan' | 'judge'>): ReceiverCase => ({
  level: 'required',
  except: {},
  needs: 'own',
  leaves: 'one job with the outcome of the case',
  ...given,
})

const unsignedReason = 'the dialect names no way to authenticate a callback'

/** The dialects that name no way to authenticate; `X-Signature` goes with them, and may be checked. */
export const unsignedOnly: Except = { spec: 'the other cases look closer', plugin: 'the token is what counts' }
export const signedOnly: Except = { detailed: unsignedReason, flow: unsignedReason, plugin: 'the token is what counts' }
export const tokenOnly: Except = {
  spec: 'there is no token in the body',
  detailed: 'there is no token in the body',
  flow: 'there is no token in the body',
}
const withoutTime = 'the body carries no timestamp'
export const stampedOnly: Except = { detailed: withoutTime, flow: withoutTime, plugin: withoutTime }
const perRecipient = 'the callback carries no counts'
export const cumulativeOnly: Except = { spec: perRecipient }
const countsAlone = 'the callback has counts and no recipients'
export const withRowsOnly: Except = { flow: countsAlone }
