// Imported before any media-chrome element: they read their labels when they are defined.
import { addTranslation, setLanguage } from 'media-chrome/utils/i18n';
import { language } from '../i18n';

addTranslation('ko', {
  Play: '재생',
  Pause: '일시정지',
  play: '재생',
  pause: '일시정지',
  Mute: '소리 끄기',
  Unmute: '소리 켜기',
  mute: '소리 끄기',
  unmute: '소리 켜기',
  volume: '음량',
  Captions: '자막',
  'Enable captions': '자막 켜기',
  'Disable captions': '자막 끄기',
  'closed captions': '자막',
  Off: '끔',
  Quality: '화질',
  quality: '화질',
  Auto: '자동',
  'Enter fullscreen mode': '전체 화면',
  'Exit fullscreen mode': '전체 화면 끝내기',
  'enter fullscreen mode': '전체 화면',
  'exit fullscreen mode': '전체 화면 끝내기',
  'Enter picture in picture mode': '작은 창으로 보기',
  'Exit picture in picture mode': '작은 창 닫기',
  'enter picture in picture mode': '작은 창으로 보기',
  'exit picture in picture mode': '작은 창 닫기',
  'media loading': '불러오는 중',
  'video player': '동영상 재생기',
});
setLanguage(language);
