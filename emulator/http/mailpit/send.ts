import MailComposer from 'nodemailer/lib/mail-composer'
import type { Received } from '../../cloud/inbox/smtp.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import type { SendBody } from './requests.ts'

export type SendErrorCode = 'send-refused'

const refuse = (reason: string) => new EmulatorError<SendErrorCode>('send-refused', reason)

const ownFields = ['to', 'from', 'cc', 'bcc', 'reply-to', 'date', 'subject', 'content-type', 'mime-version']

function checked(field: string, list: readonly { readonly Email: string; readonly Name?: string | undefined }[] = []) {
  return list.map(({ Email, Name }) => {
    if (!/^[^\s@<>,;]+@[^\s@<>,;]+$/.test(Email)) throw refuse(`invalid ${field} address: ${Email}`)
    return { address: Email, name: Name ?? '' }
  })
}

/** The message that a send request describes, with the envelope it would have had over SMTP. */
export async function composeSent(body: SendBody, username: string): Promise<Received> {
  const to = checked('To', body.To)
  const cc = checked('Cc', body.Cc)
  const bcc = checked(
    'Bcc',
    body.Bcc?.map((Email) => ({ Email })),
  )
  const [from] = checked('From', [body.From])
  if (to.length + cc.length + bcc.length === 0) throw refuse('error building message: no recipients (to, cc, bcc) set')

  const tags = body.Tags ?? []
  const restricted = tags.length > 0 ? [...ownFields, 'x-tags'] : ownFields
  const headers = Object.entries(body.Headers ?? {}).map(([key, value]) => {
    if (restricted.includes(key.toLowerCase())) throw refuse(`cannot overwrite header: "${key}"`)
    if (!/^[!-9;-~]+$/.test(key)) throw refuse(`invalid header name: ${JSON.stringify(key)}`)
    return { key, value }
  })
  if (tags.length > 0) headers.push({ key: 'X-Tags', value: tags.join(', ') })

  const composer = new MailComposer({
    from,
    to,
    cc,
    bcc,
    replyTo: checked('Reply-To', body.ReplyTo),
    subject: body.Subject ?? '',
    text: body.Text ?? '',
    ...(body.HTML !== undefined && body.HTML !== '' && { html: body.HTML }),
    headers,
    attachments: (body.Attachments ?? []).map(({ Content, Filename, ContentType, ContentID }) => ({
      // A data: URL's content, as browsers give it, is what follows the comma.
      content: Buffer.from(Content.slice(Content.lastIndexOf(',') + 1), 'base64'),
      filename: Filename,
      ...(ContentType !== undefined && ContentType !== '' && { contentType: ContentType }),
      ...(ContentID !== undefined && ContentID !== '' && { cid: ContentID, contentDisposition: 'inline' as const }),
    })),
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  const raw = await composer.compile().build()
  return { from: body.From.Email, to: [...to, ...cc, ...bcc].map(({ address }) => address), username, raw }
}
