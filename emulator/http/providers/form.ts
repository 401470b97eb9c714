import { Busboy } from '@fastify/busboy'
import type { Form } from '../../cloud/providers/mailgun-request.ts'
import { refuse } from '../../cloud/providers/refusal.ts'
import { messageOf } from '../../kernel/errors.ts'

type File = Form['files'][number]

/** A form's fields and files, urlencoded or multipart. Refused as `malformed` where it cannot be read to its end. */
export function readForm(bytes: Buffer, contentType: string): Promise<Form> {
  const type = contentType === '' ? 'application/x-www-form-urlencoded' : contentType
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(refuse('malformed', `The form cannot be read: ${messageOf(error)}`))
    const fields: [string, string][] = []
    const files: File[] = []
    try {
      const parser = new Busboy({
        headers: { 'content-type': type },
        limits: { fieldNameSize: 500, fieldSize: bytes.length + 1, fields: 5000, files: 500, parts: 5000 },
      })
      parser.on('field', (name, value) => void fields.push([name, value]))
      parser.on('file', (field, stream, filename, _encoding, fileType) => {
        const chunks: Buffer[] = []
        stream.on('data', (chunk: Buffer) => void chunks.push(chunk))
        stream.on('error', fail)
        stream.on('end', () => {
          files.push({ field, filename, contentType: fileType, content: Buffer.concat(chunks) })
        })
      })
      for (const limit of ['fieldsLimit', 'filesLimit', 'partsLimit'] as const) {
        parser.on(limit, () => fail(new Error('it has too many parts')))
      }
      parser.on('error', fail)
      parser.on('finish', () => resolve({ fields, files }))
      parser.end(bytes)
    } catch (error) {
      fail(error)
    }
  })
}
