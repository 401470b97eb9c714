import type { FontChoice } from '../layout-model.ts'

/** A font of an npm package, in as many cuts as it has; paths are inside the package. */
export interface Family {
  readonly name: string
  readonly package: string
  readonly regular: string
  readonly bold?: string
  readonly italic?: string
  readonly boldItalic?: string
}

export const families: Readonly<Record<FontChoice['family'], Family>> = {
  serif: {
    name: 'Tinos',
    package: '@expo-google-fonts/tinos',
    regular: '400Regular/Tinos_400Regular.ttf',
    bold: '700Bold/Tinos_700Bold.ttf',
    italic: '400Regular_Italic/Tinos_400Regular_Italic.ttf',
    boldItalic: '700Bold_Italic/Tinos_700Bold_Italic.ttf',
  },
  sans: {
    name: 'NotoSans',
    package: '@embedpdf/fonts-latin',
    regular: 'fonts/NotoSans-Regular.ttf',
    bold: 'fonts/NotoSans-Bold.ttf',
    italic: 'fonts/NotoSans-Italic.ttf',
    boldItalic: 'fonts/NotoSans-BoldItalic.ttf',
  },
  mono: {
    name: 'NotoSansMono',
    package: '@expo-google-fonts/noto-sans-mono',
    regular: '400Regular/NotoSansMono_400Regular.ttf',
    bold: '700Bold/NotoSansMono_700Bold.ttf',
  },
}

export interface Fallback extends Family {
  /** The characters that this font is asked for before the others. */
  readonly characters: RegExp
  /** The languages whose form of a Han character this font has. */
  readonly han?: 'ja' | 'ko' | 'zh'
}

/** A font of Google's, in the two cuts that all of them have. */
const google = (name: string, folder: string, characters: RegExp): Fallback => ({
  name,
  characters,
  package: `@expo-google-fonts/${folder}`,
  regular: `400Regular/${name}_400Regular.ttf`,
  bold: `700Bold/${name}_700Bold.ttf`,
})

const embedpdf = (name: string, folder: string, file: string, characters: RegExp): Fallback => ({
  name,
  characters,
  package: `@embedpdf/fonts-${folder}`,
  regular: `fonts/${file.replace('*', 'Regular')}`,
  bold: `fonts/${file.replace('*', 'Bold')}`,
})

const han = /[\p{Script_Extensions=Han}\p{Script_Extensions=Bopomofo}\uff00-\uffef]/u
const kana = /[\p{Script_Extensions=Han}\p{Script_Extensions=Hiragana}\p{Script_Extensions=Katakana}\uff00-\uffef]/u
const hangul = /[\p{Script_Extensions=Han}\p{Script_Extensions=Hangul}\uff00-\uffef]/u

/** What stands in for what a family lacks. One line a script: a font, and the characters for which it is asked first. */
export const fallbacks: readonly Fallback[] = [
  embedpdf('NotoNaskhArabic', 'arabic', 'NotoNaskhArabic-*.ttf', /\p{Script_Extensions=Arabic}/u),
  embedpdf('NotoSansHebrew', 'hebrew', 'NotoSansHebrew-*.ttf', /\p{Script_Extensions=Hebrew}/u),
  google('NotoSerifDevanagari', 'noto-serif-devanagari', /\p{Script_Extensions=Devanagari}/u),
  google('NotoSansBengali', 'noto-sans-bengali', /\p{Script_Extensions=Bengali}/u),
  google('NotoSansTamil', 'noto-sans-tamil', /\p{Script_Extensions=Tamil}/u),
  google('NotoSansThai', 'noto-sans-thai', /\p{Script_Extensions=Thai}/u),
  google('NotoSansGujarati', 'noto-sans-gujarati', /\p{Script_Extensions=Gujarati}/u),
  google('NotoSansGurmukhi', 'noto-sans-gurmukhi', /\p{Script_Extensions=Gurmukhi}/u),
  google('NotoSansTelugu', 'noto-sans-telugu', /\p{Script_Extensions=Telugu}/u),
  google('NotoSansKannada', 'noto-sans-kannada', /\p{Script_Extensions=Kannada}/u),
  google('NotoSansMalayalam', 'noto-sans-malayalam', /\p{Script_Extensions=Malayalam}/u),
  google('NotoSansSinhala', 'noto-sans-sinhala', /\p{Script_Extensions=Sinhala}/u),
  google('NotoSansGeorgian', 'noto-sans-georgian', /\p{Script_Extensions=Georgian}/u),
  google('NotoSansArmenian', 'noto-sans-armenian', /\p{Script_Extensions=Armenian}/u),
  google('NotoSansEthiopic', 'noto-sans-ethiopic', /\p{Script_Extensions=Ethiopic}/u),
  google('NotoSansKhmer', 'noto-sans-khmer', /\p{Script_Extensions=Khmer}/u),
  google('NotoSansLao', 'noto-sans-lao', /\p{Script_Extensions=Lao}/u),
  google('NotoSansMyanmar', 'noto-sans-myanmar', /\p{Script_Extensions=Myanmar}/u),
  { ...embedpdf('NotoSansSC', 'sc', 'NotoSansHans-*.otf', han), han: 'zh' },
  { ...embedpdf('NotoSansJP', 'jp', 'NotoSansJP-*.otf', kana), han: 'ja' },
  { ...embedpdf('NotoSansKR', 'kr', 'NotoSansKR-*.otf', hangul), han: 'ko' },
  google('NotoEmoji', 'noto-emoji', /\p{Emoji}/u),
]

export type Cut = 'regular' | 'bold' | 'italic' | 'boldItalic'

/** The cut that comes closest to what was asked for: a weight matters more than a slant. */
export function cutOf(family: Family, { bold = false, italic = false }: Omit<FontChoice, 'family' | 'file'>): Cut {
  if (bold && italic && family.boldItalic !== undefined) return 'boldItalic'
  if (bold && family.bold !== undefined) return 'bold'
  if (italic && family.italic !== undefined) return 'italic'
  return 'regular'
}
