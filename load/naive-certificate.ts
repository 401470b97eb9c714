import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import * as fontkit from '@cantoo/fontkit'
import { PDFDocument, rgb } from '@cantoo/pdf-lib'
import { encode } from 'uqr'
import type { CertificateInput } from '../emulator/worker/certificate/renderer.ts'

const folder = dirname(createRequire(import.meta.url).resolve('@expo-google-fonts/tinos/package.json'))
const read = (cut: string) => readFileSync(join(folder, cut, `Tinos_${cut}.ttf`))
const files = { roman: read('400Regular'), italic: read('400Regular_Italic'), bold: read('700Bold') }
const [width, height] = [841.89, 595.28]

/**
 * A certificate as one would first write it with pdf-lib: a document from nothing for each, its fonts parsed and subset in
 * it. Less is on it than on the default template; it is what rendering is compared with.
 */
export async function renderNaively({ values, title, verificationUrl }: CertificateInput): Promise<Uint8Array> {
  const document = await PDFDocument.create()
  document.registerFontkit(fontkit)
  const embed = (file: Uint8Array) => document.embedFont(file, { subset: true, features: { liga: false } })
  const [roman, italic, bold] = [await embed(files.roman), await embed(files.italic), await embed(files.bold)]
  const page = document.addPage([width, height])
  page.drawRectangle({
    x: 24,
    y: 24,
    width: width - 48,
    height: height - 48,
    borderWidth: 3,
    borderColor: rgb(0, 0, 0),
  })
  const centred = (text: string, font: typeof roman, size: number, y: number) =>
    page.drawText(text, { x: (width - font.widthOfTextAtSize(text, size)) / 2, y, font, size })
  centred('CERTIFICATE', roman, 45, 480)
  centred('This is to certify that', italic, 15, 414)
  centred(values['fullname'] ?? '', italic, 48, 350)
  centred('has completed', italic, 15, 304)
  centred(values['course'] ?? '', bold, 25, 256)
  centred(`with the grade ${values['grade'] ?? ''}`, italic, 15, 218)
  centred(`${values['date'] ?? ''}, ${values['issuer'] ?? ''}`, roman, 15, 190)
  centred(values['verification_code'] ?? '', roman, 9.5, 90)
  centred(verificationUrl, roman, 7.5, 75)
  const { data, size } = encode(verificationUrl, { ecc: 'M', border: 0 })
  const module = 62 / size
  const squares = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x},${y}h1v1h-1z`] : [])))
  page.drawSvgPath(squares.join(''), { x: width / 2 - 31, y: 178, scale: module, color: rgb(0, 0, 0) })
  document.setTitle(title)
  return await document.save()
}
