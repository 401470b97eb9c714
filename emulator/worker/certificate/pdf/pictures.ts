import type { PDFObject } from '@cantoo/pdf-lib'
import type { Layout, Picture } from '../layout-model.ts'

/** What a layout brings along, as objects of a PDF: numbered from 1 as pdf-lib did. */
export interface EmbeddedPictures {
  readonly objects: readonly { readonly id: number; readonly body: Uint8Array }[]
  readonly highest: number
  /** The XObject that is the background, to be drawn in a square of 1 (`picture`) or of its own size (`page`). */
  readonly background?: {
    readonly id: number
    readonly kind: 'picture' | 'page'
    readonly width: number
    readonly height: number
  }
  readonly pictures: ReadonlyMap<Picture, number>
}

const none: EmbeddedPictures = { objects: [], highest: 0, pictures: new Map() }

/** Reads the background and the pictures; throws where one cannot be read, saying which. */
export async function embedPictures(layout: Layout): Promise<EmbeddedPictures> {
  if (layout.background === undefined && layout.items.every(({ kind }) => kind !== 'picture')) return none
  // Most layouts need no library.
  const { PDFDocument } = await import('@cantoo/pdf-lib')
  // Its metadata would hold the time.
  const document = await PDFDocument.create({ updateMetadata: false })
  const pictures = new Map<Picture, number>()
  const embed = async (picture: Picture, name: string) => {
    const known = pictures.get(picture)
    if (known !== undefined) return known
    try {
      const image =
        picture.kind === 'png' ? await document.embedPng(picture.bytes) : await document.embedJpg(picture.bytes)
      await image.embed()
      pictures.set(picture, image.ref.objectNumber)
      return image.ref.objectNumber
    } catch (error) {
      throw new Error(`${name} is no ${picture.kind.toUpperCase()} picture that can be read`, { cause: error })
    }
  }

  let background: EmbeddedPictures['background']
  if (layout.background?.kind === 'pdf') {
    try {
      const [page] = await document.embedPdf(layout.background.bytes, [0])
      if (page === undefined) throw new Error('it has no page')
      await page.embed()
      background = { id: page.ref.objectNumber, kind: 'page', width: page.width, height: page.height }
    } catch (error) {
      throw new Error('the background is no PDF that can be read', { cause: error })
    }
  } else if (layout.background !== undefined) {
    background = { id: await embed(layout.background, 'the background'), kind: 'picture', width: 1, height: 1 }
  }
  for (const item of layout.items) if (item.kind === 'picture') await embed(item.picture, `the picture "${item.name}"`)

  const { catalog, context } = document
  const left = new Set<PDFObject | undefined>([catalog, catalog.Pages()])
  const objects = context
    .enumerateIndirectObjects()
    .filter(([, object]) => !left.has(object))
    .map(([ref, object]) => ({ id: ref.objectNumber, body: written(object) }))
  return {
    objects,
    highest: context.largestObjectNumber,
    pictures,
    ...(background === undefined ? {} : { background }),
  }
}

function written(object: PDFObject): Uint8Array {
  const bytes = new Uint8Array(object.sizeInBytes())
  object.copyBytesInto(bytes, 0)
  return bytes
}
