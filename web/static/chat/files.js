"use strict";
/* Files that go with the next message: picked, dropped or pasted, taken up one by one with their progress. */

const MOST_FILES = 5;
const MOST_FILE_BYTES = 10000000;

class Attachments {
  /* `changed()` after anything; `words(text)` for what went wrong. */
  constructor(box, widget, token, { changed, words }) {
    this.box = box;
    this.widget = widget;
    this.token = token;
    this.changed = changed;
    this.words = words;
    this.items = [];
  }

  get busy() {
    return this.items.some((item) => !item.file);
  }

  add(files) {
    for (const file of files) {
      if (this.items.length >= MOST_FILES) {
        this.words(`${MOST_FILES} files fit into one message. Send these first.`);
        break;
      }
      if (file.size > MOST_FILE_BYTES) {
        this.words(`${file.name} is too large: ${sizeOf(file.size)}, and ${sizeOf(MOST_FILE_BYTES)} are possible.`);
        continue;
      }
      this.send(file);
    }
    this.changed();
  }

  send(file) {
    const item = { name: file.name || "picture.png", kind: file.type, size: file.size, file: "" };
    if (SHOWN_IMAGES.has(file.type)) item.local = URL.createObjectURL(file);
    const row = element("li", "attached");
    const bar = element("progress");
    bar.max = 1;
    bar.setAttribute("aria-label", `Sending ${item.name}`);
    const away = element("button", "", "×");
    away.type = "button";
    away.setAttribute("aria-label", `Take ${item.name} away`);
    away.addEventListener("click", () => this.drop(item));
    row.append(element("span", "attached-name", item.name), element("small", "", sizeOf(item.size)), bar, away);
    item.row = row;
    item.begin = () => this.begin(item, file, bar);
    this.items.push(item);
    this.box.append(row);
    if (this.token()) item.begin();
  }

  /* Who has just come has a token only now. */
  known() {
    for (const item of this.items) if (!item.request) item.begin();
  }

  begin(item, file, bar) {
    const request = new XMLHttpRequest();
    item.request = request;
    request.open("POST", `/chat/${encodeURIComponent(this.widget)}/files?name=${encodeURIComponent(item.name)}`);
    request.setRequestHeader("X-Visitor-Token", this.token());
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) bar.value = event.loaded / event.total;
    };
    request.onload = () => this.taken(item, request);
    request.onerror = () => this.failed(item, `${item.name} could not be sent. Check your connection and attach it again.`);
    request.send(file);
  }

  taken(item, request) {
    let answer = {};
    try {
      answer = JSON.parse(request.responseText);
    } catch {
      /* Then it has no words for us. */
    }
    if (request.status !== 200 || !answer.file) {
      this.failed(item, answer.words || `${item.name} could not be sent. Try again in a moment.`);
      return;
    }
    item.file = answer.file;
    item.row.querySelector("progress").remove();
    item.row.dataset.done = "";
    this.changed();
  }

  failed(item, words) {
    this.drop(item);
    this.words(words);
  }

  drop(item) {
    item.request?.abort();
    item.row.remove();
    this.items = this.items.filter((other) => other !== item);
    this.changed();
  }

  take() {
    /* What goes with the message that is sent now. */
    const taken = this.items.map(({ name, kind, size, file, local }) => ({ name, kind, size, file, local }));
    for (const item of this.items) item.row.remove();
    this.items = [];
    return taken;
  }
}
