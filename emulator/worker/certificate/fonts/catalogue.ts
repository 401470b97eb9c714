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

/** What stands in for what a family lacks. One line a script: a package of a font, and the characters that it is for. */
export const fallbacks: readonly Fallback[] = [
  {
    name: 'NotoNaskhArabic',
    characters: /\p{Script_Extensions=Arabic}/u,
    package: '@embedpdf/fonts-arabic',
    regular: 'fonts/NotoNaskhArabic-Regular.ttf',
    bold: 'fonts/NotoNaskhArabic-Bold.ttf',
  },
  {
    name: 'NotoSansHebrew',
    characters: /\p{Script_Extensions=Hebrew}/u,
    package: '@embedpdf/fonts-hebrew',
    regular: 'fonts/NotoSansHebrew-Regular.ttf',
    bold: 'fonts/NotoSansHebrew-Bold.ttf',
  },
  {
    name: 'NotoSerifDevanagari',
    characters: /\p{Script_Extensions=Devanagari}/u,
    package: '@expo-google-fonts/noto-serif-devanagari',
    regular: '400Regular/NotoSerifDevanagari_400Regular.ttf',
    bold: '700Bold/NotoSerifDevanagari_700Bold.ttf',
  },
  {
    name: 'NotoSansBengali',
    characters: /\p{Script_Extensions=Bengali}/u,
    package: '@expo-google-fonts/noto-sans-bengali',
    regular: '400Regular/NotoSansBengali_400Regular.ttf',
    bold: '700Bold/NotoSansBengali_700Bold.ttf',
  },
  {
    name: 'NotoSansTamil',
    characters: /\p{Script_Extensions=Tamil}/u,
    package: '@expo-google-fonts/noto-sans-tamil',
    regular: '400Regular/NotoSansTamil_400Regular.ttf',
    bold: '700Bold/NotoSansTamil_700Bold.ttf',
  },
  {
    name: 'NotoSansThai',
    characters: /\p{Script_Extensions=Thai}/u,
    package: '@expo-google-fonts/noto-sans-thai',
    regular: '400Regular/NotoSansThai_400Regular.ttf',
    bold: '700Bold/NotoSansThai_700Bold.ttf',
  },
  {
    name: 'NotoSansSC',
    han: 'zh',
    characters: /[\p{Script_Extensions=Han}\p{Script_Extensions=Bopomofo}\uff00-\uffef]/u,
    package: '@embedpdf/fonts-sc',
    regular: 'fonts/NotoSansHans-Regular.otf',
    bold: 'fonts/NotoSansHans-Bold.otf',
  },
  {
    name: 'NotoSansJP',
    han: 'ja',
    characters: /[\p{Script_Extensions=Han}\p{Script_Extensions=Hiragana}\p{Script_Extensions=Katakana}\uff00-\uffef]/u,
    package: '@embedpdf/fonts-jp',
    regular: 'fonts/NotoSansJP-Regular.otf',
    bold: 'fonts/NotoSansJP-Bold.otf',
  },
  {
    name: 'NotoSansKR',
    han: 'ko',
    characters: /[\p{Script_Extensions=Han}\p{Script_Extensions=Hangul}\uff00-\uffef]/u,
    package: '@embedpdf/fonts-kr',
    regular: 'fonts/NotoSansKR-Regular.otf',
    bold: 'fonts/NotoSansKR-Bold.otf',
  },
  {
    name: 'NotoEmoji',
    characters: /\p{Emoji}/u,
    package: '@expo-google-fonts/noto-emoji',
    regular: '400Regular/NotoEmoji_400Regular.ttf',
  },
]

export type Cut = 'regular' | 'bold' | 'italic' | 'boldItalic'

/** The cut that comes closest to what was asked for: a weight matters more than a slant. */
export function cutOf(family: Family, { bold = false, italic = false }: Omit<FontChoice, 'family' | 'file'>): Cut {
  if (bold && italic && family.boldItalic !== undefined) return 'boldItalic'
  if (bold && family.bold !== undefined) return 'bold'
  if (italic && family.italic !== undefined) return 'italic'
  return 'regular'
}
