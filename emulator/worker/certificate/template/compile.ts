import type { FontChoice, Layout, LayoutItem } from '../layout-model.ts'
import { AssetError, readAsset, type Asset } from './assets.ts'
import type { CheckedLayout, Complaints } from './check.ts'
import { checkFont, firstPage, isPdf, pictureOf, type SizedPicture } from './file-formats.ts'
import { pageSizes, type Item, type LayoutFile } from './schema.ts'

const largestPicture = 10_000_000
const largestFont = 25_000_000
const pointsPerMillimetre = 72 / 25.4
// A page's edge is seldom a whole number of points.
const tolerance = 1

export interface Compiled {
  readonly layout: Layout
  /** Every file that it names, by its path in the folder; undefined for one that could not be read. */
  readonly assets: ReadonlyMap<string, Asset | undefined>
}

/** From millimetres and the upper left corner to a `Layout`; problems with files and places go to the complaints. */
export async function compileLayout(
  name: string,
  folder: string,
  { layout: file, items }: CheckedLayout,
  complaints: Complaints,
): Promise<Compiled> {
  const assets = new Map<string, Asset | undefined>()
  const read = (path: string, largest: number): Asset => {
    const known = assets.get(path)
    if (known !== undefined) return known
    assets.set(path, undefined)
    const asset = readAsset(folder, path, largest)
    assets.set(path, asset)
    return asset
  }
  /** What `load` gives; where a file is no good the complaint, and undefined. */
  const loaded = async <T>(path: readonly PropertyKey[], shown: string, load: () => T | Promise<T>) => {
    try {
      return await load()
    } catch (error) {
      if (!(error instanceof AssetError)) throw error
      complaints.add(path, `${shown} ${error.message}`)
      return undefined
    }
  }

  const background =
    file.background === undefined
      ? undefined
      : await loaded(['background'], file.background, async () => {
          const { bytes } = read(file.background ?? '', largestPicture)
          return isPdf(bytes)
            ? { kind: 'pdf' as const, bytes, page: await firstPage(bytes) }
            : { ...pictureOf(bytes), page: undefined }
        })
  const page = pageOf(file, background?.page)
  const unit = file.units === 'mm' ? pointsPerMillimetre : 1
  const measure = { unit, page, units: file.units }

  const compiled: LayoutItem[] = []
  for (const [index, item] of items.entries()) {
    const path = ['items', index]
    const place: Place = { path, measure, complaints }
    if (item.type === 'text') {
      const font = await loaded([...path, 'font'], item.font, () => fontOf(item, read))
      if (item.font.includes('.') && (item.bold || item.italic)) {
        const key = item.bold ? 'bold' : 'italic'
        complaints.add(
          [...path, key],
          `${key} has no effect on a font of your own`,
          `Name its ${key} file as the font`,
          'key',
        )
      }
      if (font !== undefined) compiled.push(textItem(item, font, index, place))
    } else if (item.type === 'picture') {
      const picture = await loaded([...path, 'file'], item.file, () => pictureOf(read(item.file, largestPicture).bytes))
      if (picture !== undefined) compiled.push(pictureItem(item, picture, place))
    } else if (item.type === 'qr') compiled.push(qrItem(item, place))
    else compiled.push(item.type === 'line' ? lineItem(item, place) : rectangleItem(item, place))
  }

  const layout: Layout = {
    name,
    page,
    ...(background === undefined ? {} : { background: { kind: background.kind, bytes: background.bytes } }),
    items: compiled,
  }
  return { layout, assets }
}

type Size = Layout['page']

function pageOf({ page, orientation, units }: LayoutFile, background: Size | undefined): Size {
  const unit = units === 'mm' ? pointsPerMillimetre : 1
  if (page === undefined && background !== undefined) return turnedTo(orientation, background)
  if (typeof page === 'object') return turnedTo(orientation, { width: page.width * unit, height: page.height * unit })
  const [width, height] = pageSizes[page ?? 'A4']
  const size = { width: width * pointsPerMillimetre, height: height * pointsPerMillimetre }
  return turnedTo(orientation ?? 'landscape', size)
}

function turnedTo(orientation: 'landscape' | 'portrait' | undefined, { width, height }: Size): Size {
  if (orientation === undefined) return { width, height }
  const [long, short] = [Math.max(width, height), Math.min(width, height)]
  return orientation === 'landscape' ? { width: long, height: short } : { width: short, height: long }
}

interface Measure {
  readonly unit: number
  readonly units: 'mm' | 'pt'
  readonly page: Size
}

interface Place {
  readonly path: readonly PropertyKey[]
  readonly measure: Measure
  readonly complaints: Complaints
}

interface Box {
  readonly x: number
  /** From the bottom. */
  readonly y: number
  readonly width: number
  readonly height: number
}

/** A box given from the top left, in points from the lower left; a complaint where it leaves the page. */
function boxOf(
  {
    x,
    y,
    width,
    height,
  }: { readonly x?: number | undefined; readonly y: number; readonly width: number; readonly height: number },
  { path, measure, complaints }: Place,
): Box {
  const { unit, units, page } = measure
  const left = x === undefined ? (page.width - width) / 2 : x * unit
  const top = y * unit
  const written = (points: number) => `${Math.round((points / unit) * 10) / 10} ${units}`
  if (
    left < -tolerance ||
    top < -tolerance ||
    left + width > page.width + tolerance ||
    top + height > page.height + tolerance
  ) {
    const [right, down] = [left + width, top + height].map(written)
    const edges = `it reaches from ${written(left)}, ${written(top)} to ${right}, ${down}`
    complaints.add(
      path,
      `the item leaves the page, which is ${written(page.width)} × ${written(page.height)}`,
      `Now ${edges}`,
    )
  }
  return { x: left, y: page.height - top - height, width, height }
}

type Of<Type extends Item['type']> = Extract<Item, { readonly type: Type }>

function fontOf(item: Of<'text'>, read: (path: string, largest: number) => Asset): FontChoice {
  const { font } = item
  const style = { ...(item.bold ? { bold: true } : {}), ...(item.italic ? { italic: true } : {}) }
  if (font === 'serif' || font === 'sans' || font === 'mono') return { family: font, ...style }
  if (!font.includes('.'))
    throw new AssetError('is no font: write serif, sans, mono, or the name of a .ttf or .otf file')
  const { bytes } = read(font, largestFont)
  checkFont(bytes)
  return { family: 'sans', file: bytes }
}

function textItem(item: Of<'text'>, font: FontChoice, index: number, place: Place): LayoutItem {
  const { unit } = place.measure
  const wrapBelow = Math.min(item.size, item.wrap_below ?? item.size * 0.6)
  const box = boxOf(
    {
      x: item.x,
      y: item.y,
      width: item.width * unit,
      height: item.height === undefined ? Math.max(item.size * 1.3, wrapBelow * 2 * 1.25) : item.height * unit,
    },
    place,
  )
  return {
    kind: 'text',
    name: nameOf(item.text, index),
    text: item.text.replace(/\r\n?/g, '\n').replace(/\n+$/, ''),
    font,
    colour: colourOf(item.color),
    x: item.align === 'left' ? box.x : item.align === 'right' ? box.x + box.width : box.x + box.width / 2,
    y:
      item.valign === 'top'
        ? { top: box.y + box.height }
        : item.valign === 'bottom'
          ? { baseline: box.y + item.size * 0.24 }
          : { middle: box.y + box.height / 2 },
    align: item.align === 'center' ? 'centre' : item.align,
    width: box.width,
    height: box.height,
    size: item.size,
    wrapBelow,
    ...(item.spacing === 0 ? {} : { spacing: item.spacing }),
  }
}

/** As a finding names it: by its one placeholder, else by what it says. */
function nameOf(text: string, index: number): string {
  const alone = /^\{([^{}]+)\}$/.exec(text.trim())?.[1]
  if (alone !== undefined) return alone
  const words = text.trim().replace(/\s+/g, ' ')
  return `item ${index + 1} "${words.length > 30 ? `${words.slice(0, 29)}…` : words}"`
}

function pictureItem(item: Of<'picture'>, { kind, bytes, ...pixels }: SizedPicture, place: Place): LayoutItem {
  const { unit, page } = place.measure
  const ratio = pixels.width / pixels.height
  const given = { width: item.width, height: item.height }
  // Without a size it has 96 pixels an inch, as a screen would show it, but no more than the page has room for.
  const most =
    given.width === undefined && given.height === undefined
      ? { width: Math.min(pixels.width * 0.75, page.width), height: page.height }
      : { width: (given.width ?? Infinity) * unit, height: (given.height ?? Infinity) * unit }
  const width = Math.min(most.width, most.height * ratio)
  const size = { width, height: width / ratio }
  // It stands in the middle of a box that has another ratio.
  const room = {
    width: Number.isFinite(most.width) ? most.width : size.width,
    height: given.height === undefined ? size.height : most.height,
  }
  const box = boxOf({ x: item.x, y: item.y, ...room }, place)
  return {
    kind: 'picture',
    name: item.file,
    picture: { kind, bytes },
    x: box.x + (box.width - size.width) / 2,
    y: box.y + (box.height - size.height) / 2,
    ...size,
  }
}

/** Telephones read a code of this size from a hand's distance, in print and on a screen. */
const smallestQr = 12 * pointsPerMillimetre

function qrItem(item: Of<'qr'>, place: Place): LayoutItem {
  const { unit, units } = place.measure
  const side = item.size * unit
  if (side < smallestQr - 0.01) {
    const least = `${Math.ceil(smallestQr / unit)} ${units}`
    place.complaints.add([...place.path, 'size'], `the QR code is too small to be read: at least ${least}`)
  }
  const { x, y } = boxOf({ x: item.x, y: item.y, width: side, height: side }, place)
  return {
    kind: 'qr',
    x,
    y,
    side,
    colour: colourOf(item.color),
    ...(item.paper === 'none' ? {} : { paper: colourOf(item.paper) }),
  }
}

function lineItem(item: Of<'line'>, { measure: { unit, page } }: Place): LayoutItem {
  const [fromX, fromY] = item.from
  const [toX, toY] = item.to
  return {
    kind: 'line',
    x: fromX * unit,
    y: page.height - fromY * unit,
    width: (toX - fromX) * unit,
    height: (fromY - toY) * unit,
    stroke: colourOf(item.color),
    strokeWidth: item.thickness,
  }
}

function rectangleItem(item: Of<'rectangle'>, { path, measure, complaints }: Place): LayoutItem {
  const { unit, page } = measure
  if (item.fill === undefined && item.color === undefined) {
    complaints.add(path, 'the rectangle is invisible', 'Give it a fill, or a color for its border')
  }
  const [width, height] = [item.width * unit, item.height * unit]
  return {
    kind: 'rectangle',
    x: item.x === undefined ? (page.width - width) / 2 : item.x * unit,
    y: page.height - item.y * unit - height,
    width,
    height,
    ...(item.fill === undefined ? {} : { fill: colourOf(item.fill) }),
    ...(item.color === undefined ? {} : { stroke: colourOf(item.color), strokeWidth: item.thickness }),
  }
}

/** `#a84` is `#aa8844`. */
function colourOf(text: string): string {
  const digits = text.slice(1).toLowerCase()
  return `#${digits.length === 3 ? Array.from(digits, (digit) => digit + digit).join('') : digits}`
}
