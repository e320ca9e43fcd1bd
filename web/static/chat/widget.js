"use strict";
/* Puts the chat on any page: <script src=".../static/chat/widget.js" data-widget="KEY" async></script>
   Further attributes: data-side="left", data-label="Chat with us". window.hubChat.open() and .close() work too. */

(() => {
  const tag = document.currentScript;
  const key = tag?.dataset.widget;
  if (!key || document.querySelector("hub-chat")) {
    if (!key) console.warn("hub chat: the script tag needs data-widget with the key of the web chat.");
    return;
  }
  const home = new URL(tag.src).origin;
  const page = `${home}/chat/${encodeURIComponent(key)}`;
  const label = tag.dataset.label || "Chat with us";
  const before = `hub-chat:${key}`;
  const READY_WITHIN_MS = 8000;

  const css = `
    :host { all: initial; }
    * { box-sizing: border-box; }
    button { all: unset; box-sizing: border-box; cursor: pointer; }
    .launch {
      position: fixed; inset-block-end: max(20px, env(safe-area-inset-bottom)); inset-inline-end: 20px; z-index: 2147483000;
      inline-size: 56px; block-size: 56px; border-radius: 50%; display: grid; place-items: center;
      background: var(--hub-accent, #3b5bdb); color: var(--hub-on-accent, #fff);
      box-shadow: 0 1px 4px rgb(0 0 0 / .16), 0 8px 28px rgb(0 0 0 / .2); transition: transform .18s ease;
    }
    .launch:hover { transform: scale(1.06); }
    .launch:focus-visible { outline: 3px solid var(--hub-accent, #3b5bdb); outline-offset: 3px; }
    .launch svg { inline-size: 26px; block-size: 26px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; grid-area: 1 / 1; transition: opacity .15s, transform .18s; }
    .launch .down, .open .launch .up { opacity: 0; transform: scale(.6) rotate(-30deg); }
    .open .launch .down { opacity: 1; transform: none; }
    .badge {
      position: absolute; inset-block-start: -4px; inset-inline-end: -4px; min-inline-size: 22px; block-size: 22px; padding: 0 6px;
      border-radius: 11px; background: #d92d20; color: #fff; border: 2px solid #fff;
      font: 700 12px/18px system-ui, sans-serif; text-align: center;
    }
    .calling .launch { animation: calling 1.6s ease-out infinite; }
    @keyframes calling { from { box-shadow: 0 0 0 0 var(--hub-accent, #3b5bdb); } to { box-shadow: 0 0 0 16px transparent; } }
    [hidden] { display: none !important; }
    .panel {
      position: fixed; inset-block-end: 92px; inset-inline-end: 20px; z-index: 2147483000;
      inline-size: min(400px, calc(100vw - 40px)); block-size: min(680px, calc(100dvh - 112px));
      border-radius: 18px; overflow: hidden; background: Canvas; color-scheme: light dark;
      box-shadow: 0 0 0 1px rgb(0 0 0 / .06), 0 12px 48px rgb(0 0 0 / .24);
      visibility: hidden; opacity: 0; transform: translateY(12px) scale(.98); transform-origin: bottom right;
      transition: opacity .18s ease, transform .18s ease, visibility 0s .18s;
    }
    .open .panel { visibility: visible; opacity: 1; transform: none; transition-delay: 0s; }
    .left .launch, .left .panel { inset-inline: 20px auto; transform-origin: bottom left; }
    iframe { display: block; inline-size: 100%; block-size: 100%; border: 0; color-scheme: light dark; }
    .fault { position: absolute; inset: 0; display: grid; place-content: center; gap: 8px; padding: 32px; text-align: center; background: Canvas; color: CanvasText; font: 15px/1.5 system-ui, sans-serif; }
    @media (max-width: 480px) {
      .panel { inset: 0; inline-size: 100%; block-size: 100dvh; border-radius: 0; }
      .left .panel { inset: 0; }
      .open .launch { display: none; }
    }
    @media (prefers-reduced-motion: reduce) { * { transition: none !important; animation: none !important; } }
    @media print { .launch, .panel { display: none; } }
  `;

  const SVG = "http://www.w3.org/2000/svg";
  function icon(kind, path) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("class", kind);
    svg.setAttribute("aria-hidden", "true");
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("d", path);
    svg.append(line);
    return svg;
  }

  function make(name, attributes = {}) {
    const made = document.createElement(name);
    for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
    return made;
  }

  function remember(name, value) {
    try {
      if (value === undefined) return localStorage.getItem(`${before}:${name}`);
      localStorage.setItem(`${before}:${name}`, value);
    } catch {
      /* Then the chat is loaded when it is opened. */
    }
    return null;
  }

  const host = make("hub-chat");
  const shadow = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  shadow.adoptedStyleSheets = [sheet];
  shadow.append(make("link", { rel: "stylesheet", href: `${page}/accent.css` }));

  const all = make("div");
  if (tag.dataset.side === "left") all.className = "left";
  const panel = make("div", { class: "panel", id: "panel", role: "dialog", "aria-label": label });
  const launch = make("button", { class: "launch", type: "button", "aria-expanded": "false", "aria-controls": "panel", "aria-label": label });
  const badge = make("span", { class: "badge", hidden: "" });
  launch.append(icon("up", "M21 12a8 8 0 0 1-11.6 7.1L4 20.5l1.4-4.9A8 8 0 1 1 21 12Z"), icon("down", "M6 9l6 6 6-6"), badge);
  all.append(panel, launch);
  shadow.append(all);

  let frame = null;
  let ready = false;
  let isOpen = false;
  let calling = false;
  let waiting = 0;

  function load() {
    if (frame) return;
    frame = make("iframe", { src: page, title: label, allow: "clipboard-write; microphone; autoplay" });
    panel.append(frame);
    setTimeout(() => {
      if (ready) return;
      console.warn(`hub chat: ${page} may not be shown here. Add ${location.origin} to the origins of this web chat.`);
      const fault = make("div", { class: "fault", role: "alert" });
      fault.append("The chat is not available on this page.");
      panel.append(fault);
    }, READY_WITHIN_MS);
  }

  function tell(what) {
    if (ready) frame.contentWindow.postMessage({ hubChat: what }, home);
  }

  function open() {
    load();
    isOpen = true;
    all.classList.add("open");
    launch.setAttribute("aria-expanded", "true");
    launch.setAttribute("aria-label", "Close the chat");
    count(0);
    remember("used", "1");
    frame.focus();
    tell("shown");
  }

  function close() {
    if (!isOpen) return;
    isOpen = false;
    all.classList.remove("open");
    launch.setAttribute("aria-expanded", "false");
    describe();
    tell("hidden");
    launch.focus();
  }

  function count(unread) {
    waiting = isOpen ? 0 : Math.max(0, Math.trunc(Number(unread)) || 0);
    badge.hidden = !waiting;
    badge.textContent = waiting > 9 ? "9+" : String(waiting);
    describe();
  }

  function describe() {
    if (isOpen) return;
    launch.setAttribute("aria-label", `${label}${calling ? ", in a call" : ""}${waiting ? `, ${waiting} unread` : ""}`);
  }

  addEventListener("message", (event) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== home) return;
    const { hubChat: what, count: unread, on } = event.data || {};
    if (what === "ready") {
      ready = true;
      panel.querySelector(".fault")?.remove();
      tell(isOpen ? "shown" : "hidden");
    } else if (what === "close") {
      close();
    } else if (what === "unread") {
      count(unread);
    } else if (what === "calling") {
      calling = Boolean(on);
      all.classList.toggle("calling", calling);
      describe();
    }
  });

  launch.addEventListener("click", () => (isOpen ? close() : open()));
  shadow.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });

  window.hubChat = { open, close };
  const place = () => {
    document.body.append(host);
    if (remember("used")) ("requestIdleCallback" in window ? requestIdleCallback : setTimeout)(load);
  };
  if (document.body) place();
  else addEventListener("DOMContentLoaded", place);
})();
