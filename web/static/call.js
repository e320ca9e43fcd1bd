/* A call between this page and the hub: microphone, loudspeaker, and a channel for notes. No dependency, no markup.

   const call = new Call();
   call.addEventListener("state", ({ detail }) => show(detail.state, detail.words));
   await call.start({ ticketUrl, headers, body });   // answers { ticket, iceServers, interaction }; or { ticket, iceServers }
   call.interaction and call.id name our interaction, if the ticket did, and the call.

   Events, each with a `detail`:
     state       { state, reason, words }: idle, asking (the browser asks for the microphone), connecting, live, ended, failed.
                 `reason` of failed: refused no_device in_use insecure ticket busy network; `words` are for the person.
     level       { level } of the microphone, 0..1, about 15 times a second; agentlevel the same of what is heard
     note        what the hub tells, as it is told; `type` says which kind
     devices     { devices } when a microphone is plugged in or out
     blocked     the browser wants a click before it plays sound: call `audible()` from one
     ended       { reason, words }, once, after ended and failed alike */

const GATHERING_MS = 1500;
const CONNECTING_MS = 15000;
const LOST_MS = 15000;
const ANSWER_MS = 15000;
const LEVEL_EVERY_MS = 66;
const QUIETEST_DB = -60;
const MOST_UNSENT = 65536;

const WORDS = {
  refused: "The microphone is not allowed. Allow it in the address bar of your browser and call again.",
  no_device: "No microphone was found. Plug one in and call again.",
  in_use: "The microphone cannot be opened; another program may be using it. Close that and call again.",
  insecure: "The browser allows calls on secure pages only. Open this page with https.",
  ticket: "The call could not be opened. Reload the page and call again.",
  busy: "All lines are busy just now. Try again in a minute.",
  network: "No connection came about. Check the network, or try another one, and call again.",
  lost: "The connection was lost.",
  unplugged: "The microphone is gone. Plug it in and call again.",
  over: "The call has ended.",
};
const OF_BROWSER = {
  NotAllowedError: "refused", SecurityError: "refused", NotFoundError: "no_device", OverconstrainedError: "no_device",
  NotReadableError: "in_use", AbortError: "in_use",
};

class Trouble extends Error {
  constructor(reason, words) {
    super(words || WORDS[reason]);
    this.reason = reason;
  }
}

function sound(deviceId) {
  const wanted = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
  return { audio: deviceId ? { ...wanted, deviceId: { exact: deviceId } } : wanted };
}

async function microphone(deviceId) {
  if (!navigator.mediaDevices?.getUserMedia) throw new Trouble("insecure");
  try {
    return await navigator.mediaDevices.getUserMedia(sound(deviceId));
  } catch (error) {
    throw new Trouble(OF_BROWSER[error.name] ?? "in_use");
  }
}

async function post(url, body, headers) {
  let answer;
  try {
    answer = await fetch(url, {
      method: "POST", body, headers, credentials: "same-origin", signal: AbortSignal.timeout(ANSWER_MS),
    });
  } catch {
    throw new Trouble("network");
  }
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  throw new Trouble(answer.status === 503 ? "busy" : "ticket", said.detail);
}

function gathered(peer) {
  /* Some browsers never say that they are through, for instance without a network card. */
  return new Promise((resolve) => {
    if (peer.iceGatheringState === "complete") return resolve();
    setTimeout(resolve, GATHERING_MS);
    peer.addEventListener("icegatheringstatechange", () => peer.iceGatheringState === "complete" && resolve());
  });
}

class Meter {
  /* How loud a stream is, 0..1, on a scale of decibels. */
  constructor(context, stream) {
    this.analyser = new AnalyserNode(context, { fftSize: 1024 });
    this.samples = new Float32Array(this.analyser.fftSize);
    this.source = context.createMediaStreamSource(stream);
    this.source.connect(this.analyser);
  }

  level() {
    this.analyser.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, sample) => sum + sample * sample, 0) / this.samples.length;
    const decibels = power > 0 ? 10 * Math.log10(power) : QUIETEST_DB;
    return Math.min(1, Math.max(0, 1 - decibels / QUIETEST_DB));
  }

  stop() {
    this.source.disconnect();
  }
}

export class Call extends EventTarget {
  #run = null;
  #muted = false;

  constructor({ url = "/hooks/web_call" } = {}) {
    super();
    this.url = url;
    this.state = "idle";
    this.words = "";
  }

  get muted() {
    return this.#muted;
  }

  /* Begin. Resolves when the offer is answered or the call has failed; what becomes of it is told by `state`. */
  async start({ ticketUrl, ticket, iceServers = [], deviceId, headers = {}, body } = {}) {
    if (this.#run) return;
    const run = (this.#run = { timers: new Set(), streams: new Set(), undo: new AbortController() });
    this.#muted = false;
    try {
      this.#become("asking");
      this.#take(run, await microphone(deviceId));
      if (this.#run !== run) return this.#release(run);
      this.#become("connecting");
      if (ticketUrl) {
        const given = await post(ticketUrl, body, headers);
        [ticket, iceServers] = [given.ticket, given.iceServers ?? given.ice_servers ?? iceServers];
        this.interaction = given.interaction;
      }
      if (this.#run === run) await this.#connect(run, ticket, iceServers);
    } catch (error) {
      const trouble = error instanceof Trouble ? error : new Trouble("network");
      if (this.#run === run) this.#fail(trouble.reason, trouble.message);
    }
    if (this.#run !== run) this.#release(run);
  }

  async #connect(run, ticket, iceServers) {
    const peer = (run.peer = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" }));
    run.sender = peer.addTrack(run.stream.getAudioTracks()[0], run.stream);
    run.notes = peer.createDataChannel("hub");
    this.#listen(run);
    await peer.setLocalDescription();
    await gathered(peer);
    if (this.#run !== run) return;
    const { sdp, type } = peer.localDescription;
    const answer = await post(this.url, JSON.stringify({ sdp, type, ticket }), { "content-type": "application/json" });
    if (this.#run !== run) return;
    this.id = answer.call;
    await peer.setRemoteDescription({ sdp: answer.sdp, type: answer.type });
    run.connecting = this.#later(run, CONNECTING_MS, () => this.#fail("network"));
  }

  #listen(run) {
    const { peer, notes } = run;
    const { signal } = run.undo;
    peer.addEventListener("track", ({ track, streams }) => this.#hear(run, streams[0] ?? new MediaStream([track])), { signal });
    peer.addEventListener("connectionstatechange", () => this.#changed(run), { signal });
    notes.addEventListener("message", ({ data }) => this.#noted(data), { signal });
    notes.addEventListener("close", () => this.#end("over", this.words), { signal });
    window.addEventListener("pagehide", () => this.hangup(), { signal });
    navigator.mediaDevices.addEventListener("devicechange", async () => this.#emit("devices", { devices: await this.devices() }), { signal });
  }

  #changed(run) {
    const state = run.peer.connectionState;
    clearTimeout(run.lost);
    if (state === "connected") {
      clearTimeout(run.connecting);
      if (this.state !== "live") this.#become("live");
      this.#measure(run);
    } else if (state === "disconnected") {
      run.lost = this.#later(run, LOST_MS, () => this.#fail("network", WORDS.lost));
    } else if (state === "failed") {
      this.#fail("network", this.state === "live" ? WORDS.lost : "");
    } else if (state === "closed") {
      this.#end("over");
    }
  }

  #noted(data) {
    let note;
    try {
      note = JSON.parse(data);
    } catch {
      return;
    }
    if (note?.type === "ended" && typeof note.words === "string") this.words = note.words;
    this.#emit("note", note);
  }

  #hear(run, stream) {
    run.heard = stream;
    run.audio = new Audio();
    run.audio.autoplay = true;
    run.audio.srcObject = stream;
    this.audible();
  }

  /* Let the loudspeaker sound; some browsers want that to come from a click. */
  async audible() {
    const run = this.#run;
    try {
      await Promise.all([run?.audio?.play(), run?.context?.state === "suspended" ? run.context.resume() : null]);
    } catch (error) {
      if (this.#run === run && error.name === "NotAllowedError") this.#emit("blocked", {});
    }
  }

  #measure(run) {
    if (run.context) return;
    run.context = new AudioContext();
    run.meter = new Meter(run.context, run.stream);
    run.agentMeter = run.heard && new Meter(run.context, run.heard);
    let last = 0;
    const look = (now) => {
      if (this.#run !== run) return;
      requestAnimationFrame(look);
      if (now - last < LEVEL_EVERY_MS) return;
      last = now;
      this.#emit("level", { level: this.#muted ? 0 : run.meter.level() });
      if (run.agentMeter) this.#emit("agentlevel", { level: run.agentMeter.level() });
    };
    requestAnimationFrame(look);
  }

  #take(run, stream) {
    run.stream = stream;
    run.streams.add(stream);
    const [track] = stream.getAudioTracks();
    track.enabled = !this.#muted;
    track.addEventListener("ended", () => this.#unplugged(run, stream), { signal: run.undo.signal });
  }

  async #unplugged(run, stream) {
    if (this.#run !== run || run.stream !== stream) return;
    try {
      await this.setDevice();
    } catch {
      if (this.#run === run) this.#fail("no_device", WORDS.unplugged);
    }
  }

  /* Hang up; also while the browser still asks or connects. */
  hangup() {
    if (this.#run) this.#end("hangup");
  }

  /* Let the hub hear silence, or the microphone again. */
  mute(muted = true) {
    this.#muted = Boolean(muted);
    this.#run?.stream?.getAudioTracks().forEach((track) => (track.enabled = !this.#muted));
    this.#send({ type: "mute", muted: this.#muted });
  }

  /* Talk through another microphone; without an id, through the browser's own choice. Rejects with words. */
  async setDevice(deviceId) {
    const run = this.#run;
    if (!run?.stream) return;
    const stream = await microphone(deviceId);
    if (this.#run !== run) return stream.getTracks().forEach((track) => track.stop());
    const before = run.stream;
    this.#take(run, stream);
    await run.sender?.replaceTrack(stream.getAudioTracks()[0]);
    before.getTracks().forEach((track) => track.stop());
    run.streams.delete(before);
    if (run.context) {
      run.meter.stop();
      run.meter = new Meter(run.context, stream);
    }
  }

  /* The microphones: [{ id, label }]; labels are empty until the microphone was allowed. */
  async devices() {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    return all.filter(({ kind }) => kind === "audioinput").map(({ deviceId, label }) => ({ id: deviceId, label }));
  }

  /* Press a key: 0-9, * or #. */
  digit(digit) {
    this.#send({ type: "digit", digit: String(digit) });
  }

  #send(note) {
    const notes = this.#run?.notes;
    if (notes?.readyState === "open" && notes.bufferedAmount < MOST_UNSENT) notes.send(JSON.stringify(note));
  }

  #later(run, milliseconds, act) {
    const timer = setTimeout(() => this.#run === run && act(), milliseconds);
    run.timers.add(timer);
    return timer;
  }

  #fail(reason, words) {
    this.#finish("failed", reason, words || WORDS[reason]);
  }

  #end(reason, words) {
    this.#finish("ended", reason, words || WORDS.over);
  }

  #finish(state, reason, words) {
    const run = this.#run;
    if (!run) return;
    this.#run = null;
    this.#release(run);
    this.#become(state, reason, words);
    this.#emit("ended", { reason, words });
  }

  #release(run) {
    run.undo.abort();
    run.timers.forEach(clearTimeout);
    run.streams.forEach((stream) => stream.getTracks().forEach((track) => track.stop()));
    run.peer?.close();
    if (run.context && run.context.state !== "closed") run.context.close();
    if (run.audio) run.audio.srcObject = null;
  }

  #become(state, reason = "", words = "") {
    this.state = state;
    this.words = words;
    this.#emit("state", { state, reason, words });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
