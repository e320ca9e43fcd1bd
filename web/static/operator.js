/* The operator's panel of a live call: reads along from the beginning, and listens, speaks and commands when asked to.

   <call-panel data-id data-me data-may data-owner data-agent data-customer ...> with parts named by `data-call`.
   Its element tells `level` { heard, mine } and `standing` { owner, operator_id, paused, recording, calling, given_to }. */

const NOT_HERE = 4404;
const ENDED = 4410;
const WAITS = [300, 700, 1500, 3000, 5000];
const LOOKS = 4; // before it says that another process has the call
const MOST_UNSENT = 16000; // bytes: half a second
const LOUD = 0.25;
const TALKS_FOR = 1500;
const SHOWN = 180; // characters of one caption
const ELSEWHERE = "This call is on another server process. Try again; another connection may reach it.";
const UNHEARD = "The customer hears nobody. Switch your microphone on, or hand back.";
const HEADSET = "You are heard. With a headset the customer does not hear themselves.";

class CallPanel extends HTMLElement {
  level = { heard: 0, mine: 0 };
  #socket = null;
  #heard = false; // whether the socket carries sound
  #connected = false;
  #tries = 0;
  #over = "";
  #loudspeaker = null;
  #microphone = null;
  #muted = false;
  #busy = false;
  #state = "idle";
  #customerAt = 0;
  #agentAt = 0;
  #undo = null;

  connectedCallback() {
    if (this.#undo) return;
    this.#undo = new AbortController();
    const { signal } = this.#undo;
    const given = this.dataset;
    this.standing = { owner: given.owner, operator_id: given.operator, paused: Boolean(given.paused), recording: "" };
    this.addEventListener("click", (event) => this.#clicked(event), { signal, capture: true });
    this.addEventListener("submit", (event) => this.#submitted(event), { signal, capture: true });
    this.addEventListener("change", ({ target }) => target.dataset.call === "warm" && this.#warm(target.checked), { signal });
    this.addEventListener("call:done", (event) => this.#done(event.detail.act), { signal });
    document.addEventListener("click", (event) => this.#elsewhere(event), { signal, capture: true });
    document.addEventListener("hub:live", (event) => this.#told(event), { signal });
    window.addEventListener("pagehide", () => this.#leave(), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && this.#connect(), { signal });
    window.addEventListener("beforeunload", (event) => this.#microphone && event.preventDefault(), { signal });
    this.#show();
    this.#connect();
    this.timer = setInterval(() => this.#showWho(), 500);
  }

  disconnectedCallback() {
    queueMicrotask(() => {
      if (this.isConnected) return; // it was only moved
      clearInterval(this.timer);
      this.#undo?.abort();
      this.#undo = null;
      this.#leave();
    });
  }

  #part(name) {
    return this.querySelector(`[data-call="${name}"]`);
  }

  get #may() {
    return Boolean(this.dataset.may);
  }

  get #mine() {
    return this.standing.owner === "operator" && this.standing.operator_id === this.dataset.me;
  }

  /* ---- the connection ---- */

  #connect() {
    if (this.#over || !this.#undo) return;
    this.#drop();
    this.#heard = Boolean(this.#loudspeaker);
    const path = `/interactions/${this.dataset.id}/call${this.#heard ? "" : "/captions"}`;
    const socket = new WebSocket(location.origin.replace("http", "ws") + path);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.#noted(JSON.parse(data)) : this.#loudspeaker?.play(data));
    socket.onclose = ({ code }) => this.#lost(code);
    this.#socket = socket;
  }

  #drop() {
    clearTimeout(this.retry);
    const socket = this.#socket;
    this.#socket = null;
    this.#connected = false;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #lost(code) {
    this.#drop();
    this.#level("heard", 0);
    if (code === ENDED) return this.#end("The call has ended.");
    const ringing = ["scheduled", "queued", "ringing"].includes(this.dataset.status);
    const notHere = code === NOT_HERE && !ringing && this.#tries >= LOOKS;
    if (notHere) this.#say(ELSEWHERE, "warn");
    this.#part("again").hidden = !notHere;
    this.trouble = notHere ? "On another server process" : ringing ? "Ringing…" : "Connecting…";
    if (!notHere) this.retry = setTimeout(() => this.#connect(), WAITS[Math.min(this.#tries, WAITS.length - 1)]);
    this.#tries += 1;
    this.#show();
  }

  #noted(note) {
    if (note.type === "hello" || note.type === "standing") this.#stands(note);
    if (note.type === "hello") {
      if (this.#tries > LOOKS) this.#say("");
      [this.#connected, this.#tries, this.trouble] = [true, 0, ""];
      this.#part("again").hidden = true;
    }
    if (note.type === "hello" || note.type === "state") this.#state = note.state;
    if (note.type === "caption") this.#caption(note);
    this.#show();
  }

  #stands({ owner, operator_id, paused, recording, calling = "", given_to = "" }) {
    if (this.standing.calling && !calling) this.#say(given_to ? "" : "They did not take the call; the thread says why.", "warn");
    this.standing = { owner, operator_id, paused, recording, calling, given_to };
    this.dataset.status = "in_progress";
    if (!this.#mine && !this.#busy) this.#release();
  }

  /* What the page's own stream says; it is there when the socket is not. */
  #told(event) {
    if (!event.detail?.data?.includes("data-ended")) return;
    const update = JSON.parse(event.detail.data);
    const ours = update.thread === this.dataset.id.replaceAll("-", "");
    if (ours && update.head.includes('data-ended="1"')) this.#end("The call has ended.");
  }

  #end(words) {
    if (this.#over) return;
    this.#over = words;
    this.#drop();
    this.#silence();
    this.#release();
    this.toggleAttribute("data-over", true);
    this.querySelector("time")?.removeAttribute("data-style");
    this.#part("again").hidden = true;
    this.#say(words);
    this.#show();
  }

  #leave() {
    this.#drop();
    this.#silence();
    this.#release();
  }

  /* ---- sound ---- */

  async #listen() {
    if (this.#loudspeaker) return;
    const { Loudspeaker } = await import(this.dataset.desk);
    this.#loudspeaker = await Loudspeaker.open(this.dataset.player, (level) => this.#level("heard", level));
    this.#connect();
    this.#show();
  }

  #silence() {
    this.#loudspeaker?.close();
    this.#loudspeaker = null;
    this.#level("heard", 0);
  }

  async #speak() {
    const { Microphone } = await import(this.dataset.desk);
    const lost = () => {
      this.#release();
      this.#say("The microphone is gone. Plug it in and switch it on again.", "danger");
      this.#show();
    };
    const opened = await Microphone.open(this.dataset.microphone, (frame, level) => this.#give(frame, level), lost);
    if (!this.isConnected || this.#over) return opened.close();
    this.#microphone?.close();
    this.#microphone = opened;
    this.#muted = false;
  }

  #release() {
    this.#microphone?.close();
    this.#microphone = null;
    this.#muted = false;
    this.#level("mine", 0);
  }

  #give(frame, level) {
    this.#level("mine", this.#muted ? 0 : level);
    if (!this.#mine || !this.#connected || !this.#heard || this.#socket.bufferedAmount > MOST_UNSENT) return;
    this.#socket.send(this.#muted ? new ArrayBuffer(frame.byteLength) : frame);
  }

  #level(name, level) {
    this.level[name] = level;
    this.#part(name)?.style.setProperty("--level", level.toFixed(3));
  }

  /* ---- acts ---- */

  #clicked(event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.getAttribute("aria-disabled") === "true") {
      event.preventDefault();
      event.stopImmediatePropagation();
      this.#say(button.title, "warn");
      return;
    }
    const acts = {
      listen: () => (this.#loudspeaker ? this.#stopListening() : this.#listen()),
      take: () => this.#takeOver(),
      back: () => this.#handBack(),
      mute: () => (this.#muted = !this.#muted),
      more: () => this.#unfold(),
      again: () => this.#tryAgain(),
    };
    const act = acts[button.dataset.call];
    if (act) this.#attempt(act);
  }

  /* Enter in a field presses the form's button; when that is off, it says why. */
  #submitted(event) {
    const button = event.submitter ?? event.target.querySelector("[type=submit]");
    if (button?.getAttribute("aria-disabled") !== "true") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.#say(button.title, "warn");
  }

  async #attempt(act) {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await act();
    } catch (error) {
      this.#say(error.message, "danger");
    } finally {
      this.#busy = false;
      if (!this.#mine) this.#release();
      this.#show();
    }
  }

  #stopListening() {
    if (this.#microphone) throw new Error("You are speaking with the customer. Hand back first.");
    this.#silence();
    this.#connect();
  }

  #tryAgain() {
    this.#tries = 0;
    this.#say("");
    this.#connect();
  }

  #unfold() {
    const more = this.querySelector("#call-more");
    more.hidden = !more.hidden;
    this.#part("more").setAttribute("aria-expanded", String(!more.hidden));
    if (!more.hidden) more.querySelector("input").focus();
  }

  /* A call that stays with us is given away without a warning. */
  #warm(on) {
    const button = this.#part("transfer");
    this.#part("briefing").hidden = !on;
    if (on) [button.dataset.cold, button.dataset.ask] = [button.dataset.ask, ""];
    else button.dataset.ask = button.dataset.cold;
  }

  /* The microphone first: nobody is left in silence because a browser refused. */
  async #takeOver() {
    const theirs = this.standing.owner === "operator" && !this.#mine;
    const who = this.standing.given_to || this.dataset.ownerName || "a colleague";
    if (theirs && !window.confirm(`Take over from ${who}, who is answering now?`)) return;
    this.#say("Your browser asks for the microphone…");
    try {
      await this.#speak();
    } catch (error) {
      throw new Error(`${error.message} Nothing has changed in the call.`);
    }
    await this.#listen();
    if (!this.#mine) {
      await this.#post(theirs ? "assign" : "take-over", theirs ? { to: "me" } : {});
      this.#stands({ ...this.standing, owner: "operator", operator_id: this.dataset.me });
    }
    this.#say("You are speaking with the customer.", "ok");
  }

  async #handBack() {
    const note = this.#part("note");
    await this.#post("hand-back", { note: note.value });
    note.value = "";
    this.#stands({ ...this.standing, owner: "ai", operator_id: "" });
    this.#release();
    this.#say(`Handed back. ${this.dataset.agent} goes on.`, "ok");
  }

  async #post(act, fields = {}) {
    const token = JSON.parse(document.body.getAttribute("hx-headers:inherited"))["x-csrftoken"];
    let answer;
    try {
      answer = await fetch(`/inbox/${this.dataset.id}/${act}`, {
        method: "POST", body: new URLSearchParams(fields), signal: AbortSignal.timeout(15000),
        headers: { "x-csrftoken": token, "HX-Request": "true", Accept: "text/html" },
      });
    } catch {
      throw new Error("The server cannot be reached. Check your connection and try again.");
    }
    if (answer.ok) return;
    const told = JSON.parse(answer.headers.get("HX-Trigger") || "{}")["hub:toast"]?.text;
    throw new Error(told ?? "The server did not take it. Reload the page and try again.");
  }

  /* The page's own buttons and keys to take over mean the same here: with a voice. */
  #elsewhere(event) {
    if (!event.target.closest?.("#take-over, #take-from") || !this.#may || !this.#connected) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.#attempt(() => this.#takeOver());
  }

  #done(act) {
    if (act === "say" || act === "whisper") this.querySelector("#call-text").value = "";
    if (act === "digits") this.querySelector("#call-digits").value = "";
    if (act === "transfer") for (const field of ["to", "briefing"]) this.querySelector(`#call-${field}`).value = "";
  }

  /* ---- what is shown ---- */

  #say(words, tone = "") {
    const said = document.createElement("span");
    said.dataset.tone = tone;
    said.textContent = words;
    this.querySelector("#call-said").replaceChildren(...(words ? [said] : []));
  }

  #caption({ role, text, final }) {
    if (!text) return;
    if (role === "customer") this.#customerAt = final ? 0 : performance.now();
    if (role === "agent") this.#agentAt = final ? 0 : performance.now();
    const box = this.#part("captions");
    box.querySelector(".muted")?.remove();
    let line = box.querySelector(`[data-role="${role}"]`);
    if (!line) {
      line = document.createElement("p");
      line.dataset.role = role;
      const by = document.createElement("b");
      by.textContent = { customer: this.dataset.customer, operator: this.#mine ? "You" : this.standing.given_to || "Colleague" }[role] ?? this.dataset.agent;
      const words = document.createElement("span");
      words.dir = "auto";
      line.append(by, words);
    }
    box.append(line);
    line.toggleAttribute("data-growing", !final);
    line.lastElementChild.textContent = text.length > SHOWN ? "…" + text.slice(-SHOWN) : text;
    while (box.children.length > 2) box.firstElementChild.remove();
  }

  #who() {
    if (this.#over) return [this.#over, "ended"];
    if (!this.#connected) return [this.trouble || "Connecting…", "waiting"];
    const { agent, customer } = this.dataset;
    const asAgent = performance.now() - this.#agentAt < TALKS_FOR;
    if (this.#mine && this.level.mine > LOUD) return ["You speak", "speaking"];
    if (this.standing.calling && !this.#mine && !asAgent) return [`Calling ${this.standing.calling}`, "waiting"];
    if (this.#state === "speaking" && (this.standing.owner === "ai" || asAgent)) return [`${agent} speaks`, "speaking"];
    if (this.#state === "listening" || performance.now() - this.#customerAt < TALKS_FOR) return [`${customer} speaks`, "listening"];
    if (this.#state === "thinking") return [`${agent} thinks`, "thinking"];
    if (this.standing.given_to) return [`Transferred to ${this.standing.given_to}`, "idle"];
    if (this.#mine) return ["You have the call", "idle"];
    if (this.standing.owner === "queue") return ["Waits for a person", "waiting"];
    if (this.standing.owner === "operator") return ["A colleague has the call", "idle"];
    return this.standing.paused ? [`${agent} is on hold`, "waiting"] : ["Nobody speaks", "idle"];
  }

  #showWho() {
    const [words, light] = this.#who();
    const who = this.#part("who");
    if (who.textContent !== words) who.textContent = words;
    this.#part("light").dataset.state = light;
  }

  #show() {
    this.#showWho();
    this.toggleAttribute("data-connected", this.#connected);
    const { recording, paused } = this.standing;
    const shown = this.#part("recording");
    shown.hidden = !recording || recording === "off" || Boolean(this.#over);
    shown.dataset.state = recording;
    shown.textContent = recording === "paused" ? "Recording paused" : "Recorded";
    if (!this.#may) return;
    this.#showActs();
    const off = this.#over || (this.#connected ? "" : "Not connected to the call.");
    const silent = this.standing.owner !== "ai" ? "The agent is silent anyway while a person has the call." : "";
    const untaped = recording === "off" ? "This agent's calls are not recorded." : "";
    for (const name of ["whisper", "say", "digits", "end"]) this.#why(this.#part(name), off);
    const { calling, given_to } = this.standing;
    const away = calling || given_to ? "A transfer is under way. Take over to end it." : "";
    this.#why(this.#part("transfer"), off || away);
    this.querySelectorAll('[data-call="key"]').forEach((key) => this.#why(key, off));
    this.#either("pause", "resume", paused, off || (paused ? "" : silent));
    this.#either("recording-pause", "recording-resume", recording === "paused", off || untaped);
  }

  #showActs() {
    const off = this.#over || (this.#connected ? "" : "Not connected to the call.");
    const speaks = this.#mine && this.#microphone;
    const listen = this.#part("listen");
    listen.hidden = Boolean(speaks);
    listen.setAttribute("aria-pressed", String(Boolean(this.#loudspeaker)));
    listen.lastElementChild.textContent = this.#loudspeaker ? "Stop listening" : "Listen";
    this.#why(listen, this.#loudspeaker ? "" : off);
    const take = this.#part("take");
    take.hidden = Boolean(speaks);
    take.lastElementChild.textContent = this.#mine ? "Switch my microphone on" : "Take over";
    this.#why(take, this.#busy ? "One moment." : off);
    this.#part("mute").hidden = !speaks;
    this.#part("mute").setAttribute("aria-pressed", String(this.#muted));
    this.#part("mute").lastElementChild.textContent = this.#muted ? "Unmute me" : "Mute me";
    for (const part of ["back", "note"]) this.#part(part).hidden = !this.#mine || Boolean(this.#over);
    const hint = this.#part("hint");
    hint.hidden = !this.#mine || Boolean(this.#over);
    hint.textContent = this.#muted ? "You are muted. The customer does not hear you." : speaks ? HEADSET : UNHEARD;
    hint.dataset.tone = speaks && !this.#muted ? "" : "warn";
    this.toggleAttribute("data-speaking", Boolean(speaks));
    this.#part("mine").hidden = !speaks;
  }

  #either(first, second, isSecond, why) {
    const [one, other] = [this.#part(first), this.#part(second)];
    const focused = one === document.activeElement || other === document.activeElement;
    [one.hidden, other.hidden] = [isSecond, !isSecond];
    if (focused) (isSecond ? other : one).focus();
    this.#why(one, why);
    this.#why(other, why);
  }

  /* A button that does nothing now says why, to the eye, to a screen reader and when it is pressed. */
  #why(button, why) {
    for (const [name, value] of [["aria-disabled", why && "true"], ["title", why]]) {
      if (value) button.setAttribute(name, value);
      else button.removeAttribute(name);
    }
  }
}

if (!customElements.get("call-panel")) customElements.define("call-panel", CallPanel);
