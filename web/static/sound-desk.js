/* The operator's loudspeaker and microphone, as frames of 16-bit samples at 16 kHz. No dependency, no markup. */

const RATE = 16000;
const OF_BROWSER = {
  NotAllowedError: "The microphone is not allowed. Allow it in the address bar of your browser and try again.",
  SecurityError: "The microphone is not allowed. Allow it in the address bar of your browser and try again.",
  NotFoundError: "No microphone was found. Plug one in and try again.",
  OverconstrainedError: "No microphone was found. Plug one in and try again.",
};
const INSECURE = "The browser gives the microphone to secure pages only. Open this page with https.";
const IN_USE = "The microphone cannot be opened; another program may be using it. Close that and try again.";

function contextOf(rate) {
  try {
    return new AudioContext({ latencyHint: "interactive", ...(rate && { sampleRate: rate }) });
  } catch {
    return new AudioContext(); // the worklets resample
  }
}

/* Plays frames. Open it from a click: browsers keep quiet otherwise. `level(0..1)` is told while it is open. */
export class Loudspeaker {
  static async open(script, level) {
    const made = new Loudspeaker();
    made.context = contextOf(RATE);
    await made.context.audioWorklet.addModule(script);
    made.node = new AudioWorkletNode(made.context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
    made.node.port.onmessage = ({ data }) => level(data.level);
    made.node.connect(made.context.destination);
    await made.context.resume();
    return made;
  }

  play(frame) {
    this.node.port.postMessage(frame, [frame]);
  }

  close() {
    this.node.port.onmessage = null;
    if (this.context.state !== "closed") this.context.close();
  }
}

/* The microphone. `heard(frame, level)` comes 25 times a second; `lost()` once, when it was unplugged. */
export class Microphone {
  static async open(script, heard, lost) {
    const made = new Microphone();
    made.stream = await asked();
    made.stream.getAudioTracks()[0].addEventListener("ended", lost);
    try {
      await made.#listen(script, heard);
    } catch {
      made.close();
      throw new Error(IN_USE);
    }
    return made;
  }

  async #listen(script, heard) {
    this.context = contextOf(RATE);
    let source;
    try {
      source = this.context.createMediaStreamSource(this.stream);
    } catch {
      this.context.close();
      this.context = contextOf(); // some browsers join a device only to its own rate
      source = this.context.createMediaStreamSource(this.stream);
    }
    await this.context.audioWorklet.addModule(script);
    this.node = new AudioWorkletNode(this.context, "microphone", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    this.node.port.onmessage = ({ data }) => heard(data.frame, data.level);
    source.connect(this.node);
    await this.context.resume();
  }

  close() {
    this.stream.getTracks().forEach((track) => track.stop());
    if (this.node) this.node.port.onmessage = null;
    if (this.context && this.context.state !== "closed") this.context.close();
  }
}

async function asked() {
  if (!navigator.mediaDevices?.getUserMedia) throw new Error(INSECURE);
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 },
    });
  } catch (error) {
    throw new Error(OF_BROWSER[error.name] ?? IN_USE);
  }
}
