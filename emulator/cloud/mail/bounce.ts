/** Why a message came back, in SES's terms. */
export interface Bounce {
  readonly type: 'Permanent' | 'Transient' | 'Undetermined'
  readonly subType:
    | 'General'
    | 'Suppressed'
    | 'OnAccountSuppressionList'
    | 'MailboxFull'
    | 'MessageTooLarge'
    | 'ContentRejected'
    | 'Undetermined'
  /** Enhanced status code, such as `5.1.1`; empty where the message did not come back itself. */
  readonly status: string
  /** `smtp; 550 5.1.1 user unknown`, or SES's own sentence. */
  readonly diagnostic: string
  /** `dns; host` of the server that tells about it. */
  readonly reportingMta: string
}

/** `Permanent/General 5.1.1 smtp; 550 5.1.1 user unknown`. */
export const describeBounce = ({ type, subType, status, diagnostic }: Bounce): string =>
  [`${type}/${subType}`, status, diagnostic].filter((part) => part !== '').join(' ')

/** Whether the address does not exist, so that SES puts it on the account's suppression list. */
export const isHardBounce = ({ type, status }: Bounce): boolean => type === 'Permanent' && status.startsWith('5.1.')

const reportingMta = 'dns; amazonses.com'

const byStatus: readonly (readonly [RegExp, Pick<Bounce, 'type' | 'subType'>])[] = [
  [/^5\.1\./, { type: 'Permanent', subType: 'General' }],
  [/^5\.2\.2$/, { type: 'Transient', subType: 'MailboxFull' }],
  [/^5\.(2\.3|3\.4)$/, { type: 'Transient', subType: 'MessageTooLarge' }],
  [/^5\.6\./, { type: 'Transient', subType: 'ContentRejected' }],
  [/^5\.7\./, { type: 'Transient', subType: 'General' }],
]

/** What SES makes of a server's final refusal, such as `550 5.1.1 user unknown`. */
export function bounceOfReply(reply: string): Bounce {
  const [, code = '', status] = /^(5\d\d)(?:[ -](5\.\d{1,3}\.\d{1,3}))?/.exec(reply) ?? []
  const known = byStatus.find(([pattern]) => status !== undefined && pattern.test(status))?.[1]
  const unknownUser = status === undefined && ['550', '551', '553'].includes(code)
  return {
    ...(known ??
      (unknownUser ? { type: 'Permanent', subType: 'General' } : { type: 'Undetermined', subType: 'Undetermined' })),
    status: status ?? '5.0.0',
    diagnostic: `smtp; ${reply}`,
    reportingMta,
  }
}

/** What SES reports when it has tried for 14 hours: the last temporary refusal, such as `452 4.2.2 mailbox full`. */
export function bounceOfDelay(reply: string): Bounce {
  return {
    type: 'Transient',
    subType: /^4\d\d[ -]4\.2\.2/.test(reply) ? 'MailboxFull' : 'General',
    status: '4.4.7',
    diagnostic: `smtp; 550 4.4.7 Message expired: unable to deliver in 840 minutes.<${reply}>`,
    reportingMta,
  }
}
