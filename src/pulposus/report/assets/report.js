// What a reader can do: choose a field, a cut and a time, turn the discs, point at a place, read the curves.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const payload = JSON.parse($("payload").textContent);
  const { ticks } = pulposus;
  const state = { field: "", time: 0, cut: "wedge", positions: {}, opening: 100, flipped: false, compare: "arm", scale: "all" };
  const minus = (text) => text.replace("-", "−");

  // ------------------------------------------------------------------------------------------ numbers in words

  function number(value, digits = 3) {
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size < 1e-3 || size >= 1e6) return minus(value.toExponential(Math.max(0, digits - 2)));
    const places = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
    return minus(String(Number(value.toFixed(Math.min(places, 8)))));
  }

  const withUnit = (value, unit, digits) => (unit === "pH" ? `pH ${number(value, digits)}` : `${number(value, digits)} ${unit}`);

  function monthText(month) {
    const dose = payload.doses.find((given) => month > given && month - given < 0.5);
    if (dose !== undefined && month % 1) return `one day after the injection${dose ? ` of month ${number(dose)}` : ""}`;
    const before = payload.doses.includes(month) ? ", before the injection" : "";
    if (month === 0) return `at the start${before}`;
    const years = month / 12;
    return `month ${number(month)}${years >= 1 ? ` (${number(years)} year${years === 1 ? "" : "s"})` : ""}${before}`;
  }

  // ------------------------------------------------------------------------------------------ the discs

  let fields;
  let viewer;

  function makeScenes() {
    return payload.arms.map((arm) => {
      const element = document.createElement("div");
      element.className = "scene";
      element.innerHTML = `<h3></h3><div class="extent"></div><div class="rule"><span>10 mm</span></div><div class="spot" hidden></div>`
        + ["anterior", "posterior", "left", "right"].map((side) => `<div class="side" data-side="${side}">${side}</div>`).join("");
      $("scenes").append(element);
      return { element, arm };
    });
  }

  // Planes of the present cut; what lies on the positive side of all of them is taken away.
  function planes() {
    const [x, y, z] = viewer.centre;
    const at = state.positions[state.cut] ?? 0;
    const sign = state.flipped ? -1 : 1;
    const axis = { sagittal: 0, coronal: 1, transverse: 2 }[state.cut];
    if (axis !== undefined) {
      const normal = [0, 0, 0];
      normal[axis] = sign;
      return [{ normal, distance: sign * (viewer.centre[axis] + at) }];
    }
    if (state.cut !== "wedge") return [];
    const middle = Math.PI / 2 + (at * Math.PI) / 180;
    const half = (state.opening * Math.PI) / 360;
    const [from, to] = [middle - half, middle + half];
    const normals = [[Math.sin(to), -Math.cos(to), 0], [-Math.sin(from), Math.cos(from), 0]];
    return normals.map((normal) => ({ normal, distance: normal[0] * x + normal[1] * y + normal[2] * z }));
  }

  const VIEWS = { front: [0, 0.25], right: [Math.PI / 2, 0.25], back: [Math.PI, 0.25], above: [0, Math.PI / 2] };

  function lookAtCut() {
    const side = state.flipped ? Math.PI : 0;
    const direction = ((state.positions.wedge ?? 0) * Math.PI) / 180;
    const views = { none: [0.6, 0.5], sagittal: [1.05 + side, 0.3], coronal: [0.35 + side, 0.35], transverse: [0.25, state.flipped ? -0.8 : 0.8], wedge: [-direction - 0.12, 0.62] };
    turnTo(...views[state.cut]);
  }

  function turnTo(yaw, pitch) {
    const from = { ...viewer.camera };
    const turn = Math.atan2(Math.sin(yaw - from.yaw), Math.cos(yaw - from.yaw));
    if (matchMedia("(prefers-reduced-motion: reduce)").matches || !viewer.drawn) {
      Object.assign(viewer.camera, { yaw, pitch });
      viewer.draw();
      return;
    }
    const start = performance.now();
    const move = (now) => {
      const part = Math.min(1, (now - start) / 350);
      const ease = part * part * (3 - 2 * part);
      Object.assign(viewer.camera, { yaw: from.yaw + turn * ease, pitch: from.pitch + (pitch - from.pitch) * ease });
      viewer.draw();
      if (part < 1) requestAnimationFrame(move);
    };
    requestAnimationFrame(move);
  }

  const differs = () => state.compare === "difference" && payload.arms.length > 1;

  // Colour range of a field: what both arms hold over all months, or in this one; a field that is the same everywhere gets a little room.
  function rangeOf(field) {
    let [low, high] = field.range;
    if (state.scale === "now") {
      const arms = payload.arms.map((_, arm) => arm);
      low = Math.min(...arms.map((arm) => fields.least(field, arm, state.time)));
      high = Math.max(...arms.map((arm) => fields.greatest(field, arm, state.time)));
    }
    if (high - low > 1e-9 * Math.max(Math.abs(low), Math.abs(high))) return [low, high];
    const room = Math.abs(low) * 0.05 || 1;
    return low >= 0 && low - room < 0 ? [0, room] : [low - room, low + room];
  }

  function difference(field, time) {
    const [untreated, treated] = [0, 1].map((arm) => fields.values(field.name, arm, time));
    return treated.map((value, i) => value - untreated[i]);
  }

  function differenceRange(field) {
    const times = state.scale === "now" ? [state.time] : payload.months.map((_, time) => time);
    let most = 0;
    for (const time of times) {
      for (const value of difference(field, time)) most = Math.max(most, Math.abs(value));
      most = Math.max(most, ...[0, 1].map((arm) => 8 * field.step[arm][time]));  // below, there is only rounding to see
    }
    return [-(most || 1), most || 1];
  }

  async function update() {
    const field = await fields.load(state.field);
    viewer.cut.planes = planes();
    const range = rangeOf(field);
    const shown = [{ title: payload.arms.length > 1 ? "" : payload.arms[0], colours: field.colours, range }];
    viewer.cut.contour = state.contours ? ticks(...range).step : 0;
    viewer.scenes.forEach((scene, arm) => {
      const second = differs() && arm === 1;
      const values = second ? difference(field, state.time) : fields.values(field.name, arm, state.time);
      const of = second ? { colours: "difference", range: (state.spread ??= differenceRange(field)) } : shown[0];
      if (second) shown.push({ ...of, title: "treated − untreated" });
      scene.contour = second ? (state.contours ? -ticks(...of.range).step : 0) : undefined;  // at zero: only rounding
      viewer.show(arm, fields.values("z", arm, state.time), values, of.colours, of.range);
      caption(scene, field, arm, values, second);
    });
    legends(field, shown);
    words(field);
    viewer.draw();
  }

  function caption(scene, field, arm, values, second) {
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
    const name = second ? "treated − untreated" : scene.arm;
    scene.element.querySelector("h3").textContent = name[0].toUpperCase() + name.slice(1);
    const mean = second ? field.nucleus[1][state.time] - field.nucleus[0][state.time] : field.nucleus[arm][state.time];
    const unit = field.unit === "pH" ? "" : ` ${field.unit}`;
    scene.element.querySelector(".extent").innerHTML = "";
    const [from, to] = rangeOf(field);
    const told = (value) => number(Math.abs(value) < 5e-4 * (to - from) ? 0 : value);
    const lines = [`least ${told(low)}, most ${told(high)}${unit}`, `mean of the nucleus ${told(mean)}${unit}`];
    scene.element.querySelector(".extent").append(lines[0], document.createElement("br"), lines[1]);
    scene.said = `${name}: ${lines.join(", ")}`;
  }

  function ramp(colours) {
    const table = pulposus.bytes(payload.colours[colours]);
    const stops = Array.from({ length: 33 }, (_, k) => {
      const i = 3 * Math.min(255, k * 8);
      return `rgb(${table[i]},${table[i + 1]},${table[i + 2]}) ${((100 * k) / 32).toFixed(1)}%`;
    });
    return `linear-gradient(90deg, ${stops.join(", ")})`;
  }

  function legends(field, shown) {
    $("legends").replaceChildren(...shown.map(({ title, colours, range: [low, high] }) => {
      const box = document.createElement("div");
      box.className = "legend";
      box.innerHTML = `<div class="name"></div><div class="ramp"></div><div class="ticks"></div>`;
      const what = shown.length > 1 && !title ? "untreated" : title;
      box.querySelector(".name").textContent = `${field.label}${field.unit === "pH" ? "" : `, ${field.unit}`}${what ? ` (${what})` : ""}`;
      box.querySelector(".ramp").style.background = ramp(colours);
      for (const value of ticks(low, high).at) {
        const tick = document.createElement("span");
        tick.textContent = number(value, 4);
        tick.style.left = `${(100 * (value - low)) / (high - low)}%`;
        box.querySelector(".ticks").append(tick);
      }
      return box;
    }));
  }

  function words(field) {
    const month = payload.months[state.time];
    $("time-text").textContent = monthText(month);
    $("time").setAttribute("aria-valuetext", monthText(month));
    const at = state.positions[state.cut] ?? 0;
    const ways = { sagittal: ["right", "left"], coronal: ["forward", "back"], transverse: ["up", "down"] }[state.cut];
    let where = "";
    if (ways) where = Math.abs(at) < 0.05 ? "through the middle" : `${number(Math.abs(at), 2)} mm ${at > 0 ? ways[0] : ways[1]}`;
    if (state.cut === "wedge") where = at === 0 ? "in front" : `${Math.abs(at)}° to the ${at > 0 ? "left" : "right"}`;
    $("position-text").textContent = where;
    $("position").setAttribute("aria-valuetext", where);
    $("opening-text").textContent = `${state.opening}°`;
    $("position-label").hidden = state.cut === "none";
    $("opening-label").hidden = state.cut !== "wedge";
    $("flip").hidden = !ways;
    $("stage-said").textContent = `${field.label}, ${monthText(month)}. ${viewer.scenes.map((scene) => scene.said).join(". ")}.`;
  }

  // Names of the sides just outside each disc, and a rule of 10 mm.
  function labels() {
    viewer.drawn = true;
    const [right, up] = viewer.axes();
    const ways = { right: [1, 0, 0], left: [-1, 0, 0], anterior: [0, 1, 0], posterior: [0, -1, 0] };
    for (const { element, z } of viewer.scenes) {
      if (!z) continue;
      const box = element.getBoundingClientRect();
      const size = viewer.perMillimetre(box);
      element.querySelector(".rule").style.width = `${10 * size}px`;
      const flat = [...viewer.grid.skin.nodes].map((node) => {
        const from = [fields.x[node], fields.y[node], z[node]].map((v, k) => v - viewer.centre[k]);
        return [right, up].map((axis) => axis[0] * from[0] + axis[1] * from[1] + axis[2] * from[2]);
      });
      for (const [side, way] of Object.entries(ways)) {
        const label = element.querySelector(`[data-side=${side}]`);
        const along = [right, up].map((axis) => axis[0] * way[0] + axis[1] * way[1]);
        const length = Math.hypot(...along);
        label.style.opacity = length < 0.15 ? 0 : 1;
        if (length < 0.15) continue;
        const [u, v] = along.map((k) => k / length);
        const reach = Math.max(...flat.map(([a, b]) => a * u + b * v)) * size + 14 + 22 * Math.abs(u);
        label.style.left = `${Math.min(Math.max(box.width / 2 + reach * u, 30), box.width - 30)}px`;
        label.style.top = `${Math.min(Math.max(box.height / 2 - reach * v, 12), box.height - 12)}px`;
      }
    }
  }

  // ------------------------------------------------------------------------------------------ pointing

  function sceneAt(event) {
    return viewer.scenes.findIndex(({ element }) => {
      const box = element.getBoundingClientRect();
      return event.clientX >= box.left && event.clientX < box.right && event.clientY >= box.top && event.clientY < box.bottom;
    });
  }

  function point(event) {
    const index = sceneAt(event);
    const tip = $("tip");
    const spots = viewer.scenes.map(({ element }) => element.querySelector(".spot"));
    const box = index >= 0 ? viewer.scenes[index].element.getBoundingClientRect() : null;
    const found = box && viewer.pick(index, event.clientX - box.left, event.clientY - box.top);
    tip.hidden = !found;
    for (const spot of spots) spot.hidden = !found;
    if (!found) return;
    const field = fields.byName.get(state.field);
    const values = payload.arms.map((_, arm) => viewer.valueAt(found, fields.values(field.name, arm, state.time)));
    const kind = fields.tissueAt([0, 1].map((part) => viewer.valueAt(found, fields.depth, 2, part)));
    const [x, y, z] = found.point.map((v, k) => v - viewer.centre[k]);
    const sides = [[x, "right", "left"], [y, "forward", "back"], [z, "up", "down"]].map(([v, a, b]) => `${Math.abs(v).toFixed(1)} mm ${v >= 0 ? a : b}`);
    tip.replaceChildren();
    payload.arms.forEach((arm, k) => {
      const line = document.createElement("b");
      line.textContent = `${arm}: ${withUnit(values[k], field.unit, 4)}`;
      tip.append(line);
    });
    tip.append(`${field.label}, ${kind}`, document.createElement("br"), sides.join(", "));
    const stage = $("canvas").getBoundingClientRect();
    const [left, top] = [event.clientX - stage.left, event.clientY - stage.top];
    tip.style.left = `${Math.max(4, Math.min(left + 16, stage.width - tip.offsetWidth - 8))}px`;
    tip.style.top = `${top + 18 + tip.offsetHeight > stage.height ? top - tip.offsetHeight - 12 : top + 18}px`;
    spots.forEach((spot, k) => {
      const own = viewer.scenes[k].element.getBoundingClientRect();
      const at = viewer.project(found.point, own);
      Object.assign(spot.style, { left: `${at.x}px`, top: `${at.y}px` });
    });
  }

  function turning(canvas) {
    let last = null;
    const clear = () => {
      $("tip").hidden = true;
      for (const { element } of viewer.scenes) element.querySelector(".spot").hidden = true;
    };
    canvas.addEventListener("pointerdown", (event) => {
      last = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
      clear();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return point(event);
      turnBy(0.01 * (event.clientX - last[0]), 0.01 * (event.clientY - last[1]));
      last = [event.clientX, event.clientY];
    });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (last = null));
    canvas.addEventListener("pointerleave", clear);
    canvas.addEventListener("dblclick", () => {
      viewer.camera.zoom = 1;
      lookAtCut();
    });
    canvas.addEventListener("wheel", (event) => {
      if (document.activeElement !== canvas && !event.ctrlKey) return;
      event.preventDefault();
      zoomBy(Math.exp(-0.0015 * event.deltaY));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const step = 0.12;
      const act = { ArrowLeft: () => turnBy(-step, 0), ArrowRight: () => turnBy(step, 0), ArrowUp: () => turnBy(0, -step), ArrowDown: () => turnBy(0, step),
        "+": () => zoomBy(1.15), "=": () => zoomBy(1.15), "-": () => zoomBy(1 / 1.15), Home: lookAtCut }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
  }

  function turnBy(yaw, pitch) {
    viewer.camera.yaw += yaw;
    viewer.camera.pitch = Math.min(Math.PI / 2, Math.max(-Math.PI / 2, viewer.camera.pitch + pitch));
    viewer.draw();
  }

  function zoomBy(factor) {
    viewer.camera.zoom = Math.min(6, Math.max(0.5, viewer.camera.zoom * factor));
    viewer.draw();
  }

  // ------------------------------------------------------------------------------------------ controls

  // The slider holds millimetres from the middle, or degrees from the front for a wedge.
  function setSlider() {
    const axis = { sagittal: 0, coronal: 1, transverse: 2 }[state.cut];
    const slider = $("position");
    const reach = axis === undefined ? 180 : 0.49 * (viewer.ends[axis][1] - viewer.ends[axis][0]);
    const step = axis === undefined ? 5 : axis === 2 ? 0.1 : 0.25;
    Object.assign(slider, { min: -Math.floor(reach / step) * step, max: Math.floor(reach / step) * step, step });
    slider.value = state.positions[state.cut] ?? 0;
  }

  function controls() {
    const groups = new Map();
    for (const field of fields.shown) {
      if (!groups.has(field.group)) groups.set(field.group, Object.assign(document.createElement("optgroup"), { label: field.group }));
      groups.get(field.group).append(new Option(field.label, field.name));
    }
    $("field").append(...groups.values());
    $("field").value = state.field;
    $("field").addEventListener("change", (event) => set({ field: event.target.value, spread: undefined }));
    for (const radio of document.querySelectorAll("input[name=cut]")) {
      radio.addEventListener("change", () => {
        Object.assign(state, { cut: radio.value, flipped: false });
        setSlider();
        lookAtCut();
        set({});
      });
    }
    $("position").addEventListener("input", (event) => {
      state.positions[state.cut] = Number(event.target.value);
      set({});
    });
    $("opening").addEventListener("input", (event) => set({ opening: Number(event.target.value) }));
    $("flip").addEventListener("click", () => {
      state.flipped = !state.flipped;
      lookAtCut();
      set({});
    });
    Object.assign($("time"), { max: payload.months.length - 1, value: state.time });
    $("time").addEventListener("input", (event) => set({ time: Number(event.target.value), spread: state.scale === "now" ? undefined : state.spread }));
    $("play").addEventListener("click", play);
    $("view").addEventListener("click", (event) => VIEWS[event.target.dataset.view] && turnTo(...VIEWS[event.target.dataset.view]));
    $("scale").addEventListener("change", (event) => set({ scale: event.target.value, spread: undefined }));
    $("compare").addEventListener("change", (event) => set({ compare: event.target.value, spread: undefined }));
    $("compare-label").hidden = payload.arms.length < 2;
    for (const [id, key, place] of [["contours", "contours", state], ["borders", "edges", viewer.cut], ["plain", "plain", viewer.cut]]) {
      place[key] = $(id).checked;
      $(id).addEventListener("change", (event) => {
        place[key] = event.target.checked;
        set({});
      });
    }
  }

  let ticking = 0;
  function play() {
    const button = $("play");
    const on = !ticking;
    button.setAttribute("aria-pressed", String(on));
    button.textContent = on ? "❚❚" : "▶";
    clearInterval(ticking);
    ticking = 0;
    if (!on) return;
    if (state.time === payload.months.length - 1) state.time = -1;
    ticking = setInterval(() => {
      set({ time: state.time + 1, spread: state.scale === "now" ? undefined : state.spread });
      $("time").value = state.time;
      if (state.time >= payload.months.length - 1) play();
    }, 700);
  }

  function set(changes) {
    Object.assign(state, changes);
    return update();
  }

  async function start() {
    const sorry = (text) => {
      $("viewer").hidden = true;
      Object.assign($("no-viewer"), { hidden: false, textContent: text });
    };
    if (typeof DecompressionStream === "undefined") {
      return sorry("This browser is too old to unpack the fields, so the disc cannot be drawn here; the curves and tables below say the rest.");
    }
    fields = new pulposus.Fields(payload);
    await fields.load("z");
    try {
      viewer = new pulposus.Viewer($("canvas"), makeScenes(), fields);
    } catch (problem) {
      return sorry(`This browser offers no WebGL 2 (${problem.message}), so the disc cannot be drawn here; the curves and tables below say the rest, and the meshes in the results folder open in ParaView.`);
    }
    viewer.afterDraw = labels;
    Object.assign(pulposus, { viewer, fields });
    state.field = fields.byName.has("oxygen") ? "oxygen" : fields.shown[0].name;
    state.time = Math.min(1, payload.months.length - 1);
    state.positions.wedge = -35;
    controls();
    setSlider();
    lookAtCut();
    turning($("canvas"));
    await update();
  }

  // ------------------------------------------------------------------------------------------ curves

  // Charts are drawn at the size they have, and again when that changes.
  function drawCharts() {
    const drawings = new Map();
    for (const chart of payload.curves) drawings.set($(`chart-${chart.id}`), (element) => pulposus.curves(element, chart, payload.doses));
    payload.ledger.forEach((book, index) => {
      let whole = false;
      const element = $(`ledger-${index}`);
      drawings.set(element, () => pulposus.areas(element, book, whole, payload.doses));
      const button = $(`ledger-whole-${index}`);
      button.hidden = book.until >= book.months[book.months.length - 1];
      button.addEventListener("click", () => {
        whole = !whole;
        button.setAttribute("aria-pressed", String(whole));
        drawings.get(element)(element);
      });
    });
    const watcher = new ResizeObserver((entries) => entries.forEach(({ target }) => drawings.get(target)(target)));
    for (const element of drawings.keys()) watcher.observe(element);
  }

  // ------------------------------------------------------------------------------------------ the table of numbers

  function filterNumbers() {
    const box = $("number-filter");
    if (!box) return;
    const rows = [...document.querySelectorAll("table.numbers tbody tr")];
    box.addEventListener("input", () => {
      const wanted = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      for (const row of rows) {
        const words = row.textContent.toLowerCase();
        row.hidden = !wanted.every((word) => words.includes(word));
        if (!row.hidden) count += 1;
      }
      $("number-count").textContent = wanted.length ? `${count} of ${rows.length}` : "";
    });
  }

  // the disc under load: stop and go; whoever asks for less motion sees it standing still
  function holdFilm() {
    const film = $("film");
    const button = $("film-stop");
    if (!film || !button) return;
    const hold = (still) => {
      if (still) film.pauseAnimations();
      else film.unpauseAnimations();
      button.textContent = still ? "Go on" : "Stop";
    };
    button.addEventListener("click", () => hold(!film.animationsPaused()));
    if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) hold(true);
  }

  filterNumbers();
  holdFilm();
  drawCharts();
  Object.assign(pulposus, { state, payload, set, ready: start() });
})();
