import { find, need, show } from '../lib/dom';

/** Pixels of the longer side of a poster: no more is kept of it. */
const LONGEST = 1280;

/** The form that chooses a poster: the button takes the picture that the page's player shows. */
export function bindPoster(form: HTMLFormElement): void {
  const button = find<HTMLButtonElement>('[data-poster-frame]', form);
  const video = find<HTMLVideoElement>('[data-player] video');
  if (!button || !video) return;
  const ready = (): void => show(button, video.readyState >= 2 && video.videoWidth > 0);
  for (const type of ['loadeddata', 'emptied', 'seeked']) video.addEventListener(type, ready);
  ready();
  button.addEventListener('click', () => {
    void frame(video).then((picture) => {
      if (!picture) return;
      const files = new DataTransfer();
      files.items.add(new File([picture], 'frame.jpg', { type: picture.type }));
      need<HTMLInputElement>('input[type=file]', form).files = files.files;
      form.requestSubmit();
    });
  });
}

/** Return what a video shows as JPEG; null where it shows nothing. */
function frame(video: HTMLVideoElement): Promise<Blob | null> {
  const scale = Math.min(1, LONGEST / Math.max(video.videoWidth, video.videoHeight));
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext('2d')?.drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.92));
}
