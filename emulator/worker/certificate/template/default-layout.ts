import type { Layout, LayoutItem, TextItem } from '../layout-model.ts'
import { placeholdersOf } from '../placeholders.ts'
import { artwork, diamond } from './default-artwork.ts'
import type { Template } from './template.ts'
import { wordsOf, type Words } from './words.ts'

/** A4 landscape. */
const page = { width: 841.89, height: 595.28 }
const centre = page.width / 2
const colours = { paper: '#fffdf8', dark: '#16263f', gold: '#a8843a', whisper: '#f3ecda', grey: '#5c6370' }

/** Where the two columns at the foot have their middle, how wide they are, and the height of their rules. */
const foot = { left: 190, right: page.width - 190, width: 200, rule: 112 }
const qr = { side: 74, y: 104 }

/** The default certificate with its fixed words in one language of `words.ts`. */
export function defaultTemplate(language: string): Template {
  const words = wordsOf(language)
  // What is the same on all certificates comes first: it is drawn in one piece.
  const items = itemsOf(words).toSorted((one, other) => Number(varies(one)) - Number(varies(other)))
  const layout: Layout = { name: 'default', page, items }
  const texts = layout.items.flatMap((item) => (item.kind === 'text' ? placeholdersOf(item.text) : []))
  return {
    name: 'default',
    layout,
    layoutId: `default:${language}`,
    placeholders: [...new Set([...texts, 'fullname'])].map((name) => ({ name, optional: name === 'grade' })),
    title: `${words.title}: {fullname}`,
  }
}

const varies = (item: LayoutItem) =>
  item.kind === 'qr' || (item.kind === 'text' && placeholdersOf(item.text).length > 0)

function text(item: Partial<TextItem> & Pick<TextItem, 'name' | 'text' | 'y' | 'width' | 'size'>): TextItem {
  return {
    kind: 'text',
    font: { family: 'serif' },
    colour: colours.dark,
    x: centre,
    align: 'centre',
    height: item.size * 1.4,
    wrapBelow: item.size * 0.6,
    ...item,
  }
}

const line = (x: number, y: number, width: number, stroke: string, strokeWidth: number): LayoutItem => ({
  kind: 'line',
  x,
  y,
  width,
  height: 0,
  stroke,
  strokeWidth,
})

const upright: RegExp = /^\p{Script=Latin}|^\p{Script=Cyrillic}|^\p{Script=Greek}/u
const ideographs: RegExp = /^\p{Script=Han}|^\p{Script=Hangul}|^\p{Script=Hiragana}/u

/** Space between the letters, for scripts that can stand it. */
const spaced = (letters: string, spacing: number) => {
  if (upright.test(letters)) return { spacing }
  return ideographs.test(letters) ? { spacing: spacing * 0.8 } : {}
}

/** About how far a heading reaches to each side of its middle: the ornaments stand clear of it. */
function reach(letters: string, size: number, spacing: number): number {
  const count = Array.from(letters).length
  if (upright.test(letters)) return (count * (size * 0.66 + spacing)) / 2
  return (count * (ideographs.test(letters) ? size + spacing * 0.8 : size * 0.6)) / 2
}

function itemsOf(words: Words): readonly LayoutItem[] {
  const label = (name: string, letters: string, x: number) =>
    text({
      name,
      text: letters,
      size: 8,
      x,
      y: { baseline: foot.rule - 14 },
      width: foot.width,
      colour: colours.grey,
      ...spaced(letters, 1.8),
    })
  const aboveRule = (name: string, placeholder: string, x: number) =>
    text({ name, text: placeholder, size: 15, x, y: { baseline: foot.rule + 7 }, width: foot.width, height: 34 })
  const clear = Math.min(200, reach(words.subheading, 13, 5) + 14)
  const ruleTo = clear + 84
  const subheading = 455

  return [
    { kind: 'artwork', operators: artwork(page, colours, { x: centre, y: 304, r: 152 }) },

    text({
      name: 'heading',
      text: words.heading,
      size: 45,
      y: { middle: 496 },
      width: 660,
      ...spaced(words.heading, 11),
    }),
    text({
      name: 'subheading',
      text: words.subheading,
      size: 13,
      y: { middle: subheading },
      width: 380,
      colour: colours.gold,
      ...spaced(words.subheading, 5),
    }),
    line(centre - ruleTo, subheading, ruleTo - clear, colours.gold, 0.7),
    line(centre + clear, subheading, ruleTo - clear, colours.gold, 0.7),
    ornament([centre - clear, subheading], [centre + clear, subheading]),

    text({
      name: 'words above the name',
      text: words.before,
      size: 15,
      font: { family: 'serif', italic: true },
      y: { middle: 414 },
      width: 560,
      colour: colours.grey,
    }),
    text({
      name: 'name',
      text: '{fullname}',
      size: 48,
      font: { family: 'serif', italic: true },
      y: { middle: 366 },
      width: 640,
      height: 64,
      wrapBelow: 27,
    }),
    line(centre - 180, 329, 360, colours.gold, 0.7),
    ornament([centre, 329]),
    text({
      name: 'words below the name',
      text: words.between,
      size: 15,
      font: { family: 'serif', italic: true },
      y: { middle: 304 },
      width: 560,
      colour: colours.grey,
    }),
    text({
      name: 'course',
      text: '{course}',
      size: 25,
      font: { family: 'serif', bold: true },
      y: { middle: 265 },
      width: 600,
      height: 54,
      wrapBelow: 18,
    }),
    text({
      name: 'grade',
      text: words.grade,
      size: 15,
      font: { family: 'serif', italic: true },
      y: { middle: 223 },
      width: 560,
      height: 34,
      colour: colours.grey,
    }),

    aboveRule('date', '{date}', foot.left),
    line(foot.left - foot.width / 2, foot.rule, foot.width, colours.dark, 0.6),
    label('word for the date', words.date, foot.left),
    aboveRule('issuer', '{issuer}', foot.right),
    line(foot.right - foot.width / 2, foot.rule, foot.width, colours.dark, 0.6),
    label('word for the issuer', words.issuer, foot.right),

    {
      kind: 'rectangle',
      x: centre - qr.side / 2,
      y: qr.y,
      width: qr.side,
      height: qr.side,
      fill: '#ffffff',
      stroke: colours.gold,
      strokeWidth: 0.7,
    },
    { kind: 'qr', x: centre - qr.side / 2, y: qr.y, side: qr.side, colour: colours.dark },
    text({
      name: 'verification code',
      text: '{verification_code}',
      size: 9.5,
      spacing: 1.4,
      y: { middle: qr.y - 11 },
      width: 210,
    }),
    text({
      name: 'verification address',
      text: '{verification_url}',
      size: 7.5,
      y: { middle: qr.y - 26 },
      width: 340,
      height: 20,
      wrapBelow: 6.5,
      colour: colours.grey,
    }),
  ]
}

function ornament(...places: readonly (readonly [x: number, y: number])[]): LayoutItem {
  const gold = [1, 3, 5].map((from) => (Number.parseInt(colours.gold.slice(from, from + 2), 16) / 255).toFixed(3))
  const operators = places.map(([x, y]) => diamond(x, y, 3))
  return { kind: 'artwork', operators: ['q', `${gold.join(' ')} rg`, ...operators, 'Q'].join('\n') }
}
