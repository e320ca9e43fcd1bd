/* Plays sound that comes in frames of 16 kHz: a small store against jitter, then the loudspeaker at its own rate.
   In: ArrayBuffers of 16-bit samples. Out: { level } of what sounds, 0..1, about 12 times a second. */

const RATE = 16000;
const BEGIN_WITH = RATE * 0.08;
const MOST = RATE * 0.4;
const LEVEL_EVERY = 0.08;

class Player extends AudioWorkletProcessor {
  #frames = [];
  #waiting = 0; // samples
  #at = 0; // in the first frame; between samples when the device has another rate
  #sounding = false;
  #power = 0;
  #measured = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => this.#take(new Int16Array(data));
  }

  #take(frame) {
    this.#frames.push(frame);
    this.#waiting += frame.length;
    while (this.#waiting > MOST) this.#next(); // late sound is worth less than none
    if (this.#waiting >= BEGIN_WITH) this.#sounding = true;
  }

  #next() {
    const gone = this.#frames.shift();
    this.#waiting -= gone.length;
    this.#at = Math.max(0, this.#at - gone.length);
  }

  #sample() {
    const [frame] = this.#frames;
    const here = Math.floor(this.#at);
    const after = here + 1 < frame.length ? frame[here + 1] : (this.#frames[1]?.[0] ?? frame[here]);
    return (frame[here] + (after - frame[here]) * (this.#at - here)) / 32768;
  }

  process(inputs, [[out]]) {
    const step = RATE / sampleRate;
    for (let i = 0; i < out.length; i += 1) {
      while (this.#frames.length && this.#at >= this.#frames[0].length) this.#next();
      if (!this.#frames.length) this.#sounding = false;
      if (!this.#sounding) break;
      out[i] = this.#sample();
      this.#at += step;
      this.#power += out[i] * out[i];
    }
    this.#measured += out.length;
    if (this.#measured >= sampleRate * LEVEL_EVERY) this.#tell();
    return true;
  }

  #tell() {
    const decibels = 10 * Math.log10(this.#power / this.#measured + 1e-9);
    this.port.postMessage({ level: Math.min(1, Math.max(0, 1 + decibels / 50)) });
    this.#power = this.#measured = 0;
  }
}

registerProcessor("player", Player);
