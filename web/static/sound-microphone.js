/* Cuts what a microphone hears into frames of 40 ms, 16 kHz, 16 bits; a device of another rate is resampled here.
   Out: { frame, level }: an ArrayBuffer and how loud it is, 0..1. */

const RATE = 16000;
const FRAME = RATE * 0.04;

class Microphone extends AudioWorkletProcessor {
  #frame = new Int16Array(FRAME);
  #filled = 0;
  #power = 0;
  #sum = 0; // of the device's samples that make up one of ours
  #count = 0;
  #part = 0;

  process([[heard]]) {
    if (!heard) return true;
    if (sampleRate === RATE) for (const sample of heard) this.#put(sample);
    else this.#slower(heard);
    return true;
  }

  /* The mean of the samples that fall into one of ours: it keeps what is too high for 16 kHz out well enough. */
  #slower(heard) {
    const step = RATE / sampleRate;
    for (const sample of heard) {
      this.#sum += sample;
      this.#count += 1;
      this.#part += step;
      while (this.#part >= 1) {
        this.#part -= 1;
        this.#put(this.#count ? this.#sum / this.#count : sample);
        this.#sum = this.#count = 0;
      }
    }
  }

  #put(sample) {
    this.#frame[this.#filled] = Math.max(-1, Math.min(1, sample)) * 32767;
    this.#power += sample * sample;
    this.#filled += 1;
    if (this.#filled < FRAME) return;
    const level = Math.min(1, Math.max(0, 1 + Math.log10(this.#power / FRAME + 1e-9) / 5));
    this.port.postMessage({ frame: this.#frame.buffer, level }, [this.#frame.buffer]);
    this.#frame = new Int16Array(FRAME);
    this.#filled = this.#power = 0;
  }
}

registerProcessor("microphone", Microphone);
