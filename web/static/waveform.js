/* The sound of a call: two lanes drawn from the server's outline, one audio element, all of it in the call's own time.

   window.hubPlayer: { nowMs(), seek(ms, play), toggle(), ready } and the event "hub:playing" { ms, playing } on the
   document, while it plays and after every seek. Milliseconds count from the moment the line opened. */
(() => {
  "use strict";

  const box = document.getElementById("player");
  if (!box || !window.WaveSurfer) return;
  const $ = (id) => document.getElementById(id);
  const audio = new Audio();
  audio.preload = "metadata";
  const EVERY_MS = 4000;
  const SILENT = 2;
  const SILENCE_SECONDS = 0.9;
  const KEPT_SECONDS = 0.2;
  const MARK_PIXELS = 28;

  let known = { parts: [], markers: [], growing: false };
  let place = 0;
  let wave = null;
  let shownShape = "";
  let loadedMs = 0;
  let timer = 0;
  let unheeded = null;
  const player = { ready: false, nowMs, seek, toggle, refresh };
  window.hubPlayer = player;

  const part = () => known.parts[place];
  const lane = () => box.querySelector('input[name="lane"]:checked').value;

  function clock(ms) {
    const s = Math.max(0, Math.floor(ms / 1000));
    const pad = (n) => String(n).padStart(2, "0");
    return s >= 3600 ? Math.floor(s / 3600) + ":" + pad(Math.floor((s % 3600) / 60)) + ":" + pad(s % 60) : Math.floor(s / 60) + ":" + pad(s % 60);
  }

  function icon(name) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    made.setAttribute("class", "icon");
    made.setAttribute("viewBox", "0 0 24 24");
    made.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", box.dataset.icons + "#" + name);
    made.append(use);
    return made;
  }

  function say(words) {
    const note = $("player-note");
    note.textContent = words;
    note.hidden = !words;
  }

  /* ---- what there is ---- */

  async function refresh() {
    clearTimeout(timer);
    let fresh = null;
    try {
      const answer = await fetch(box.dataset.outline, { headers: { Accept: "application/json" } });
      if (answer.ok) fresh = await answer.json();
      else if ([401, 410].includes(answer.status)) location.reload();
    } catch {
      /* tried again below */
    }
    if (fresh) take(fresh);
    else if (!player.ready) say("The recording could not be fetched. Reload the page to try again.");
    if (!fresh || fresh.growing) timer = setTimeout(() => (document.hidden ? refreshLater() : refresh()), EVERY_MS);
  }

  function refreshLater() {
    document.addEventListener("visibilitychange", refresh, { once: true });
  }

  function take(fresh) {
    const was = part();
    known = fresh;
    if (!known.parts.length) {
      if (!known.growing && box.dataset.live) say("There is no recording of this call.");
      return;
    }
    const still = was ? known.parts.findIndex((one) => one.id === was.id) : -1;
    place = still >= 0 ? still : Math.max(known.parts.findIndex((one) => !one.fault), 0);
    const now = part();
    if (now.fault) {
      say(now.fault);
      return;
    }
    say("");
    $("player-sound").hidden = false;
    $("player-text")?.toggleAttribute("hidden", true);
    if (!player.ready || was.id !== now.id || (was.growing && !now.growing && audio.paused)) open(audio.currentTime || 0, false);
    player.ready = true;
    showParts();
    showDownloads();
    draw();
    tell();
  }

  function showParts() {
    const holder = $("player-parts");
    holder.hidden = known.parts.length < 2;
    holder.replaceChildren(
      ...known.parts.map((one, at) => {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "button small";
        button.textContent = "Part " + (at + 1);
        button.setAttribute("aria-pressed", String(at === place));
        button.addEventListener("click", () => choose(at, 0, !audio.paused));
        return button;
      }),
    );
  }

  function showDownloads() {
    const made = [];
    known.parts.forEach((one, at) => {
      if (one.fault) return;
      const label = document.createElement("p");
      label.className = "menu-label";
      label.textContent = known.parts.length > 1 ? "Sound, part " + (at + 1) : "Sound (WAV)";
      made.push(label);
      for (const [value, words] of [["mixed", "Everybody mixed"], ["both", "Stereo, customer left"], ["customer", "Customer only"], ["others", "Agent only"]]) {
        const link = document.createElement("a");
        link.className = "menu-item";
        link.href = box.dataset.sound + one.id + ".wav?lane=" + value + "&download=1";
        link.setAttribute("download", "");
        link.append(icon("download"), " " + words);
        made.push(link);
      }
    });
    $("sound-downloads")?.replaceChildren(...made);
  }

  /* ---- the audio ---- */

  function open(seconds, play) {
    const one = part();
    loadedMs = one.duration_ms;
    const until = one.growing ? "&until_ms=" + one.duration_ms : "";
    audio.src = box.dataset.sound + one.id + ".wav?lane=" + lane() + until;
    audio.defaultPlaybackRate = audio.playbackRate = Number($("speed").value);
    unheeded = seconds;
    if (play) start();
  }

  audio.addEventListener("loadedmetadata", () => {
    if (unheeded !== null) audio.currentTime = Math.min(unheeded, audio.duration || 0);
    unheeded = null;
    tell();
  });

  function start() {
    audio.play().catch((error) => {
      if (error.name !== "AbortError") say("The browser does not play it. Press play once more, or download the recording.");
    });
  }

  function seconds() {
    return unheeded === null ? audio.currentTime : unheeded;
  }

  function nowMs() {
    return part() ? part().from_ms + seconds() * 1000 : 0;
  }

  function choose(at, seconds, play) {
    place = at;
    shownShape = "";
    open(seconds, play);
    showParts();
    draw();
    tell();
  }

  function seek(ms, play) {
    if (!player.ready) return;
    let at = 0;
    known.parts.forEach((one, number) => {
      if (!one.fault && ms >= one.from_ms) at = number;
    });
    const to = Math.max(0, (ms - known.parts[at].from_ms) / 1000);
    if (at !== place) choose(at, to, play || !audio.paused);
    else if (to * 1000 > loadedMs && loadedMs < part().duration_ms) open(to, play || !audio.paused);
    else {
      if (audio.readyState === 0) unheeded = to;
      else audio.currentTime = Math.min(to, audio.duration || to);
      if (play && audio.paused) start();
      tell();
    }
  }

  function toggle() {
    if (!player.ready) return;
    if (!audio.paused) audio.pause();
    else if (audio.ended && !more()) {
      audio.currentTime = 0;
      start();
    } else if (more() && seconds() * 1000 > loadedMs - 500) open(seconds(), true);
    else start();
  }

  function more() {
    return loadedMs + 300 < part().duration_ms;
  }

  audio.addEventListener("ended", () => {
    if (more()) open(loadedMs / 1000, true);
    else if (place + 1 < known.parts.length && !known.parts[place + 1].fault) choose(place + 1, 0, true);
    tell();
  });
  audio.addEventListener("error", () => {
    if (audio.src) say("The sound could not be loaded. Reload the page to try again.");
  });
  for (const name of ["play", "pause", "seeked"]) audio.addEventListener(name, tell);
  audio.addEventListener("play", () => requestAnimationFrame(follow));

  function follow() {
    if (audio.paused) return;
    if ($("skip-silence").checked) skip();
    tell();
    requestAnimationFrame(follow);
  }

  /* Over a stretch in which nobody who is heard says anything. */
  function skip() {
    const one = part();
    const lanes = lane() === "mixed" ? [one.customer, one.others] : [one[lane()]];
    const quiet = (at) => lanes.every((values) => values[at] <= SILENT);
    const begin = Math.floor(audio.currentTime * one.per_second);
    let at = begin;
    while (at < one.customer.length && quiet(at)) at += 1;
    const length = (at - begin) / one.per_second;
    if (length > SILENCE_SECONDS && at < one.customer.length) audio.currentTime += length - KEPT_SECONDS;
  }

  /* ---- what is seen ---- */

  function colour(name) {
    return getComputedStyle(box).getPropertyValue(name).trim();
  }

  function looks() {
    const heard = lane();
    const of = (name) => {
      const off = heard !== "mixed" && heard !== name;
      return { waveColor: colour("--lane-" + name + (off ? "-off" : "")), progressColor: colour("--lane-" + name + (off ? "-off" : "-played")) };
    };
    return { splitChannels: [of("customer"), of("others")], cursorColor: colour("--text") };
  }

  function height() {
    return window.innerWidth < 720 ? 34 : 52;
  }

  function draw() {
    const one = part();
    const loudest = Math.max(25, ...highest(one.customer), ...highest(one.others));
    const lanes = [one.customer, one.others].map((values) => (values.length ? values.map((value) => value / loudest) : [0, 0]));
    const shape = [one.id, one.duration_ms, one.customer.length].join();
    if (shape !== shownShape) {
      shownShape = shape;
      const length = Math.max(one.duration_ms / 1000, 0.1);
      if (wave) wave.load("", lanes, length).catch(() => {});
      else {
        wave = WaveSurfer.create({
          container: $("wave"), height: height(), peaks: lanes, duration: length, barWidth: 2, barGap: 1, barRadius: 1,
          cursorWidth: 2, dragToSeek: true, hideScrollbar: true, cspNonce: box.dataset.nonce, ...looks(),
        });
        wave.on("interaction", (at) => seek(part().from_ms + at * 1000, false));
        wave.on("redrawcomplete", () => {
          box.dataset.drawn = "1";
        });
      }
    }
    mark();
    $("wave").setAttribute("aria-valuemax", String(Math.round(one.duration_ms / 1000)));
    $("player-length").textContent = clock(one.duration_ms);
  }

  function highest(values) {
    return [values.reduce((most, value) => Math.max(most, value), 0)];
  }

  /* What happened, above the lanes; what lies close together is one button. */
  function mark() {
    const one = part();
    const width = $("wave").clientWidth || 1;
    const at = (ms) => Math.min(Math.max((ms - one.from_ms) / Math.max(one.duration_ms, 1), 0), 1);
    const here = known.markers.filter((each) => each.at_ms >= one.from_ms - 1000 && each.at_ms <= one.from_ms + one.duration_ms + 1000);
    const groups = [];
    for (const each of here) {
      const last = groups[groups.length - 1];
      if (last && (at(each.at_ms) - at(last[0].at_ms)) * width < MARK_PIXELS) last.push(each);
      else groups.push([each]);
    }
    const shape = JSON.stringify([width, groups]);
    if (box.dataset.marks === shape) return;
    box.dataset.marks = shape;
    $("wave-marks").replaceChildren(
      ...groups.map((group) => {
        const button = document.createElement("button");
        const most = ["fault", "interruption", "handover"].map((kind) => group.find((each) => each.kind === kind)).find(Boolean) || group[0];
        button.type = "button";
        button.className = "wave-mark";
        button.dataset.kind = most.kind;
        button.style.left = at(group[0].at_ms) * 100 + "%";
        const words = group.map((each) => each.label + ", " + clock(each.at_ms)).join("\n");
        button.title = words;
        button.setAttribute("aria-label", words.replaceAll("\n", "; "));
        button.append(icon(most.icon));
        if (group.length > 1) {
          const number = document.createElement("span");
          number.textContent = group.length;
          number.setAttribute("aria-hidden", "true");
          button.append(number);
        }
        button.addEventListener("click", () => seek(Math.max(group[0].at_ms - 1500, 0), false));
        return button;
      }),
    );
    $("wave-marks").hidden = groups.length === 0;
    $("wave-shades").replaceChildren(
      ...here.filter((each) => each.to_ms !== undefined || each.kind === "interruption").map((each) => {
        const shade = document.createElement("i");
        shade.dataset.kind = each.kind;
        shade.style.left = at(each.at_ms) * 100 + "%";
        if (each.to_ms !== undefined) shade.style.width = (at(each.to_ms) - at(each.at_ms)) * 100 + "%";
        return shade;
      }),
    );
  }

  function tell() {
    if (!player.ready) return;
    const at = seconds();
    const playing = !audio.paused && !audio.ended;
    $("player-now").textContent = clock(at * 1000);
    const button = $("play");
    if (button.dataset.playing !== String(playing)) {
      button.dataset.playing = String(playing);
      button.setAttribute("aria-label", playing ? "Pause" : "Play");
    }
    const slider = $("wave");
    if (slider.getAttribute("aria-valuenow") !== String(Math.round(at))) {
      slider.setAttribute("aria-valuenow", String(Math.round(at)));
      slider.setAttribute("aria-valuetext", clock(at * 1000) + " of " + clock(part().duration_ms));
    }
    if (wave) wave.setTime(at);
    document.dispatchEvent(new CustomEvent("hub:playing", { detail: { ms: nowMs(), playing } }));
  }

  /* ---- what people press ---- */

  $("play").addEventListener("click", toggle);
  $("speed").addEventListener("change", () => {
    audio.defaultPlaybackRate = audio.playbackRate = Number($("speed").value);
  });
  $("lanes").addEventListener("change", () => {
    open(seconds(), !audio.paused);
    wave?.setOptions(looks());
  });
  $("wave").addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, PageDown: -30, PageUp: 30 }[event.key];
    const to = event.key === "Home" ? 0 : event.key === "End" ? part().duration_ms / 1000 : by === undefined ? null : seconds() + by;
    if (to === null || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    seek(part().from_ms + Math.min(Math.max(to, 0), part().duration_ms / 1000) * 1000, false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== " " || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, textarea, select, button, summary, a, audio, [contenteditable]")) return;
    event.preventDefault();
    if (!event.repeat) toggle();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => wave?.setOptions(looks()));
  new ResizeObserver(() => {
    if (!player.ready || !wave) return;
    if (wave.options.height !== height()) wave.setOptions({ height: height() });
    mark();
  }).observe($("wave"));

  if (box.dataset.recorded === "yes" || box.dataset.live) refresh();
})();
