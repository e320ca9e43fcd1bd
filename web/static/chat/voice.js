"use strict";
/* The call in the chat: the bar with its buttons, and words as they are spoken. What they look like is the thread's. */

const VOICE_WORDS = {
  asking: "Allow the microphone in your browser",
  connecting: "Connecting…",
  live: "Connected",
  idle: "Speak now",
  listening: "Listening",
  thinking: "One moment",
  speaking: "Speaking",
};

class Voice {
  /* `told`: module, address and token() to call with; began(), heard(key, message), dropped(key), changed(), ended(words). */
  constructor(bar, told) {
    this.bar = bar;
    this.told = told;
    this.call = null;
    this.id = "";
    this.keys = new Set();
    this.calls = 0;
    const part = (name) => bar.querySelector(`#call-${name}`);
    [this.words, this.time, this.level, this.muting, this.audible] = ["state", "time", "level", "mute", "audible"].map(part);
    this.muting.addEventListener("click", () => this.mute());
    this.audible.addEventListener("click", () => this.hear());
    part("end").addEventListener("click", () => this.call?.hangup?.());
  }

  get busy() {
    return this.call !== null;
  }

  get key() {
    return `voice:${this.calls}`;
  }

  async start() {
    if (this.call) return;
    const starting = (this.call = {});
    const { Call } = await import(this.told.module);
    if (this.call !== starting) return;
    const call = (this.call = new Call());
    const on = (type, act) => call.addEventListener(type, ({ detail }) => this.call === call && act(detail));
    on("state", (detail) => this.became(detail));
    on("note", (note) => this.noted(note));
    on("level", ({ level }) => this.level.style.setProperty("--level", level));
    on("blocked", () => (this.audible.hidden = false));
    this.calls += 1;
    this.keys = new Set([this.key]);
    this.id = "";
    this.turns = 0;
    this.growing = false;
    this.began = 0;
    this.time.textContent = "";
    this.audible.hidden = true;
    this.showMute(false);
    this.bar.hidden = false;
    this.told.changed();
    const body = JSON.stringify({ token: this.told.token() });
    await call.start({ ticketUrl: this.told.address, headers: { "content-type": "application/json", accept: "application/json" }, body });
    if (this.call === call) this.id = call.id || "";
  }

  became({ state, reason, words }) {
    if (state === "ended" || state === "failed") {
      this.over(state === "failed" ? words : reason === "over" && words !== "The call has ended." ? words : "");
      return;
    }
    this.show(state === "live" ? "live" : "connecting", VOICE_WORDS[state]);
    if (state !== "live") return;
    this.id = this.call.id || "";
    this.began = Date.now();
    this.ticking = setInterval(() => this.tick(), 250);
    this.told.began();
    this.muting.focus();
  }

  tick() {
    const seconds = Math.floor((Date.now() - this.began) / 1000);
    this.time.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }

  over(words) {
    this.id = this.call.id || this.id;
    this.call = null;
    clearInterval(this.ticking);
    this.bar.hidden = true;
    this.told.changed();
    this.told.ended(words);
  }

  show(state, words) {
    this.bar.dataset.state = state;
    if (this.words.textContent !== words) this.words.textContent = words;
  }

  noted(note) {
    if (note.type === "state" && note.state in VOICE_WORDS) this.show(note.state, VOICE_WORDS[note.state]);
    if (note.type !== "caption") return;
    if (note.role === "customer") this.said(note);
    else this.answered(note);
  }

  said({ text, final }) {
    if (!text && !this.growing) return;
    if (!this.growing) this.turns += 1;
    this.growing = !final;
    this.tell(`${this.key}:mine:${this.turns}`, { role: "customer", text, growing: !final });
  }

  answered({ role, text, unheard = "", final, number }) {
    const key = `${this.key}:${number}`;
    if (text || unheard) this.tell(key, { role, text, unheard, growing: !final });
  }

  tell(key, message) {
    this.keys.add(key);
    this.told.heard(key, message);
  }

  forget() {
    /* The thread has the words of this call from the hub now. */
    for (const key of this.keys) this.told.dropped(key);
    this.keys.clear();
  }

  mute() {
    if (!this.call?.mute) return;
    this.call.mute(!this.call.muted);
    this.showMute(this.call.muted);
  }

  showMute(muted) {
    this.muting.setAttribute("aria-pressed", String(muted));
    this.muting.title = muted ? "Muted; click to be heard again" : "Mute";
  }

  hear() {
    this.call?.audible();
    this.audible.hidden = true;
  }
}
