"use strict";
/* What a chat can end with or turn into: a rating, a call back, an answer by mail. */

class Rating {
  /* One to five, and words; `send(frame)` says whether it went out. */
  constructor(form, send) {
    this.form = form;
    this.send = send;
    this.interaction = "";
    form.addEventListener("change", (event) => {
      if (event.target.name === "score") this.more.hidden = false;
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const score = Number(new FormData(form).get("score"));
      if (score && !this.send({ type: "rate", interaction: this.interaction, score, words: this.text.value.trim() })) {
        this.thanks.textContent = "You are offline. Send it again when you are back.";
      }
    });
  }

  get more() {
    return this.form.querySelector(".rating-more");
  }

  get text() {
    return this.form.querySelector("textarea");
  }

  get thanks() {
    return this.form.querySelector(".rating-thanks");
  }

  begin(interaction) {
    this.interaction = interaction;
    this.form.reset();
    this.more.hidden = true;
    this.thanks.textContent = "";
    this.form.toggleAttribute("data-done", false);
  }

  rated(frame) {
    if (frame.interaction !== this.interaction) return;
    this.form.toggleAttribute("data-done", true);
    this.thanks.textContent = "Thank you for telling us.";
  }
}

class Asking {
  /* A dialog or panel with one field that is sent as a frame: a number to call, an address to answer to. */
  constructor(form, frame, send) {
    this.form = form;
    this.input = form.querySelector("input");
    this.words = form.querySelector(".form-fault");
    this.button = form.querySelector("[type=submit]");
    form.noValidate = true;
    this.input.addEventListener("input", () => this.fault(""));
    form.addEventListener("submit", (event) => {
      if (event.submitter?.value === "cancel") return;
      event.preventDefault();
      const value = this.input.value.trim();
      if (!value || !this.input.checkValidity()) this.fault(this.input.validationMessage || form.dataset.needed);
      else if (send({ type: frame, [this.input.name]: value })) this.waiting(true);
      else this.fault("You are offline. Try again when you are back.");
    });
  }

  get asked() {
    return this.button.disabled;
  }

  waiting(yes) {
    this.button.disabled = yes;
  }

  fault(words) {
    this.waiting(false);
    this.words.textContent = words;
    this.input.toggleAttribute("aria-invalid", Boolean(words));
    if (words) this.input.focus();
  }
}
