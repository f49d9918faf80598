/** Readings kept for a chart: two minutes at one every two seconds. */
const KEPT = 60;

/** A line without axes on a canvas, in the colour of its text, newest reading on the right. */
export class Sparkline {
  readonly #values: number[] = [];

  constructor(private readonly canvas: HTMLCanvasElement) {}

  push(value: number): void {
    this.#values.push(value);
    if (this.#values.length > KEPT) this.#values.shift();
    this.#draw();
  }

  #draw(): void {
    const { canvas } = this;
    const context = canvas.getContext('2d');
    if (!context) return;
    const { clientWidth: width, clientHeight: height } = canvas;
    const scale = devicePixelRatio;
    canvas.width = width * scale;
    canvas.height = height * scale;
    context.scale(scale, scale);
    context.strokeStyle = getComputedStyle(canvas).color;
    context.lineWidth = 1.75;
    context.lineJoin = 'round';

    const least = Math.min(...this.#values);
    const most = Math.max(...this.#values);
    // A steady reading is a line in the middle, not noise blown up to the full height.
    const range = Math.max(most - least, Math.abs(most) * 0.2, 1e-6);
    const middle = (least + most) / 2;
    const newest = this.#values.length - 1;
    context.beginPath();
    this.#values.forEach((value, index) => {
      const x = width - ((newest - index) / (KEPT - 1)) * width;
      const y = height / 2 - ((value - middle) / range) * (height - 4);
      if (index === 0) context.moveTo(x, y);
      else context.lineTo(x, y);
    });
    context.stroke();
  }
}
