// Curves and stacked areas as plain SVG: coloured by the style sheet, so that dark pages and prints need nothing more.
"use strict";
(() => {
  const NS = "http://www.w3.org/2000/svg";
  const MARGIN = { left: 46, right: 10, top: 10, bottom: 32 };

  // Round numbers between two ends, about `count` of them.
  function ticks(low, high, count = 6) {
    const rough = (high - low) / count;
    if (!(rough > 0)) return { step: 0, at: [low] };
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((k) => k * power).find((k) => k >= rough * (1 - 1e-9));
    const at = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) at.push(Number((k * step).toPrecision(12)));
    return { step, at };
  }

  // Whole years, or months that divide a year, up to an end in months.
  function timeTicks(until) {
    const years = until > 24;
    const steps = years ? [12, 24, 60, 120, 240] : [0.25, 0.5, 1, 2, 3, 6, 12];
    const step = steps.find((k) => until / k <= 7) ?? 240;
    const at = [];
    for (let month = 0; month <= until + 1e-9; month += step) at.push(month);
    return { at, text: (month) => String(years ? month / 12 : month), title: years ? "years" : "months" };
  }

  function make(parent, name, attributes, words) {
    const element = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (words !== undefined) element.textContent = words;
    parent.append(element);
    return element;
  }

  const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

  // Axes of a chart in an element; gives the SVG and the two scales (month to pixel, value to pixel).
  function frame(element, until, [low, high], unit, doses) {
    const [width, height] = [element.clientWidth || 340, element.clientHeight || 190];
    element.querySelector("svg")?.remove();
    const svg = make(element, "svg", { viewBox: `0 0 ${width} ${height}`, width: "100%", height: "100%", "aria-hidden": "true" });
    const x = (month) => MARGIN.left + ((width - MARGIN.left - MARGIN.right) * month) / until;
    const y = (value) => height - MARGIN.bottom - ((height - MARGIN.top - MARGIN.bottom) * (value - low)) / (high - low);
    for (const value of ticks(Math.min(low, high), Math.max(low, high), Math.max(4, height / 50)).at) {
      make(svg, "line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) });
      make(svg, "text", { x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" }, String(value).replace("-", "−"));
    }
    const time = timeTicks(until);
    for (const month of time.at) {
      make(svg, "line", { class: "tick", x1: x(month), x2: x(month), y1: height - MARGIN.bottom, y2: height - MARGIN.bottom + 4 });
      make(svg, "text", { x: x(month), y: height - MARGIN.bottom + 16, "text-anchor": "middle" }, time.text(month));
    }
    make(svg, "text", { class: "unit", x: (MARGIN.left + width - MARGIN.right) / 2, y: height - 3, "text-anchor": "middle" }, time.title);
    if (unit) make(svg, "text", { class: "unit", x: 11, y: height / 2, transform: `rotate(-90 11 ${height / 2})`, "text-anchor": "middle" }, unit);
    for (const month of doses) make(svg, "line", { class: "dose", x1: x(month), x2: x(month), y1: MARGIN.top, y2: height - MARGIN.bottom });
    return { svg, x, y, width, height };
  }

  // A guide that follows the pointer and tells the values at the nearest month.
  function follow(element, months, { x, height, svg }, marks, tell) {
    const guide = make(svg, "line", { class: "guide", y1: MARGIN.top, y2: height - MARGIN.bottom, visibility: "hidden" });
    const dots = marks.map(({ name }) => make(svg, "circle", { class: `dot ${name}`, r: 3.5, visibility: "hidden" }));
    let box = element.querySelector(".readout");
    if (!box) {
      box = Object.assign(document.createElement("div"), { className: "readout", hidden: true });
      element.append(box);
    }
    const hide = () => {
      box.hidden = true;
      [guide, ...dots].forEach((mark) => mark.setAttribute("visibility", "hidden"));
    };
    element.onpointerleave = hide;
    element.onpointermove = (event) => {
      const place = event.clientX - element.getBoundingClientRect().left;
      let index = 0;
      months.forEach((month, i) => {
        if (Math.abs(x(month) - place) <= Math.abs(x(months[index]) - place)) index = i;
      });
      const at = x(months[index]);
      guide.setAttribute("x1", at);
      guide.setAttribute("x2", at);
      guide.setAttribute("visibility", "visible");
      dots.forEach((dot, k) => {
        dot.setAttribute("cx", at);
        dot.setAttribute("cy", marks[k].y(index));
        dot.setAttribute("visibility", "visible");
      });
      box.replaceChildren(...tell(index).map((words) => Object.assign(document.createElement("div"), { textContent: words })));
      box.hidden = false;
      const left = at + 12 + box.offsetWidth > element.clientWidth ? at - 12 - box.offsetWidth : at + 12;
      Object.assign(box.style, { left: `${Math.max(0, left)}px`, top: "6px" });
    };
  }

  // Ends of the value axis: all that is drawn, but never less than `span` high, nor under zero where nothing is.
  function reach({ lines, bands, span, fixed }) {
    if (fixed) return fixed;
    const all = [...Object.values(lines), ...Object.values(bands ?? {}).flatMap(({ low, high }) => [low, high])].flat();
    const [low, high] = [Math.min(...all), Math.max(...all)];
    if (!span) return [0, 1.08 * high || 1];
    const room = 0.08 * (high - low) + Math.max(0, span - (high - low)) / 2;
    const shift = low >= 0 ? Math.max(0, room - low) : 0;
    return [low - room + shift, high + room + shift];
  }

  const when = (month) => (month % 1 && month < 1 ? `day ${Math.round(month * 30.4)}` : `month ${month.toFixed(1).replace(".0", "")}`);

  // One or two curves over months.
  function curves(element, chart, doses) {
    const { months, lines } = chart;
    const drawing = frame(element, months[months.length - 1] || 1, reach(chart), "", doses);
    const names = Object.keys(lines);
    for (const [name, { month, low, high }] of Object.entries(chart.bands ?? {})) {
      const edge = (values) => month.map((m, i) => [drawing.x(m), drawing.y(values[i])]);
      make(drawing.svg, "path", { class: `band ${name}`, d: `${path([...edge(high), ...edge(low).reverse()])}Z` });
    }
    for (const name of names) {
      make(drawing.svg, "path", { class: `line ${name}`, d: path(lines[name].map((value, i) => [drawing.x(months[i]), drawing.y(value)])) });
    }
    // a disc that was taken out has no values any more: its line is shorter than the months
    const marks = names.map((name) => ({ name, y: (i) => drawing.y(lines[name][i] ?? lines[name][lines[name].length - 1]) }));
    const value = (x) => (x === undefined ? "taken out" : x.toFixed(chart.decimals + 1).replace("-", "−"));
    const told = (i) => names.map((name) => `${name} ${value(lines[name][i])}`);
    follow(element, months, drawing, marks, (i) => [when(months[i]), ...told(i)]);
  }

  // Stacked areas: where every cell is, from what is alive at the bottom to what never stayed at the top.
  function areas(element, book, whole, doses) {
    const { months, fates } = book;
    const sums = fates.map(() => []);
    months.forEach((_, i) => fates.reduce((sum, fate, k) => (sums[k][i] = sum + fate.million[i]), 0));
    const most = Math.max(...sums[sums.length - 1]) || 1;
    const until = whole ? months[months.length - 1] : book.until;
    const drawing = frame(element, until, [0, 1.04 * most], "million cells", doses);
    const clip = `clip-${element.id}`;
    const hole = make(make(drawing.svg, "clipPath", { id: clip }), "rect", { x: MARGIN.left, y: 0, width: drawing.width - MARGIN.left - MARGIN.right, height: drawing.height });
    hole.ownerSVGElement.prepend(hole.parentNode);
    const group = make(drawing.svg, "g", { "clip-path": `url(#${clip})` });
    fates.forEach((fate, k) => {
      const top = months.map((month, i) => [drawing.x(month), drawing.y(sums[k][i])]);
      const under = months.map((month, i) => [drawing.x(month), drawing.y(k ? sums[k - 1][i] : 0)]).reverse();
      make(group, "path", { class: `area ${fate.name}`, d: `${path([...top, ...under])}Z` });
    });
    const seen = months.filter((month) => month <= until);
    follow(element, seen, drawing, [], (i) => [when(months[i]), ...[...fates].reverse().map((fate) => `${fate.label}: ${fate.million[i].toFixed(3)}`)]);
  }

  Object.assign(window.pulposus, { ticks, curves, areas });
})();
