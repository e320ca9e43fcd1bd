"use strict";
/* The chat page: what the visitor writes goes to the connection, what comes from it goes on the page. */

const root = document.documentElement;
const widget = root.dataset.widget;
const embedded = window.parent !== window;
const byId = (id) => document.getElementById(id);
const at = Object.fromEntries(
  ["face", "who", "finish", "close", "banner", "scroll", "log", "typing", "typing-words", "choices", "jump", "composer",
    "notice", "text", "dial", "send", "count", "over", "over-words", "rating", "again", "sure", "callbar", "attach", "pick", "attached",
    "drop", "ring", "ring-form", "call-me", "mail", "mail-form", "mail-words"].map((id) => [id, byId(id)]),
);

const GREETING = "greeting";
const NEAR_END_PX = 80;
const COUNT_FROM = 3500;
const TYPING_EVERY_MS = 3000;
const TYPING_PASSES_MS = 6000;

let shown = !embedded;
let welcome = null;
let owner = { owner: "ai", name: root.dataset.agent };
let unread = 0;
let newest = null;
let seen = {};
let current = "";
let inFlight = "";
let pause = 0;
let typedAt = 0;

const kept = new Kept(widget);
const thread = new Thread(at.log, {
  retry: tryAgain,
  say: (text) => write(text),
  fill: (form, values) => connection.send({ type: "form", form, values, id: newId() }),
});
const connection = new Connection(widget, kept, { seen: () => seen, awake: () => visible() || voice.busy });
const voice = new Voice(at.callbar, {
  module: root.dataset.callModule,
  address: `/chat/${encodeURIComponent(widget)}/call`,
  token: () => kept.get("token"),
  began: () => {
    thread.mention(voice.key, "Call");
    connection.send({ type: "called" });
  },
  heard: (key, message) => {
    thread.hear(key, { ...message, name: message.role === "customer" ? "" : owner.name || welcome?.name, at: new Date().toISOString() });
    keepAtEnd();
  },
  dropped: (key) => thread.drop(key),
  changed: () => {
    showDial();
    tellParent("calling", { on: voice.busy });
    keepAtEnd();
  },
  ended: (words) => {
    connection.send({ type: "called" });
    notice(words);
    if (!at.composer.hidden && visible()) at.text.focus();
  },
});

const send = (frame) => connection.send(frame);
const rating = new Rating(at.rating, send);
const ringing = new Asking(at["ring-form"], "call_me", send);
const mailing = new Asking(at["mail-form"], "leave_email", send);
const attachments = new Attachments(at.attached, widget, () => kept.get("token"), { changed: fit, words: notice });
let thinking = false;
let passing = 0;

function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function visible() {
  return shown && document.visibilityState === "visible";
}

/* What goes up */

function outbox() {
  return kept.get("outbox") || [];
}

function write(text, media = []) {
  const clean = (text.toWellFormed ? text.toWellFormed() : text).replaceAll("\0", "").trim();
  if (!clean && !media.length) return;
  const message = { id: newId(), text: clean, at: new Date().toISOString(), media };
  kept.set("outbox", [...outbox(), message]);
  showPending(message);
  at.choices.replaceChildren();
  scrollToEnd();
  flush();
}

function showPending(message) {
  const media = message.media?.length ? message.media : undefined;
  if (!thread.add(message.id, { ...message, media, role: "customer" })) return;
  thread.pend(message.id);
  thread.mark(message.id, message.failed ? "failed" : connection.open ? "sending" : "waiting", message.words);
}

function flush() {
  /* One after the other, so that they keep their order. */
  const next = outbox().find((message) => !message.failed);
  if (!next || inFlight || pause) return;
  const files = (next.media || []).map((item) => item.file);
  if (connection.send({ type: "message", id: next.id, text: next.text, ...(files.length && { files }) })) {
    inFlight = next.id;
    thread.mark(next.id, "sending");
  }
}

function taken(id) {
  kept.set("outbox", outbox().filter((message) => message.id !== id));
  thread.mark(id, "sent");
  if (inFlight === id) inFlight = "";
  flush();
}

function refused(frame) {
  const asking = !frame.id && [ringing, mailing].find((one) => one.asked);
  if (asking) {
    asking.fault(frame.words);
    return;
  }
  if (!frame.id) {
    notice(frame.words);
    return;
  }
  if (inFlight === frame.id) inFlight = "";
  if (frame.wait_seconds) {
    notice(frame.words);
    thread.mark(frame.id, "waiting");
    pause = setTimeout(() => {
      pause = 0;
      notice("");
      flush();
    }, frame.wait_seconds * 1000);
    return;
  }
  kept.set("outbox", outbox().map((message) => (message.id === frame.id ? { ...message, failed: true, words: frame.words } : message)));
  thread.mark(frame.id, "failed", frame.words);
  flush();
}

function tryAgain(id) {
  kept.set("outbox", outbox().map((message) => (message.id === id ? { id, text: message.text, at: message.at, media: message.media } : message)));
  thread.mark(id, connection.open ? "sending" : "waiting");
  flush();
}

function tellRead() {
  if (!visible() || !newest || !unread) return;
  if (connection.send({ type: "read", interaction: newest.interaction, seq: newest.seq })) setUnread(0);
}

/* What comes down */

const take = {
  welcome(frame) {
    welcome = frame;
    inFlight = "";
    at.attach.hidden = !frame.files;
    at.ring.hidden = !frame.call_me || !current;
    if (frame.closed && !frame.started) banner(frame.closed);
    if (frame.name && !frame.started) answering({ owner: "ai", name: frame.name });
    if (!frame.started) greet();
    showDial();
    attachments.known();
    flush();
  },

  call(frame) {
    const own = voice.id && frame.call === voice.id;
    if (own && !frame.over) return;
    if (own) voice.forget();
    thread.mention(`call:${frame.interaction}`, frame.over ? `Call, ${lasted(frame.seconds)}` : "Call under way in another window", new Date(frame.at));
    keepAtEnd();
  },

  message(frame) {
    seen[frame.interaction] = frame.seq;
    if (frame.spoken) {
      thread.add(frame.message, frame);
      keepAtEnd();
      return;
    }
    if (frame.interaction !== current) begin(frame.interaction);
    if (frame.role === "customer") {
      const own = outbox().some((message) => message.id === frame.id);
      thread.add(frame.id, frame);
      thread.settle(frame.id, frame);
      if (frame.form) thread.answered(frame.form, {});
      else thread.goOn();
      if (own) taken(frame.id);
      else thread.mark(frame.id, "sent");
      at.choices.replaceChildren();
    } else {
      if (frame.role === "agent" && thread.has(GREETING) && frame.text === welcome?.greeting) thread.adopt(GREETING, frame.message);
      const fresh = thread.add(frame.message, frame);
      newest = frame;
      if (frame.unread) setUnread(unread + 1);
      typing(thinking);
      offer(frame.rich?.form ? [] : frame.choices || []);
      if (fresh && !nearEnd() && !frame.history) at.jump.hidden = false;
      tellRead();
    }
    keepAtEnd();
  },

  status(frame) {
    if (frame.status === "sent") taken(frame.id);
  },

  typing(frame) {
    if (!frame.passing) thinking = frame.on;
    typing(frame.on, frame.name);
    if (frame.passing) passing = setTimeout(() => typing(thinking), TYPING_PASSES_MS);
  },

  seen(frame) {
    thread.seen(frame.interaction, frame.seq);
  },

  form(frame) {
    thread.answered(frame.form, frame.problems);
    if (!Object.keys(frame.problems).length) at.text.focus();
  },

  rated(frame) {
    rating.rated(frame);
  },

  calling(frame) {
    ringing.fault("");
    at["call-me"].close();
    thread.note(`We are calling you now at ${frame.number}`);
    keepAtEnd();
  },

  mail(frame) {
    at["mail-words"].textContent = frame.words;
    at.mail.hidden = !frame.offer;
    keepAtEnd();
  },

  operator(frame) {
    answering(frame);
  },

  ended(frame) {
    begin(frame.interaction);
    over(frame.over, frame.words);
  },

  error(frame) {
    if (frame.code === "token") return;
    if (frame.code === "widget") banner(frame.words, "bad");
    else refused(frame);
  },
};

function typing(on, name) {
  clearTimeout(passing);
  if (on && name) at["typing-words"].textContent = `${name} is writing…`;
  at.typing.hidden = !on;
  keepAtEnd();
}

function lasted(seconds) {
  return seconds < 60 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

function showDial() {
  at.dial.hidden = !welcome?.calls || voice.busy;
}

function begin(interaction) {
  if (interaction === current) return;
  current = interaction;
  rating.begin(interaction);
  at.ring.hidden = !welcome?.call_me;
}

function greet() {
  if (!welcome?.greeting || thread.has(GREETING)) return;
  if (thread.rows.size && at.over.hidden && current) return;
  thread.add(GREETING, { role: "agent", name: welcome.name, text: welcome.greeting, at: new Date().toISOString() });
}

function answering(frame) {
  const before = owner;
  owner = frame;
  const name = frame.name || root.dataset.title;
  at.face.textContent = Array.from(name)[0]?.toUpperCase() || "";
  if (frame.owner === "operator") thread.join(frame.name);
  if (frame.owner === "ai" && before.owner === "operator") {
    thread.note(`${name}, the AI assistant, is back`);
    thread.joined = "";
  }
  describe();
  tellState();
}

function describe() {
  const named = owner.name && owner.name !== root.dataset.title ? `${owner.name} · ` : "";
  const words = {
    ai: owner.name ? `${named}AI assistant` : "Our team answers here",
    operator: `${named}here with you`,
    queue: "Connecting you with a person",
  };
  at.who.textContent = at.over.hidden ? words[owner.owner] : "Conversation ended";
  at.face.dataset.owner = at.over.hidden ? owner.owner : "nobody";
}

function over(ended, words) {
  at.over.hidden = !ended;
  at.composer.hidden = ended;
  at.finish.hidden = ended || !current;
  at.ring.hidden = ended || !current || !welcome?.call_me;
  if (ended) {
    at.mail.hidden = true;
    thread.closeForms();
  }
  mailing.waiting(false);
  at["over-words"].textContent = words || "";
  if (ended) {
    at.choices.replaceChildren();
    at.typing.hidden = true;
  }
  describe();
  tellState();
  keepAtEnd();
}

function offer(choices) {
  at.choices.replaceChildren(
    ...choices.map((choice) => {
      const button = element("button", "", choice);
      button.type = "button";
      button.dir = "auto";
      button.addEventListener("click", () => {
        write(choice);
        at.text.focus();
      });
      return button;
    }),
  );
}

/* Words about the state */

let state = "connecting";

function tellState() {
  const words = {
    offline: "You are offline. What you write is sent when you are back.",
    lost: "The connection was lost. Trying again…",
    gone: at.banner.textContent || "This chat is not available any more.",
  }[state];
  if (words) banner(words, "bad");
  else if (owner.owner === "queue" && at.over.hidden) banner("You asked for a person. We have told the team; somebody will answer right here.");
  else banner("");
}

function banner(words, kind = "") {
  at.banner.hidden = !words;
  at.banner.dataset.kind = kind;
  if (at.banner.textContent !== words) at.banner.textContent = words;
}

function notice(words) {
  at.notice.hidden = !words;
  at.notice.textContent = words;
}

function setUnread(count) {
  unread = count;
  document.title = count ? `(${count}) ${root.dataset.title}` : root.dataset.title;
  tellParent("unread", { count });
}

/* Scrolling: stays at the end unless somebody reads further up */

let pinned = true;

function nearEnd() {
  return at.scroll.scrollHeight - at.scroll.scrollTop - at.scroll.clientHeight < NEAR_END_PX;
}

function scrollToEnd() {
  pinned = true;
  at.jump.hidden = true;
  at.scroll.scrollTop = at.scroll.scrollHeight;
}

function keepAtEnd() {
  if (pinned) scrollToEnd();
}

at.scroll.addEventListener("scroll", () => {
  pinned = nearEnd();
  if (pinned) at.jump.hidden = true;
});
new ResizeObserver(keepAtEnd).observe(at.scroll);
at.jump.addEventListener("click", scrollToEnd);

/* The composer */

function fit() {
  at.text.style.height = "auto";
  at.text.style.height = `${at.text.scrollHeight}px`;
  const length = at.text.value.length;
  at.send.disabled = attachments.busy || !(at.text.value.trim() || attachments.items.length);
  at.count.hidden = length < COUNT_FROM;
  at.count.textContent = `${length} of ${at.text.maxLength} characters`;
  kept.set("draft", at.text.value);
}

at.text.addEventListener("input", () => {
  fit();
  if (Date.now() - typedAt > TYPING_EVERY_MS && current) {
    typedAt = Date.now();
    connection.send({ type: "typing" });
  }
});

at.text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  at.composer.requestSubmit();
});

at.composer.addEventListener("submit", (event) => {
  event.preventDefault();
  if (attachments.busy) return;
  notice("");
  write(at.text.value, attachments.take());
  at.text.value = "";
  fit();
  at.text.focus();
});

at.dial.addEventListener("click", () => {
  notice("");
  voice.start();
});

/* Ending, rating, beginning again */

at.finish.addEventListener("click", () => at.sure.showModal());
at.sure.addEventListener("close", () => {
  if (at.sure.returnValue === "end") connection.send({ type: "end" });
  at.sure.returnValue = "";
});

at.ring.addEventListener("click", () => {
  ringing.fault("");
  at["call-me"].showModal();
});
at["call-me"].querySelector("[value=cancel]").addEventListener("click", () => at["call-me"].close());

/* Files: picked, dropped, pasted */

at.attach.addEventListener("click", () => at.pick.click());
at.pick.addEventListener("change", () => {
  attachments.add(at.pick.files);
  at.pick.value = "";
  at.text.focus();
});
at.text.addEventListener("paste", (event) => {
  if (!event.clipboardData.files.length || at.attach.hidden) return;
  event.preventDefault();
  attachments.add(event.clipboardData.files);
});
for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  addEventListener(name, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    const away = name === "drop" || (name === "dragleave" && !event.relatedTarget);
    at.drop.hidden = away || at.attach.hidden || at.composer.hidden;
    if (name === "drop" && !at.attach.hidden && !at.composer.hidden) attachments.add(event.dataTransfer.files);
  });
}

at.again.addEventListener("click", () => {
  current = "";
  over(false);
  thread.note("New conversation");
  thread.interaction = "";
  thread.joined = "";
  answering({ owner: "ai", name: welcome?.name || root.dataset.agent });
  greet();
  scrollToEnd();
  at.text.focus();
});

/* The page around us, when we are in a frame: it may only show and hide us */

function tellParent(what, more = {}) {
  if (embedded) window.parent.postMessage({ hubChat: what, ...more }, "*");
}

addEventListener("message", (event) => {
  if (!embedded || event.source !== window.parent || typeof event.data?.hubChat !== "string") return;
  shown = event.data.hubChat === "shown";
  if (shown) {
    scrollToEnd();
    if (!at.composer.hidden) at.text.focus();
    connection.probe();
    tellRead();
  }
});

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && embedded && !at.sure.open && !at["call-me"].open && !event.isComposing) tellParent("close");
});

at.close.hidden = !embedded;
at.close.addEventListener("click", () => tellParent("close"));
document.addEventListener("visibilitychange", tellRead);
root.classList.toggle("alone", !embedded);

connection.addEventListener("frame", (event) => take[event.detail.type]?.(event.detail));
connection.addEventListener("state", (event) => {
  if (event.detail === "connecting" && ["lost", "offline"].includes(state)) return;
  state = event.detail;
  if (state !== "open") {
    inFlight = "";
    for (const message of outbox()) if (!message.failed) thread.mark(message.id, "waiting");
  }
  root.dataset.state = state;
  tellState();
});

at.text.disabled = false;
at.text.value = kept.get("draft") || "";
fit();
for (const message of outbox()) showPending(message);
connection.connect();
tellParent("ready");
