"use strict";
/* What stands in a message beside its text: files, cards, a form. Everything from outside goes in as text. */

const SHOWN_IMAGES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

function sizeOf(bytes) {
  if (!bytes) return "";
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function safeUrl(address) {
  /* Only pages of the web and files of our own; anything else is no link. */
  try {
    const url = new URL(address, location.origin);
    const own = url.origin === location.origin && url.pathname.startsWith("/media/");
    return own || ["http:", "https:"].includes(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

function linkTo(url, classes) {
  const link = element("a", classes);
  link.href = url.href;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  return link;
}

function mediaOf(item) {
  const url = item.local ? new URL(item.local) : safeUrl(item.url);
  const name = item.name || "Attachment";
  if (!url) return element("p", "file", name);
  const link = linkTo(url, SHOWN_IMAGES.has(item.kind) ? "picture" : "file-chip");
  if (SHOWN_IMAGES.has(item.kind)) {
    const image = element("img");
    image.alt = name;
    image.loading = "lazy";
    image.src = url.href;
    image.addEventListener("error", () => link.replaceChildren(element("span", "", name)));
    link.append(image);
  } else {
    link.append(element("b", "", name), element("small", "", sizeOf(item.size)));
  }
  return link;
}

function cardsOf(cards, say) {
  const box = element("div", "cards");
  for (const card of cards) {
    const made = element("article", "card");
    const picture = card.image && safeUrl(card.image);
    if (picture) {
      const image = element("img");
      image.alt = "";
      image.loading = "lazy";
      image.referrerPolicy = "no-referrer";
      image.src = picture.href;
      image.addEventListener("error", () => image.remove());
      made.append(image);
    }
    const words = element("div", "card-words");
    const title = element("h2", "", card.title);
    title.dir = "auto";
    words.append(title);
    if (card.text) {
      const text = element("p", "", card.text);
      text.dir = "auto";
      words.append(text);
    }
    made.append(words);
    const acts = element("div", "card-acts");
    for (const button of card.buttons || []) acts.append(cardButton(button, say));
    if (acts.childElementCount) made.append(acts);
    box.append(made);
  }
  return box;
}

function cardButton(button, say) {
  const url = button.url && safeUrl(button.url);
  if (url) {
    const link = linkTo(url, "");
    link.textContent = button.label;
    return link;
  }
  const made = element("button", "", button.label);
  made.type = "button";
  made.addEventListener("click", () => say(button.say || button.label));
  return made;
}

let formsMade = 0;

const KINDS = {
  text: { type: "text" },
  name: { type: "text", autocomplete: "name" },
  email: { type: "email", autocomplete: "email", inputmode: "email" },
  phone: { type: "tel", autocomplete: "tel", inputmode: "tel" },
  number: { type: "number", inputmode: "decimal", step: "any" },
  date: { type: "date" },
};

class Form {
  /* A form of ours; `fill(values)` sends it, and says whether it could be sent. */
  constructor(spec, fill) {
    this.fields = new Map();
    this.element = element("form", "form");
    this.element.noValidate = true;
    if (spec.title) this.element.append(element("h2", "", spec.title));
    for (const field of spec.fields) this.element.append(this.fieldOf(field));
    this.words = element("p", "form-words");
    this.words.setAttribute("role", "alert");
    this.button = element("button", "primary", spec.submit || "Send");
    this.element.append(this.words, this.button);
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.check()) return;
      const values = Object.fromEntries([...this.fields].map(([name, control]) => [name, control.value.trim()]));
      this.button.disabled = fill(values);
      this.words.textContent = this.button.disabled ? "" : "You are offline. Send it again when you are back.";
    });
  }

  fieldOf(field) {
    const id = `form-${(formsMade += 1)}`;
    const box = element("p", "form-field");
    const label = element("label", "", field.label + (field.required === false ? " (optional)" : ""));
    label.htmlFor = id;
    const control = field.type === "choice" ? element("select") : element("input");
    if (field.type === "choice") {
      control.append(new Option("Choose…", ""), ...field.choices.map((choice) => new Option(choice, choice)));
    } else {
      for (const [name, value] of Object.entries(KINDS[field.type] || KINDS.text)) control.setAttribute(name, value);
      control.maxLength = 500;
      if (field.minimum !== undefined) control.min = field.minimum;
      if (field.maximum !== undefined) control.max = field.maximum;
    }
    control.id = id;
    control.required = field.required !== false;
    const fault = element("span", "form-fault");
    fault.id = `${id}-fault`;
    control.setAttribute("aria-describedby", fault.id);
    control.addEventListener("input", () => this.complain(field.name, ""));
    this.fields.set(field.name, control);
    box.append(label, control, fault);
    return box;
  }

  check() {
    let first = null;
    for (const [name, control] of this.fields) {
      control.value = control.value.trim();
      const right = control.checkValidity() && (control.type !== "tel" || !control.value || control.value.replace(/\D/g, "").length >= 5);
      this.complain(name, right ? "" : control.validationMessage || "Write your whole number, with the country's code.");
      if (!right) first = first || control;
    }
    first?.focus();
    return !first;
  }

  complain(name, words) {
    const control = this.fields.get(name);
    if (!control) return;
    control.toggleAttribute("aria-invalid", Boolean(words));
    control.nextElementSibling.textContent = words;
  }

  answered(problems) {
    const wrong = Object.entries(problems);
    if (!wrong.length) {
      this.element.remove();
      return;
    }
    this.button.disabled = false;
    for (const [name, words] of wrong) this.complain(name, words);
    this.fields.get(wrong[0][0])?.focus();
  }
}
