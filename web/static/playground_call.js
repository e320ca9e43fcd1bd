/* A call with the agent under test: <voice-test data-agent data-ticket data-chats data-module>, parts named by `data-part`.

   Words still being spoken come as notes of the call and stand in `.voice-now`; everything that is over, tools and
   steps among it, comes with the stream of the interaction, which draws the rest of the log. */

const STATES = {
  asking: "Your browser asks for the microphone. Allow it.",
  connecting: "Connecting…",
  live: "Connected",
  idle: "Your turn: speak",
  listening: "Listening",
  thinking: "Thinking",
  speaking: "Speaking",
  ended: "Ended",
};
const NEAR_END_PX = 60;
const DEVICE = "hub-microphone";

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

class VoiceTest extends HTMLElement {
  #call = null;
  #spoken = [];
  #finals = 0;
  #began = 0;
  #ticking = 0;
  #atEnd = true;
  #undo = null;

  connectedCallback() {
    this.#undo = new AbortController();
    const { signal } = this.#undo;
    this.addEventListener("submit", (event) => (event.preventDefault(), this.#start()), { signal });
    this.addEventListener("click", (event) => this.#clicked(event), { signal });
    this.addEventListener("change", (event) => event.target.dataset.part === "device" && this.#chosen(event.target.value), { signal });
    document.addEventListener("keydown", (event) => this.#pressed(event), { signal });
    this.addEventListener("scroll", ({ target }) => {
      if (target.classList.contains("voice-log")) this.#atEnd = target.scrollHeight - target.scrollTop - target.clientHeight < NEAR_END_PX;
    }, { capture: true, signal });
    this.drawn = new MutationObserver(() => this.#redrawn());
    this.drawn.observe(this.#part("live"), { childList: true, subtree: true });
    this.sized = new ResizeObserver(() => this.#toEnd());
    this.sized.observe(this.#part("live"));
    this.#listDevices();
  }

  disconnectedCallback() {
    this.#undo?.abort();
    this.drawn.disconnect();
    this.sized.disconnect();
    clearInterval(this.#ticking);
    this.#call?.hangup();
  }

  #part(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }

  /* ---- the call ---- */

  async #start() {
    if (this.#call) return;
    const { Call } = await import(this.dataset.module);
    const call = (this.#call = new Call());
    const on = (type, act) => call.addEventListener(type, ({ detail }) => this.#call === call && act(detail));
    on("state", (detail) => this.#became(detail));
    on("note", (note) => this.#noted(note));
    on("level", ({ level }) => this.#part("mine").style.setProperty("--level", level));
    on("agentlevel", ({ level }) => this.#part("theirs").style.setProperty("--level", level));
    on("devices", ({ devices }) => this.#showDevices(devices));
    on("blocked", () => (this.#part("blocked").hidden = false));
    this.#fresh();
    const body = new URLSearchParams(new FormData(this.#part("form")));
    const headers = { "x-csrftoken": JSON.parse(document.body.getAttribute("hx-headers:inherited"))["x-csrftoken"], accept: "application/json" };
    await call.start({ ticketUrl: this.dataset.ticket, headers, body, deviceId: this.#wanted() });
    if (this.#call === call && call.interaction) this.#follow(call.interaction);
  }

  #fresh() {
    this.#spoken = [];
    this.#finals = 0;
    this.#began = 0;
    this.#atEnd = true;
    this.#part("fault").hidden = this.#part("blocked").hidden = this.#part("keys").hidden = true;
    for (const name of ["latency", "stage", "timer"]) this.#part(name).textContent = "";
    this.#part("live").replaceChildren();
    this.#part("keypad").setAttribute("aria-expanded", "false");
    this.#showMute(false);
  }

  #became({ state, reason, words }) {
    if (state === "failed" && reason === "no_device" && this.#wanted()) {
      this.#remember("");
      this.#call = null;
      return void this.#start();
    }
    if (state === "failed" && !this.#began) return this.#failed(words);
    if (state === "ended" && !this.#began) return this.#failed("");
    if (state === "ended" || state === "failed") return this.#over(state === "failed" || reason === "over" ? words : "You hung up.");
    this.dataset.state = state;
    this.#part("ready").hidden = true;
    for (const [name, hidden] of [["call", false], ["acts", false], ["over", true], ["levels", state !== "live"]]) this.#part(name).hidden = hidden;
    if (state !== "live") return this.#light("connecting", STATES[state]);
    this.#began = Date.now();
    this.#ticking = setInterval(() => (this.#part("timer").textContent = clock((Date.now() - this.#began) / 1000)), 250);
    this.#light("idle", STATES.live);
    this.#listDevices();
    this.#part("mute").focus();
  }

  #failed(words) {
    this.#call = null;
    this.dataset.state = "idle";
    this.#part("call").hidden = true;
    this.#part("ready").hidden = false;
    this.#part("fault").hidden = !words;
    this.#part("fault-words").textContent = words;
    this.querySelector(".voice-button").focus();
  }

  #over(words) {
    const interaction = this.#call.interaction;
    this.#call = null;
    clearInterval(this.#ticking);
    this.dataset.state = "ended";
    this.#light("ended", STATES.ended);
    for (const name of ["acts", "keys", "levels", "blocked"]) this.#part(name).hidden = true;
    this.#spoken = this.#spoken.filter((one) => one.final);
    this.#redrawn();
    const lasted = clock((Date.now() - this.#began) / 1000);
    this.#part("timer").textContent = lasted;
    this.#part("over-words").textContent = words;
    this.#part("page").href = `/interactions/${interaction}`;
    this.#part("over").hidden = false;
    this.#part("page").focus();
  }

  #again() {
    this.dataset.state = "idle";
    this.#part("live").replaceChildren();
    this.#part("call").hidden = true;
    this.#part("ready").hidden = false;
    this.querySelector(".voice-button").focus();
  }

  /* ---- what is told ---- */

  #light(state, words) {
    this.#part("light").dataset.state = state;
    this.#part("state").textContent = words;
  }

  #noted(note) {
    if (note.type === "state" && note.state in STATES) this.#light(note.state, STATES[note.state]);
    else if (note.type === "caption" && note.role === "customer") this.#heard(note);
    else if (note.type === "latency" && "end_of_turn_ms" in note) this.#part("latency").textContent = `answered in ${note.response_ms} ms`;
  }

  /* The customer's words: one bubble that grows, and stands until the log has it too. */
  #heard({ text, final }) {
    let last = this.#spoken.at(-1);
    if (!last || last.final) {
      if (!text) return;
      const row = document.createElement("li");
      row.className = "bubble-row";
      row.dataset.role = "customer";
      const bubble = document.createElement("div");
      bubble.className = "bubble";
      row.append(bubble);
      last = { row, bubble, final: false };
      this.#spoken.push(last);
    }
    last.bubble.textContent = text;
    last.bubble.toggleAttribute("data-growing", !final);
    last.final = final;
    if (final) last.place = this.#finals++;
    this.#redrawn();
  }

  #redrawn() {
    const items = this.querySelector(".voice-items");
    const now = this.querySelector(".voice-now");
    if (!items || !now) return;
    const known = Number(items.dataset.customer);
    this.#spoken = this.#spoken.filter((one) => !one.final || one.place >= known);
    const rows = this.#spoken.map((one) => one.row);
    if (rows.length !== now.children.length || rows.some((row, at) => now.children[at] !== row)) now.replaceChildren(...rows);
    this.#part("stage").textContent = items.dataset.stage ? `in “${items.dataset.stage}”` : "";
    this.#toEnd();
  }

  #toEnd() {
    const log = this.querySelector(".voice-log");
    if (log && this.#atEnd && log.scrollTop + log.clientHeight < log.scrollHeight - 1) log.scrollTop = log.scrollHeight;
  }

  #follow(interaction) {
    const stream = document.createElement("div");
    stream.className = "voice-stream";
    stream.setAttribute("hx-sse:connect", `${this.dataset.chats}/${interaction}/events`);
    stream.setAttribute("hx-swap", "innerMorph");
    this.#part("live").replaceChildren(stream);
    window.htmx.process(stream);
  }

  /* ---- buttons and keys ---- */

  #clicked(event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.key) return this.#call?.digit(button.dataset.key);
    const act = {
      mute: () => this.#mute(),
      keypad: () => this.#keypad(),
      hangup: () => this.#call?.hangup(),
      again: () => this.#again(),
      audible: () => (this.#call?.audible(), (this.#part("blocked").hidden = true)),
    }[button.dataset.part];
    act?.();
  }

  #pressed(event) {
    if (this.#part("keys").hidden || !this.#call || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, textarea, select")) return;
    const button = [...this.querySelectorAll("[data-key]")].find((one) => one.dataset.key === event.key);
    if (!button) return;
    this.#call.digit(event.key);
    button.classList.add("pressed");
    setTimeout(() => button.classList.remove("pressed"), 150);
  }

  #mute() {
    if (!this.#call) return;
    this.#call.mute(!this.#call.muted);
    this.#showMute(this.#call.muted);
  }

  #showMute(muted) {
    this.#part("mute").setAttribute("aria-pressed", String(muted));
    this.#part("mute").querySelector("span").textContent = muted ? "Muted" : "Mute";
  }

  #keypad() {
    const keys = this.#part("keys");
    keys.hidden = !keys.hidden;
    this.#part("keypad").setAttribute("aria-expanded", String(!keys.hidden));
    this.#toEnd();
  }

  /* ---- microphones ---- */

  #wanted() {
    try {
      return localStorage.getItem(DEVICE) || undefined;
    } catch {
      return undefined;
    }
  }

  async #listDevices() {
    const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    this.#showDevices(all.filter(({ kind }) => kind === "audioinput").map(({ deviceId, label }) => ({ id: deviceId, label })));
  }

  #showDevices(devices) {
    const named = devices.filter(({ id, label }) => id && label && id !== "default");
    const wanted = this.#wanted();
    for (const select of this.querySelectorAll('[data-part="device"]')) {
      const options = [{ id: "", label: "Default microphone" }, ...named].map(({ id, label }) => new Option(label, id, false, id === wanted));
      select.replaceChildren(...options);
      select.closest(".field")?.toggleAttribute("hidden", named.length < 2);
      if (!select.closest(".field")) select.hidden = named.length < 2;
    }
    if (wanted && named.length && !named.some(({ id }) => id === wanted)) this.#remember("");
  }

  #remember(id) {
    try {
      localStorage.setItem(DEVICE, id);
    } catch {
      /* Then it is chosen anew next time. */
    }
  }

  async #chosen(id) {
    this.#remember(id);
    for (const select of this.querySelectorAll('[data-part="device"]')) select.value = id;
    try {
      await this.#call?.setDevice(id || undefined);
    } catch (error) {
      this.#part("state").textContent = error.message;
    }
  }
}

if (!customElements.get("voice-test")) customElements.define("voice-test", VoiceTest);
