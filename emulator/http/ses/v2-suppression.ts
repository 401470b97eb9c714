import { z } from 'zod'
import { checkAddress } from '../../cloud/mail/address.ts'
import { suppressionReasons, type Suppressed } from '../../cloud/mail/suppression.ts'
import { notSuppressed, SesError } from '../../cloud/ses/errors.ts'
import { pageOf, readInput, readToken } from './input.ts'
import type { Route } from './route.ts'
import { nextToken, page, seconds } from './v2-members.ts'

const suppressedAddress = (text: string): string => {
  const checked = checkAddress(text)
  if ('error' in checked) throw new SesError('invalid-parameter', checked.error)
  return checked.address
}
const summary = ({ address, reason, at }: Suppressed) => ({
  EmailAddress: address,
  Reason: reason,
  LastUpdateTime: seconds(at),
})
const instant = z.iso
  .datetime({ offset: true })
  .transform((text) => Date.parse(text))
  .optional()
const reasons = z.union([z.enum(suppressionReasons).transform((one) => [one]), z.array(z.enum(suppressionReasons))])

/** The account's suppression list, among SES v2's calls. */
export const suppressionRoutes: readonly Route[] = [
  {
    method: 'PUT',
    path: '/suppression/addresses',
    answer({ ses, body }) {
      const schema = z.object({ EmailAddress: z.string(), Reason: z.enum(suppressionReasons) })
      const { EmailAddress, Reason } = readInput(schema, body)
      ses.suppression.put({ address: suppressedAddress(EmailAddress), reason: Reason })
      return {}
    },
  },
  {
    method: 'GET',
    path: '/suppression/addresses',
    answer({ ses, query }) {
      const schema = z.object({
        ...page(1000, 1000),
        Reason: reasons.optional(),
        StartDate: instant,
        EndDate: instant,
      })
      const { NextToken, PageSize, Reason, StartDate, EndDate } = readInput(schema, query)
      const found = ses.suppression.list({
        reasons: Reason,
        from: StartDate,
        until: EndDate,
        after: readToken(NextToken),
        limit: PageSize + 1,
      })
      const { items, token } = pageOf(found, PageSize, ({ address }) => address)
      return { SuppressedDestinationSummaries: items.map(summary), ...nextToken(token) }
    },
  },
  {
    method: 'GET',
    path: '/suppression/addresses/:name',
    answer({ ses, name }) {
      const found = ses.suppression.get(name)
      if (found === undefined) throw notSuppressed(name)
      const { messageId, feedbackId } = found
      return {
        SuppressedDestination: {
          ...summary(found),
          ...(messageId === null ? {} : { Attributes: { MessageId: messageId, FeedbackId: feedbackId ?? undefined } }),
        },
      }
    },
  },
  {
    method: 'DELETE',
    path: '/suppression/addresses/:name',
    answer({ ses, name }) {
      if (!ses.suppression.remove(name)) throw notSuppressed(name)
      return {}
    },
  },
]
