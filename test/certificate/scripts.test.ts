import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { done, inline, inputOf, plainBatch } from './certificate-samples.ts'
import {
  difference,
  letters,
  openFolder,
  pictureOf,
  qpdfCheck,
  qrOf,
  readPng,
  skipped,
  textOf,
  why,
  writePng,
} from './pdf-tools.ts'

const samples: Readonly<Record<string, readonly [name: string, course: string, locale?: string]>> = {
  latin: ['Zoë Ångström-Núñez', 'AVATAR, Tolls & To Wýß: Łódź, Çeşme'],
  'latin-decomposed': ['Zoë Ångström-Núñez'.normalize('NFD'), 'ṩ q̃ x̂ and marks that do not compose'.normalize('NFD')],
  vietnamese: ['Nguyễn Thị Ánh Tuyết', 'Bảo vệ dữ liệu cá nhân'],
  cyrillic: ['Дмитрий Шостакович', 'Основы защиты данных: Ґ ї Љ Ђ'],
  greek: ['Αριστοτέλης ὁ Σταγειρίτης', 'Εἰσαγωγὴ στὴν προστασία'],
  arabic: ['محمد عبد الله الحسيني', 'مقدمة في حماية البيانات'],
  'arabic-mixed': ['محمد Smith علي', 'الوحدة 12 (Data Protection) 2026'],
  hebrew: ['דוד בן־גוריון', 'מבוא להגנת מידע (GDPR 2)'],
  'hebrew-points': ['שָׁלוֹם עֲלֵיכֶם', 'בְּרֵאשִׁית'],
  devanagari: ['श्रीकृष्ण क्षत्रिय', 'हिन्दी में डेटा सुरक्षा, ज्ञान, र्क्ष'],
  bengali: ['রবীন্দ্রনাথ ঠাকুর', 'তথ্য সুরক্ষা পরিচিতি, ক্ষ, কৌ'],
  tamil: ['சுப்பிரமணிய பாரதி', 'தரவு பாதுகாப்பு அறிமுகம், கொ, ஸ்ரீ'],
  thai: ['ธนพล น้ำทิพย์ ปู่ญี่', 'การคุ้มครองข้อมูลเบื้องต้น ที่นี่'],
  gujarati: ['મહાત્મા ગાંધી', 'ક્ષેત્ર અને જ્ઞાન'],
  gurmukhi: ['ਗੁਰੂ ਨਾਨਕ ਸਿੰਘ', 'ਡਾਟਾ ਸੁਰੱਖਿਆ'],
  telugu: ['శ్రీ కృష్ణ', 'సమాచార భద్రత పరిచయం'],
  kannada: ['ಶ್ರೀಕೃಷ್ಣ', 'ಮಾಹಿತಿ ರಕ್ಷಣೆ'],
  malayalam: ['ശ്രീകുമാർ', 'വിവര സംരക്ഷണം'],
  sinhala: ['ශ්‍රී ලංකා', 'දත්ත ආරක්ෂණය'],
  georgian: ['შოთა რუსთაველი', 'მონაცემთა დაცვა'],
  armenian: ['Արամ Խաչատրյան', 'Տվյալների պաշտպանություն'],
  ethiopic: ['ኃይለ ሥላሴ', 'የመረጃ ጥበቃ'],
  khmer: ['សុខ ស្រីមុំ', 'ការការពារទិន្នន័យ'],
  lao: ['ສົມສັກ ນ້ຳເງິນ', 'ການປົກປ້ອງຂໍ້ມູນ'],
  myanmar: ['အောင်ဆန်း ကြည်', 'ဒေတာကာကွယ်ရေး'],
  chinese: ['王小明 李雷', '数据保护入门，“课程”（二）', 'zh'],
  japanese: ['山田 太郎', '情報保護入門「初級」ガイド 直骨', 'ja'],
  'chinese-forms': ['直骨角', '直骨角令', 'zh-Hans'],
  korean: ['김철수 박영희', '데이터 보호 입문', 'ko'],
  emoji: ['Ann 🎓 Bee ❤️', '👩‍🚀🇩🇪👍🏽 1️⃣ ©'],
  mixed: ['Zoë محمد 王 क्षि 🎓', 'ไทย Ωμέγα Жук 한글 ひらがな তথ্য'],
}

const update = process.env['UPDATE_PICTURES'] !== undefined

describe.skipIf(skipped)(`a name and a course${why}`, () => {
  it.each(Object.entries(samples))(
    'in %s: sound, read back, drawn as before',
    async (script, [name, course, locale = 'en']) => {
      using folder = openFolder()
      const [rendered] = await inline.render({ ...plainBatch, locale }, [inputOf({ fullname: name, course })])
      const { pdf, findings } = done(rendered)
      expect(findings).toEqual([])
      const file = folder.write('a.pdf', pdf)
      qpdfCheck(file)
      expect(letters(textOf(file))).toBe(letters(name + course))
      expect(qrOf(file)).toBe(inputOf().verificationUrl)

      const picture = pictureOf(file, 60)
      const kept = join(import.meta.dirname, 'pictures', `${script}.png`)
      if (update) writePng(kept, picture)
      expect(existsSync(kept), 'there is no kept picture: look at the page, then set UPDATE_PICTURES=1').toBe(true)
      expect(difference(picture, readPng(kept))).toBeLessThan(0.001)
    },
  )
})
