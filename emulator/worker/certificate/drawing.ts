import type { Layout, LayoutItem, QrItem, ShapeItem, TextItem } from './layout-model.ts'
import type { EmbeddedPictures } from './pdf/pictures.ts'
import { colour, number } from './pdf/syntax.ts'
import type { QrImage } from './qr.ts'

const numbers = (...values: readonly number[]) => values.map(number).join(' ')

/** The operators that draw the background over the whole page. */
export function background({ page, background }: Layout, { background: embedded }: EmbeddedPictures): string {
  if (background === undefined || embedded === undefined) return ''
  const [x, y] = [page.width / embedded.width, page.height / embedded.height]
  return `q ${factor(x)} 0 0 ${factor(y)} 0 0 cm /X${embedded.id} Do Q\n`
}

const factor = (value: number) => value.toFixed(6)

/** The operators of an item that is the same on every certificate. */
export function drawn(item: Exclude<LayoutItem, TextItem | QrItem>, { pictures }: EmbeddedPictures): string {
  if (item.kind === 'artwork') return `q\n${item.operators}\nQ\n`
  if (item.kind === 'picture') {
    const { x, y, width, height } = item
    return `q ${numbers(width, 0, 0, height, x, y)} cm /X${pictures.get(item.picture)} Do Q\n`
  }
  return shape(item)
}

function shape({ kind, x, y, width, height, fill, stroke, strokeWidth = 1 }: ShapeItem): string {
  const inks = [
    fill === undefined ? '' : `${colour(fill)} rg`,
    stroke === undefined ? '' : `${colour(stroke)} RG ${number(strokeWidth)} w`,
  ].join(' ')
  if (kind === 'line') return `q ${inks} ${numbers(x, y)} m ${numbers(x + width, y + height)} l S Q\n`
  const paint = fill === undefined ? (stroke === undefined ? 'n' : 'S') : stroke === undefined ? 'f' : 'B'
  return `q ${inks} ${numbers(x, y, width, height)} re ${paint} Q\n`
}

/** The quiet zone that readers want, in modules. */
const quiet = 4

export function qrOperators({ x, y, side, colour: ink, paper }: QrItem, { size }: QrImage): string {
  const module = side / (size + 2 * quiet)
  const inner = number(module * size)
  const corner = numbers(x + quiet * module, y + quiet * module)
  const sheet = paper === undefined ? '' : `${colour(paper)} rg ${numbers(x, y, side, side)} re f `
  return `q ${sheet}${colour(ink)} rg ${inner} 0 0 ${inner} ${corner} cm /QR Do Q\n`
}
