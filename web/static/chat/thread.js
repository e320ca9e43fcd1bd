"use strict";
/* The thread on the page: bubbles, notes, days. Everything from outside goes in as text. */

const LINK = /https?:\/\/[^\s<>"']+/g;
const GROUPED_WITHIN_MS = 5 * 60 * 1000;

function element(tag, classes, text) {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  if (text !== undefined) made.textContent = text;
  return made;
}

function withLinks(parent, text) {
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const address = match[0].replace(/[.,;:!?)\]}]+$/, "");
    parent.append(text.slice(end, match.index), anchor(address, address));
    end = match.index + address.length;
  }
  parent.append(text.slice(end));
}

function anchor(address, words) {
  let url = null;
  try {
    url = new URL(address);
  } catch {
    /* Then it is text. */
  }
  if (!url || !["http:", "https:"].includes(url.protocol)) return document.createTextNode(words);
  const link = element("a", "", words);
  link.href = url.href;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  return link;
}

class Thread {
  /* Messages by key: our own by the id we gave them, the others by the hub's. */
  constructor(log, { retry, say, fill }) {
    this.log = log;
    this.retry = retry;
    this.say = say;
    this.fill = fill;
    this.forms = new Map();
    this.rows = new Map();
    this.said = new WeakMap();
    this.joined = "";
    this.clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
    this.day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
  }

  clear() {
    this.log.replaceChildren();
    this.rows.clear();
    this.joined = "";
  }

  has(key) {
    return this.rows.has(key);
  }

  put(node, at) {
    /* Messages of ours that were not taken yet stay below everything else. What has a time goes where it belongs. */
    const later = at && [...this.log.children].find((other) => Number(other.dataset.at) > at);
    this.log.insertBefore(node, later || this.log.querySelector("[data-pending]"));
    this.group(node);
    this.group(node.nextElementSibling);
  }

  take(node) {
    const next = node.nextElementSibling;
    node.remove();
    this.group(next);
  }

  group(row) {
    /* Whether a message follows another one of the same person is told by where it stands, whatever came when. */
    const now = this.said.get(row);
    if (!now) return;
    const before = this.said.get(row.previousElementSibling);
    const same = before && before.role === now.role && before.name === now.name && before.spoken === now.spoken;
    const follows = Boolean(same) && now.at - before.at < GROUPED_WITHIN_MS;
    row.classList.toggle("follows", follows);
    const label = row.querySelector(".whose");
    if (label && now.role !== "customer") label.textContent = follows ? `${now.name}: ` : "";
  }

  note(words) {
    this.put(element("p", "note", words));
  }

  join(name) {
    if (name && this.joined !== name) this.note(`${name} joined`);
    this.joined = name;
  }

  add(key, message) {
    /* Show a message once; whether it is new. */
    if (this.rows.has(key)) return false;
    const own = message.role === "customer";
    const at = new Date(message.at);
    if (!message.spoken) this.divide(message, at);
    if (message.role === "operator") this.join(message.name);
    const row = element("div", `row ${own ? "ours" : "theirs"}${message.spoken ? " spoken" : ""}`);
    row.dataset.at = String(at.getTime());
    if (message.seq) this.place(row, message);
    if (!own && message.name) row.append(element("p", "name", message.name));
    const bubble = element("div", "bubble");
    bubble.dir = "auto";
    bubble.append(element("span", "quiet whose", !own ? "" : message.spoken ? "You said: " : "You: "));
    if (message.text && onlyEmoji(message.text)) bubble.classList.add("huge");
    withLinks(bubble, message.text);
    if (message.text || !message.media) row.append(bubble);
    for (const item of message.media || []) row.append(mediaOf(item));
    if (message.rich) this.enrich(row, key, message.rich);
    const foot = element("p", "foot");
    const time = element("time", "", this.clock.format(at));
    time.dateTime = at.toISOString();
    foot.append(time);
    row.append(foot);
    if (message.spoken) foot.append(element("span", "by-voice", "Spoken"));
    this.said.set(row, { role: message.role, name: message.name, at, spoken: Boolean(message.spoken) });
    this.put(row, message.spoken && !message.live ? at.getTime() : 0);
    this.rows.set(key, row);
    return true;
  }

  enrich(row, key, rich) {
    if (rich.cards) row.append(cardsOf(rich.cards, this.say));
    if (!rich.form) return;
    const form = new Form(rich.form, (values) => this.fill(key, values));
    this.forms.set(key, form);
    row.append(form.element);
  }

  answered(key, problems) {
    this.forms.get(key)?.answered(problems);
    if (!Object.keys(problems).length) this.forms.delete(key);
  }

  closeForms() {
    for (const key of [...this.forms.keys()]) this.answered(key, {});
  }

  goOn() {
    /* Somebody wrote instead: a form that asked for one thing has had its answer. */
    for (const [key, form] of this.forms) if (form.fields.size === 1) this.answered(key, {});
  }

  seen(interaction, seq) {
    /* Our newest message that somebody has read says so. */
    let last = null;
    for (const row of this.rows.values()) {
      const own = row.dataset.interaction === interaction && row.classList.contains("ours");
      if (own && Number(row.dataset.seq) <= seq) last = row;
    }
    if (!last || last.dataset.seen !== undefined) return;
    this.log.querySelectorAll("[data-seen]").forEach((old) => {
      delete old.dataset.seen;
      old.querySelector(".seen")?.remove();
    });
    last.dataset.seen = "";
    last.querySelector(".foot").append(element("span", "seen", "Seen"));
  }

  hear(key, message) {
    /* Words of a call as they come: the same key again replaces them. `growing`: more may follow; `unheard` was cut off. */
    this.add(key, { ...message, spoken: true, live: true });
    const row = this.rows.get(key);
    const bubble = row.querySelector(".bubble");
    row.toggleAttribute("data-growing", Boolean(message.growing));
    row.setAttribute("aria-live", message.growing && message.role === "customer" ? "off" : "polite");
    const label = bubble.querySelector(".quiet");
    bubble.replaceChildren(label, message.text);
    if (message.unheard) bubble.append(message.text ? " " : "", element("del", "", message.unheard));
  }

  drop(key) {
    /* As if it had never been shown. */
    const row = this.rows.get(key);
    if (!row) return;
    this.take(row);
    this.rows.delete(key);
  }

  mention(key, words, when) {
    /* A note that stands in its place in time, or at the end; the same key again changes its words. */
    const known = this.rows.get(key);
    if (known) {
      known.textContent = words;
      return;
    }
    const note = element("p", "note of-call", words);
    if (when) note.dataset.at = String(when.getTime());
    this.rows.set(key, note);
    this.put(note, when?.getTime());
  }

  divide(message, at) {
    const day = at.toDateString();
    if (message.interaction && this.interaction && message.interaction !== this.interaction) {
      this.note("New conversation");
      this.joined = "";
    }
    this.interaction = message.interaction || this.interaction;
    if (this.shownDay !== day) {
      if (this.shownDay || day !== new Date().toDateString()) this.note(this.nameOf(at));
      this.shownDay = day;
    }
  }

  nameOf(at) {
    const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86400000);
    return days === 0 ? "Today" : days === 1 ? "Yesterday" : this.day.format(at);
  }

  mark(key, status, words) {
    /* How our own message stands: sending, waiting, sent, failed. */
    const row = this.rows.get(key);
    if (!row) return;
    row.dataset.status = status;
    const foot = row.querySelector(".foot");
    foot.querySelectorAll(".mark").forEach((old) => old.remove());
    if (status === "failed") {
      foot.append(element("span", "mark", words || "Not sent."));
      const again = element("button", "mark again", "Try again");
      again.type = "button";
      again.addEventListener("click", () => this.retry(key));
      foot.append(again);
    } else {
      const label = { sending: "Sending…", waiting: "Waiting to send", sent: "Sent" }[status];
      const mark = element("span", `mark tick ${status}`);
      mark.append(element("span", "quiet", label));
      mark.title = label;
      foot.append(mark);
    }
  }

  pend(key) {
    const row = this.rows.get(key);
    this.take(row);
    row.dataset.pending = "";
    this.log.append(row);
    this.group(row);
  }

  place(row, message) {
    row.dataset.interaction = message.interaction;
    row.dataset.seq = message.seq;
  }

  settle(key, message) {
    /* It has its place in the thread now. */
    const row = this.rows.get(key);
    if (row) this.place(row, message);
    if (!row || !("pending" in row.dataset)) return;
    delete row.dataset.pending;
    const first = this.log.querySelector("[data-pending]");
    if (first && first.compareDocumentPosition(row) & Node.DOCUMENT_POSITION_FOLLOWING) this.put(row);
  }

  adopt(old, key) {
    /* A row that was shown before the hub knew it. */
    this.rows.set(key, this.rows.get(old));
    this.rows.delete(old);
  }
}

function onlyEmoji(text) {
  return text.length <= 24 && /^(?:\p{Extended_Pictographic}|\p{Emoji_Component}|\s)+$/u.test(text) && !/^[\d#*\s]+$/.test(text);
}
