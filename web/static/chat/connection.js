"use strict";
/* The socket to the hub: says hello, comes back when it is lost, sends again what was not taken. */

const HEARTBEAT_MS = 30000;
const PATIENCE_MS = 8000;
const LONGEST_PAUSE_MS = 30000;
const NEVER_AGAIN = new Set([4404]);

class Kept {
  /* What outlives the page: in local storage, or in memory where the browser refuses that. */
  constructor(widget) {
    this.prefix = `hub-chat:${widget}:`;
    this.memory = new Map();
  }

  get(name) {
    try {
      return JSON.parse(localStorage.getItem(this.prefix + name)) ?? this.memory.get(name) ?? null;
    } catch {
      return this.memory.get(name) ?? null;
    }
  }

  set(name, value) {
    this.memory.set(name, value);
    try {
      localStorage.setItem(this.prefix + name, JSON.stringify(value));
    } catch {
      /* Full or forbidden: this page still remembers. */
    }
  }

  forget(name) {
    this.memory.delete(name);
    try {
      localStorage.removeItem(this.prefix + name);
    } catch {
      /* Nothing was kept there either. */
    }
  }
}

class Connection extends EventTarget {
  /* Events: frame (detail: the frame), state (detail: connecting, open, lost, offline, gone). */
  constructor(widget, kept, { seen, awake }) {
    super();
    this.awake = awake;
    this.widget = widget;
    this.kept = kept;
    this.seen = seen;
    this.socket = null;
    this.open = false;
    this.tries = 0;
    this.timer = 0;
    this.waiting = 0;
    this.over = false;
    addEventListener("online", () => this.now());
    addEventListener("offline", () => this.drop("offline"));
    document.addEventListener("visibilitychange", () => this.probe());
    setInterval(() => this.probe(), HEARTBEAT_MS);
  }

  now() {
    this.tries = 0;
    clearTimeout(this.timer);
    if (!this.socket) this.connect();
  }

  connect() {
    if (this.over || this.socket) return;
    if (navigator.onLine === false) {
      this.tell("offline");
      return;
    }
    this.tell("connecting");
    const url = new URL("/hooks/webchat/live", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.socket = socket;
    this.expect();
    socket.onopen = () => {
      const hello = { type: "hello", widget: this.widget, seen: this.seen() };
      this.token = this.kept.get("token");
      if (this.token) hello.token = this.token;
      socket.send(JSON.stringify(hello));
    };
    socket.onmessage = (event) => {
      if (this.socket === socket) this.take(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      if (NEVER_AGAIN.has(event.code)) {
        this.over = true;
        this.drop("gone");
      } else {
        this.drop("lost");
      }
    };
  }

  take(frame) {
    clearTimeout(this.waiting);
    if (frame.type === "welcome") {
      if (!this.token && this.kept.get("token")) {
        /* Another tab was faster; one browser is one visitor. */
        this.drop("lost");
        return;
      }
      this.kept.set("token", frame.token);
      this.open = true;
      this.tries = 0;
      this.tell("open");
    } else if (frame.type === "error" && frame.code === "token") {
      this.kept.forget("token");
    }
    if (frame.type !== "pong") this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
  }

  send(frame) {
    if (!this.open) return false;
    this.socket.send(JSON.stringify(frame));
    if (frame.type === "message" || frame.type === "ping") this.expect();
    return true;
  }

  expect() {
    /* No word back in time means that the network is gone, whatever the browser believes. */
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.drop("lost"), PATIENCE_MS);
  }

  probe() {
    if (!this.awake()) return;
    if (this.open) this.send({ type: "ping" });
    else if (!this.socket) this.now();
  }

  drop(why) {
    clearTimeout(this.waiting);
    const socket = this.socket;
    this.socket = null;
    this.open = false;
    if (socket) socket.close();
    this.tell(why);
    clearTimeout(this.timer);
    if (why !== "lost") return;
    const pause = Math.min(LONGEST_PAUSE_MS, 400 * 2 ** this.tries) * (0.5 + Math.random());
    this.tries += 1;
    this.timer = setTimeout(() => this.connect(), pause);
  }

  tell(state) {
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}
