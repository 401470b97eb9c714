import { PDFContext, PDFHexString, PDFString, PDFWriter, type PDFRef } from '@cantoo/pdf-lib'
import type { EmbeddedFace, StandardFace } from './faces.ts'
import { page } from './layout.ts'
import type { QrImage } from './qr.ts'

/** One page, and what is said about it. */
export interface Document {
  /** Deflated content that lies under everything. */
  readonly artwork: Uint8Array
  /** PDF operators, in ASCII; they find the fonts by `Face.resource` and the code as `/QR`. */
  readonly content: string
  readonly standard: Iterable<StandardFace>
  readonly embedded: Iterable<EmbeddedFace>
  readonly qr?: QrImage | undefined
  /** BCP 47. */
  readonly language: string
  readonly title: string
  readonly author: string
  readonly subject: string
  readonly keywords: string
  /** Both dates that a PDF has: nothing in it may depend on when it is written. */
  readonly written: Date
}

/** A PDF 1.7 file; the same document is always the same bytes. */
export async function writeDocument(document: Document): Promise<Uint8Array> {
  const context = PDFContext.create()
  const fonts: Record<string, PDFRef> = {}
  for (const { resource, baseFont } of document.standard) {
    const font = context.obj({ Type: 'Font', Subtype: 'Type1', BaseFont: baseFont, Encoding: 'WinAnsiEncoding' })
    fonts[resource] = context.register(font)
  }
  for (const face of document.embedded) fonts[face.resource] = await face.embed(context)

  const { qr } = document
  const images: Record<string, PDFRef> = {}
  if (qr !== undefined) {
    const mask = {
      Type: 'XObject',
      Subtype: 'Image',
      Width: qr.size,
      Height: qr.size,
      ImageMask: true,
      BitsPerComponent: 1,
    }
    images['QR'] = context.register(context.stream(qr.bits, mask))
  }

  const pages = context.nextRef()
  const leaf = context.register(
    context.obj({
      Type: 'Page',
      Parent: pages,
      MediaBox: [0, 0, page.width, page.height],
      Resources: { Font: fonts, XObject: images },
      Contents: [
        context.register(context.stream(document.artwork, { Filter: 'FlateDecode' })),
        context.register(context.stream(document.content)),
      ],
    }),
  )
  context.assign(pages, context.obj({ Type: 'Pages', Kids: [leaf], Count: 1 }))
  context.trailerInfo.Root = context.register(
    context.obj({
      Type: 'Catalog',
      Pages: pages,
      Lang: PDFString.of(document.language),
      ViewerPreferences: { DisplayDocTitle: true },
    }),
  )
  const written = PDFString.fromDate(document.written)
  context.trailerInfo.Info = context.register(
    context.obj({
      Title: property(document.title),
      Author: property(document.author),
      Subject: property(document.subject),
      Keywords: property(document.keywords),
      Creator: property('Offload'),
      CreationDate: written,
      ModDate: written,
    }),
  )
  // Infinity: the writer would otherwise pause in a timer every few objects.
  return PDFWriter.forContext(context, Infinity).serializeToBuffer()
}

function property(text: string): PDFHexString {
  return PDFHexString.fromText(Array.from(text.toWellFormed()).slice(0, 300).join(''))
}
