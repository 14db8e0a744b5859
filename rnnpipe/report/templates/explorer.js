// Look and listen: the waveforms and spectrograms of an utterance, with a playhead.
//
// Sounds lie in the page as base64 of FLAC, each once. What comes into view is decoded, and drawn
// into a copy of the one plot that the page holds (rnnpipe/report/explorer.py).

const RATE = 16000;
const KINDS = ["original", "teacher_forced", "free_running"];
const embedded = (id) => document.getElementById(id).textContent;
const bytes = (key) => Uint8Array.from(atob(embedded(key)), (char) => char.charCodeAt(0));
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

async function decode(key) {
  const context = new OfflineAudioContext(1, 1, RATE);
  return (await context.decodeAudioData(bytes(key).buffer)).getChannelData(0);
}

function load(audio) {
  if (!audio.src) {
    audio.src = URL.createObjectURL(new Blob([bytes(audio.dataset.sound)], {type: "audio/flac"}));
  }
}

// One sound at a time.
addEventListener("play", (event) => {
  for (const audio of document.querySelectorAll("audio")) {
    if (audio !== event.target) audio.pause();
  }
}, true);

// What is folded away falls silent.
addEventListener("toggle", ({target}) => {
  if (!target.open) for (const audio of target.querySelectorAll("audio")) audio.pause();
}, true);

// --- what is drawn ---------------------------------------------------------------------------

// The samples from `start` to `end` seconds; where they are many to a pixel, their extremes alone.
function visible(samples, start, end, width) {
  const first = clamp(Math.floor(start * RATE), 0, samples.length);
  const last = clamp(Math.ceil(end * RATE) + 1, first, samples.length);
  const slots = Math.min(width, last - first);
  if (last - first <= 4 * width) {
    const y = samples.subarray(first, last);
    return {x: Float64Array.from(y, (_, i) => (first + i) / RATE), y: Float64Array.from(y)};
  }
  const x = new Float64Array(2 * slots), y = new Float64Array(2 * slots);
  for (let slot = 0; slot < slots; slot++) {
    const from = first + Math.floor(slot * (last - first) / slots);
    const to = first + Math.floor((slot + 1) * (last - first) / slots);
    let low = Infinity, high = -Infinity;
    for (let i = from; i < to; i++) {
      if (samples[i] < low) low = samples[i];
      if (samples[i] > high) high = samples[i];
    }
    x[2 * slot] = x[2 * slot + 1] = from / RATE;
    y[2 * slot] = low;
    y[2 * slot + 1] = high;
  }
  return {x, y};
}

// Phones in view, their labels in three rows so that neighbours do not meet.
function placed(phones, start, end, width) {
  const labels = {x: [], y: [], text: []}, ends = [-Infinity, -Infinity, -Infinity];
  for (const [from, to, text] of phones) {
    const a = Math.max(from / RATE, start), b = Math.min(to / RATE, end);
    if (a >= b) continue;
    const centre = ((a + b) / 2 - start) / (end - start) * width;
    const half = 4 * text.length + 2;
    const row = ends.findIndex((edge) => centre - half >= edge);
    if (row < 0) continue;
    ends[row] = centre + half;
    labels.x.push((a + b) / 2);
    labels.y.push(row + 0.5);
    labels.text.push(text);
  }
  return labels;
}

// In place: the discrete Fourier transform of re + i im, whose length is a power of 2.
function transform(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [re[i], re[j], im[i], im[j]] = [re[j], re[i], im[j], im[i]];
  }
  for (let size = 2; size <= n; size *= 2) {
    const half = size / 2;
    for (let k = 0; k < half; k++) {
      const c = Math.cos(2 * Math.PI * k / size), s = -Math.sin(2 * Math.PI * k / size);
      for (let i = k; i < n; i += size) {
        const j = i + half, a = re[j] * c - im[j] * s, b = re[j] * s + im[j] * c;
        re[j] = re[i] - a;
        im[j] = im[i] - b;
        re[i] += a;
        im[i] += b;
      }
    }
  }
}

// Power in dB of frames of 25 ms, Hann window: frames x 256 frequencies.
function spectrogram(samples) {
  const size = 512, length = 400, hop = Math.max(40, Math.ceil(samples.length / 1500));
  const frames = Math.max(1, Math.ceil(samples.length / hop));
  const power = new Float32Array(frames * size / 2);
  const re = new Float64Array(size), im = new Float64Array(size);
  for (let frame = 0; frame < frames; frame++) {
    re.fill(0);
    im.fill(0);
    for (let i = 0; i < length; i++) {
      const sample = samples[frame * hop + i - length / 2] || 0;
      re[i] = sample * (0.5 - 0.5 * Math.cos(2 * Math.PI * i / length));
    }
    transform(re, im);
    for (let bin = 0; bin < size / 2; bin++) {
      const value = re[bin] ** 2 + im[bin] ** 2;
      power[frame * size / 2 + bin] = 10 * Math.log10(value + 1e-12);
    }
  }
  return {frames, bins: size / 2, power};
}

// As a picture: the louder, the more ink, down to 60 dB below the loudest of the original.
function picture({frames, bins, power}, loudest, [red, green, blue]) {
  const canvas = document.createElement("canvas");
  canvas.width = frames;
  canvas.height = bins;
  const context = canvas.getContext("2d");
  const image = context.createImageData(frames, bins);
  for (let frame = 0; frame < frames; frame++) {
    for (let bin = 0; bin < bins; bin++) {
      const level = clamp(1 + (power[frame * bins + bin] - loudest) / 60, 0, 1);
      image.data.set([red, green, blue, 255 * level], 4 * ((bins - 1 - bin) * frames + frame));
    }
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}

const peak = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

// --- the view of one utterance -----------------------------------------------------------------

// The elements below a root, in shadow roots too, that match.
function within(root, selector) {
  return [...root.querySelectorAll("*")].flatMap((one) => [
    ...(one.matches(selector) ? [one] : []),
    ...(one.shadowRoot ? within(one.shadowRoot, selector) : []),
  ]);
}

async function explore(article) {
  const {phones, order} = utterances[article.dataset.utterance];
  const keys = JSON.parse(article.dataset.sounds);
  const view = article.querySelector(".view"), place = view.querySelector(".plot");
  const output = article.querySelector("output"), playhead = view.querySelector(".playhead");
  const players = [...article.querySelectorAll("audio")];
  players.forEach(load);

  const sounds = {};
  for (const kind of KINDS) sounds[kind] = await decode(keys[kind]);
  const {original} = sounds, duration = original.length / RATE;
  const errors = {};
  for (const kind of KINDS.slice(1)) errors[kind] = original.map((x, i) => x - sounds[kind][i]);

  const item = JSON.parse(embedded("plot"));
  const {roots} = await Bokeh.embed.embed_item(item, place);
  const model = (name) => roots[0].model.document.get_model_by_name(name);
  // A finger pans across, and scrolls the page up and down: Bokeh would keep both.
  for (const layer of within(place, ".bk-events")) layer.style.touchAction = "pan-y";
  const range = model("time");
  range.setv({start: 0, end: duration, bounds: [0, duration]});

  // All lanes have the scale of the original, so that a free run that grows is cut at the edge.
  const loudest = peak(original) || 1;
  const scale = 1.08 * clamp(Math.max(...KINDS.map((kind) => peak(sounds[kind]))),
                             loudest, 1.5 * loudest);
  const lanes = {error: errors};
  for (const kind of KINDS) lanes[kind] = {original, [kind]: sounds[kind]};
  for (const lane of Object.keys(lanes)) {
    model(lane).y_range.setv({start: -scale, end: scale});
    model(`${lane} given`).right = order / RATE;
  }
  model("boundaries").data = {x: phones.slice(1).map(([start]) => start / RATE)};

  const spectra = Object.fromEntries(KINDS.map((kind) => [kind, spectrogram(sounds[kind])]));
  const most = spectra.original.power.reduce((a, b) => Math.max(a, b), -120);

  function paint() { // in the colours of the day or of the night
    const style = getComputedStyle(article);
    const colour = (name) => style.getPropertyValue(name).trim();
    const own = {original: colour("--ink"), teacher_forced: colour("--blue-text"),
                 free_running: colour("--vermilion-text")};
    for (const [lane, lines] of Object.entries(lanes)) {
      model(`${lane} title`).setv({text_color: own[lane] || colour("--ink"),
                                   background_fill_color: colour("--card")});
      model(`${lane} given`).fill_color = colour("--ink");
      for (const kind of Object.keys(lines)) {
        const behind = kind === "original" && lane !== "original";
        model(`${lane} ${kind} line`).glyph.setv(
          {line_color: behind ? colour("--behind") : own[kind], line_width: behind ? 2 : 1});
      }
    }
    model("phone labels").glyph.text_color = colour("--ink");
    model("axis").setv({axis_label_text_color: colour("--ink"), axis_line_color: colour("--faint"),
                        major_label_text_color: colour("--ink"),
                        major_tick_line_color: colour("--faint"),
                        minor_tick_line_color: null});
    for (const kind of KINDS) {
      const ink = own[kind].match(/\w\w/g).map((pair) => parseInt(pair, 16));
      model(`${kind} picture`).data = {
        url: [picture(spectra[kind], most, ink)], x: [0], y: [0], w: [duration], h: [8]};
      model(`${kind} spectrum title`).setv({text_color: own[kind],
                                            background_fill_color: colour("--card")});
    }
  }

  let current = 0;
  const width = () => place.clientWidth;
  function follow() { // the playhead
    const share = (current - range.start) / (range.end - range.start);
    playhead.hidden = share < 0 || share > 1;
    playhead.style.left = `${share * width()}px`;
  }
  function draw() {
    const {start, end} = range;
    for (const [lane, lines] of Object.entries(lanes)) {
      for (const [kind, samples] of Object.entries(lines)) {
        model(`${lane} ${kind}`).data = visible(samples, start, end, Math.ceil(width()));
      }
    }
    model("labels").data = placed(phones, start, end, width());
    output.textContent = `${start.toFixed(3)} to ${end.toFixed(3)} s`;
    follow();
  }
  let waiting = false;
  const redraw = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  };
  range.change.connect(redraw);
  new ResizeObserver(redraw).observe(place);

  const show = (start, length) => {
    const span = clamp(length, 0.002, duration);
    const from = clamp(start, 0, duration - span);
    range.setv({start: from, end: from + span});
  };
  const span = () => range.end - range.start;
  const zoom = (factor) => {
    // About the playhead where it is in view, else about the middle.
    const centre = playhead.hidden || !current ? (range.start + range.end) / 2 : current;
    show(centre - (centre - range.start) * factor, span() * factor);
  };
  const acts = {
    closer: () => zoom(0.5),
    wider: () => zoom(2),
    earlier: () => show(range.start - 0.25 * span(), span()),
    later: () => show(range.start + 0.25 * span(), span()),
    whole: () => show(0, duration),
  };
  const byKey = {"+": "closer", "=": "closer", "-": "wider", "ArrowLeft": "earlier",
                 "ArrowRight": "later", "0": "whole"};
  for (const button of article.querySelectorAll("button[data-act]")) {
    button.disabled = false;
    button.onclick = acts[button.dataset.act];
  }
  view.addEventListener("keydown", (event) => {
    const act = byKey[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    acts[act]();
  });
  view.addEventListener("dblclick", acts.whole);

  // A sound moves the playhead, and the view where it runs out of it; a click on the plot moves the
  // sounds.
  const tick = (audio) => {
    const before = current;
    current = audio.currentTime;
    const ranOut = before <= range.end && current > range.end && current < duration;
    if (ranOut && before >= range.start) show(current, span());
    follow();
    if (!audio.paused) requestAnimationFrame(() => tick(audio));
  };
  for (const audio of players) {
    audio.addEventListener("play", () => {
      const {currentTime} = audio;
      if (currentTime < range.start || currentTime > range.end) show(currentTime, span());
      tick(audio);
    });
    audio.addEventListener("seeked", () => { if (audio.paused) tick(audio); });
  }
  let pressed = 0;
  view.addEventListener("pointerdown", (event) => { pressed = event.clientX; });
  view.addEventListener("click", (event) => {
    if (Math.abs(event.clientX - pressed) > 3) return;
    const share = (event.clientX - place.getBoundingClientRect().left) / width();
    current = clamp(range.start + share * span(), 0, duration);
    for (const audio of players) audio.currentTime = current;
    follow();
  });

  paint();
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  article.classList.add("drawn");
}

// --- when it is drawn --------------------------------------------------------------------------

const utterances = JSON.parse(embedded("utterances"));
Bokeh.set_log_level("error");

const watching = new IntersectionObserver((entries) => {
  for (const {isIntersecting, target} of entries) {
    if (!isIntersecting) continue;
    watching.unobserve(target);
    if (target.matches("audio")) load(target);
    else look(target);
  }
}, {rootMargin: "200px"});

// An utterance of a setting gets its players and its view when it first comes near the window.
function look(article) {
  const parts = document.getElementById("look").content.cloneNode(true);
  const {name} = utterances[article.dataset.utterance];
  const what = `${name}, ${article.dataset.setting}`;
  const keys = JSON.parse(article.dataset.sounds);
  for (const audio of parts.querySelectorAll("audio")) {
    audio.dataset.sound = keys[audio.dataset.kind];
    audio.setAttribute("aria-label", `${audio.ariaLabel || audio.dataset.label}: ${what}`);
  }
  parts.querySelector(".view").setAttribute("aria-label", `Waveforms and spectrograms of ${what}. `
    + "Arrow keys pan, plus and minus zoom, 0 shows the whole.");
  article.append(parts);
  explore(article);
}

for (const one of document.querySelectorAll("article[data-sounds], audio[data-sound]")) {
  watching.observe(one);
}
