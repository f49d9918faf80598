// Runs in every page before its own scripts. Reads the clock that the publisher draws into the
// picture from each frame as it is presented, and keeps how old the frame was.
(() => {
  const layout = __LAYOUT__;
  const SPAN = 2 ** layout.timeBits; // the clock shows milliseconds modulo this
  const OLDEST = 60_000; // ms; more is a misread block that happens to fit its parity
  const SIDE = 8; // pixels per block on the canvas

  const meter = {
    ages: [], // ms from drawing to presentation
    rejected: 0, // frames whose blocks could not be read
    firstPicture: null, // ms from the start of the navigation
    firstMotion: null, // ms until a second, later clock
    waits: 0, // times the player ran dry after it had begun
    errors: [],
  };
  window.__meter = meter;
  addEventListener("error", (event) => meter.errors.push(String(event.message)));

  const canvas = document.createElement("canvas");
  canvas.width = layout.bits * SIDE;
  canvas.height = SIDE;
  const context = canvas.getContext("2d", { willReadFrequently: true });

  function shownInstant(video) {
    const { videoWidth: width, videoHeight: height } = video;
    context.drawImage(
      video,
      layout.left * width,
      (layout.middle - layout.height / 2) * height,
      layout.width * width,
      layout.height * height,
      0,
      0,
      canvas.width,
      canvas.height,
    );
    const pixels = context.getImageData(0, SIDE / 2, canvas.width, 1).data;
    let instant = 0;
    let parity = 0;
    for (let bit = 0; bit < layout.bits; bit++) {
      const set = pixels[(bit * SIDE + SIDE / 2) * 4] > 127 ? 1 : 0;
      if (bit < layout.timeBits) instant = instant * 2 + set;
      else parity = parity * 2 + set;
    }
    let expected = 0b1111;
    for (let rest = instant; rest > 0; rest = Math.floor(rest / 16)) expected ^= rest % 16;
    return parity === expected ? instant : null;
  }

  let firstShown = null;

  function onFrame(video) {
    const now = Date.now();
    meter.firstPicture ??= performance.now();
    const shown = shownInstant(video);
    const age = shown === null ? -1 : (((now - shown) % SPAN) + SPAN) % SPAN;
    if (age < 0 || age > OLDEST) {
      meter.rejected += 1;
    } else {
      meter.ages.push(age);
      if (firstShown === null) firstShown = shown;
      else if (shown !== firstShown) meter.firstMotion ??= performance.now();
    }
    video.requestVideoFrameCallback(() => onFrame(video));
  }

  const known = new WeakSet();

  function videosIn(root) {
    const found = [...root.querySelectorAll("video")];
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) found.push(...videosIn(element.shadowRoot));
    }
    return found;
  }

  setInterval(() => {
    for (const video of videosIn(document)) {
      if (known.has(video)) continue;
      known.add(video);
      video.addEventListener("waiting", () => (meter.waits += meter.firstMotion === null ? 0 : 1));
      video.requestVideoFrameCallback(() => onFrame(video));
    }
  }, 10);
})();
