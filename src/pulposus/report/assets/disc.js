// The disc as numbers: unpacking of fields, the grid as tetrahedra, true cuts by a plane, and what a ray of sight hits.
// Millimetres; x to the right of the person, y forward, z up. Nothing here draws.
"use strict";
(() => {
  const text = (id) => document.getElementById(id).textContent;

  function bytes(base64) {
    const raw = atob(base64.trim());
    const out = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
    return out;
  }

  async function inflate(packed) {
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  // Fields of all arms and times. A field is unpacked when it is first asked for.
  class Fields {
    constructor(payload) {
      Object.assign(this, payload);
      [this.rings, this.sectors, this.layers] = payload.shape;
      this.nodes = this.rings * this.sectors * this.layers;
      this.byName = new Map(payload.fields.map((field) => [field.name, field]));
      this.shown = payload.fields.filter((field) => field.label);
      this.x = new Float32Array(bytes(text("block-x")).buffer);
      this.y = new Float32Array(bytes(text("block-y")).buffer);
      this.depth = this.depths();
      this.frames = new Map();
    }

    // Two numbers a node that are zero where tissues meet: rings beyond the nucleus, layers outside the endplate border.
    depths() {
      const { rings, sectors, layers, borders } = this;
      const out = new Float32Array(2 * this.nodes);
      for (let i = 0; i < this.nodes; i++) {
        const [ring, layer] = [Math.floor(i / (sectors * layers)), i % layers];
        out[2 * i] = ring - borders.ring;
        out[2 * i + 1] = borders.layer - Math.min(layer, layers - 1 - layer);
      }
      return out;
    }

    // The tissue at such a pair.
    tissueAt([ring, layer]) { return layer > 0 ? "endplate" : ring < 0 ? "nucleus" : "annulus"; }

    async load(name) {
      const field = this.byName.get(name);
      if (field.levels) return field;
      const planes = await inflate(bytes(text(`block-${name}`)));
      const half = planes.length / 2;
      const levels = new Uint16Array(half);
      for (let i = 0; i < half; i++) levels[i] = planes[i] | (planes[half + i] << 8);
      field.levels = levels;
      field.range = this.rangeOf(field, (arm, time) => [this.least(field, arm, time), this.greatest(field, arm, time)]);
      return field;
    }

    least(field, arm, time) { return field.offset[arm][time]; }

    greatest(field, arm, time) { return field.offset[arm][time] + 4095 * field.step[arm][time]; }

    rangeOf(field, span) {
      let [low, high] = [Infinity, -Infinity];
      for (let arm = 0; arm < this.arms.length; arm++) {
        for (let time = 0; time < this.months.length; time++) {
          const [a, b] = span(arm, time);
          low = Math.min(low, a);
          high = Math.max(high, b);
        }
      }
      return [low, high];
    }

    // Values at all nodes of one arm and time; the field must be loaded.
    values(name, arm, time) {
      const key = `${name}/${arm}/${time}`;
      if (!this.frames.has(key)) {
        const field = this.byName.get(name);
        const start = (arm * this.months.length + time) * this.nodes;
        const out = new Float32Array(this.nodes);
        for (let i = 0; i < this.nodes; i++) out[i] = field.offset[arm][time] + field.step[arm][time] * field.levels[start + i];
        if (this.frames.size > 400) this.frames.clear();
        this.frames.set(key, out);
      }
      return this.frames.get(key);
    }
  }

  // Elements of the grid. Each hexahedron is split into six tetrahedra along one diagonal, the same way everywhere, so that
  // neighbours share faces; on the axis, where a ring is a point, those without volume fall away and wedges remain.
  class Grid {
    constructor(fields) {
      const { rings, sectors, layers } = fields;
      this.fields = fields;
      this.at = (r, s, l) => ((r ? r * sectors + (s % sectors) : 0) * layers) + l;
      const paths = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
      const list = [];
      for (let r = 0; r < rings - 1; r++) {
        for (let s = 0; s < sectors; s++) {
          for (let l = 0; l < layers - 1; l++) {
            for (const path of paths) {
              const corner = [0, 0, 0];
              const four = [this.at(r, s, l)];
              for (const axis of path) {
                corner[axis] = 1;
                four.push(this.at(r + corner[0], s + corner[1], l + corner[2]));
              }
              if (new Set(four).size === 4) list.push(...four);
            }
          }
        }
      }
      this.tetrahedra = new Uint32Array(list);
      this.skin = this.outside();
    }

    // The outer surface: node of each vertex, triangles, and a key that is shared by vertices that are one point of one sheet
    // (rim, top, bottom: between sheets the edge stays sharp).
    outside() {
      const { rings, sectors, layers } = this.fields;
      const nodes = [];
      const triangles = [];
      const keys = [];
      let sheets = 0;
      const sheet = (rows, columns, node, flip) => {
        const start = nodes.length;
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < columns; j++) {
            nodes.push(node(i, j));
            keys.push(sheets * this.fields.nodes + node(i, j));
          }
        }
        sheets += 1;
        for (let i = 0; i < rows - 1; i++) {
          for (let j = 0; j < columns - 1; j++) {
            const a = start + i * columns + j;
            const [b, c, d] = [a + columns, a + columns + 1, a + 1];
            triangles.push(...(flip ? [a, c, b, a, d, c] : [a, b, c, a, c, d]));
          }
        }
      };
      sheet(sectors + 1, layers, (s, l) => this.at(rings - 1, s, l), false);
      sheet(rings, sectors + 1, (r, s) => this.at(r, s, layers - 1), false);
      sheet(rings, sectors + 1, (r, s) => this.at(r, s, 0), true);
      return { nodes: new Uint32Array(nodes), triangles: new Uint32Array(triangles), keys };
    }

    // The face that a plane normal . p = distance cuts: triangles whose corners lie on edges (a, b) at the part t from a to b.
    cut(z, normal, distance) {
      const { x, y, nodes } = this.fields;
      const side = new Float32Array(nodes);
      for (let i = 0; i < nodes; i++) side[i] = normal[0] * x[i] + normal[1] * y[i] + normal[2] * z[i] - distance;
      const [a, b, t] = [[], [], []];
      const corner = (p, q) => {
        a.push(p);
        b.push(q);
        t.push(side[p] / (side[p] - side[q]));
      };
      const tets = this.tetrahedra;
      const [front, back] = [[], []];
      for (let i = 0; i < tets.length; i += 4) {
        front.length = back.length = 0;
        for (let k = i; k < i + 4; k++) (side[tets[k]] >= 0 ? front : back).push(tets[k]);
        if (front.length === 1) for (const q of back) corner(front[0], q);
        else if (back.length === 1) for (const p of front) corner(p, back[0]);
        else if (front.length === 2) {
          const [p, q, r, s] = [front[0], front[1], back[0], back[1]];
          corner(p, r); corner(p, s); corner(q, s);
          corner(p, r); corner(q, s); corner(q, r);
        }
      }
      return { a: new Uint32Array(a), b: new Uint32Array(b), t: new Float32Array(t), normal, distance };
    }
  }

  // A nodal quantity on a cut face.
  function onCut(cut, values) {
    const out = new Float32Array(cut.a.length);
    for (let i = 0; i < out.length; i++) out[i] = values[cut.a[i]] * (1 - cut.t[i]) + values[cut.b[i]] * cut.t[i];
    return out;
  }

  // Area in mm2 of triangles given as consecutive corners (x, y, z interleaved).
  function area(position) {
    let sum = 0;
    for (let i = 0; i < position.length; i += 9) {
      const [ux, uy, uz] = [0, 1, 2].map((k) => position[i + 3 + k] - position[i + k]);
      const [vx, vy, vz] = [0, 1, 2].map((k) => position[i + 6 + k] - position[i + k]);
      sum += 0.5 * Math.hypot(uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx);
    }
    return sum;
  }

  // The triangle that a ray hits first, with its weights; `keep` says whether a point is still there after the cut.
  function hit(position, triangles, origin, direction, keep) {
    let best = null;
    const count = triangles ? triangles.length : position.length / 3;
    for (let i = 0; i < count; i += 3) {
      const [i0, i1, i2] = triangles ? [triangles[i], triangles[i + 1], triangles[i + 2]] : [i, i + 1, i + 2];
      const p = position.subarray(3 * i0, 3 * i0 + 3);
      const [ux, uy, uz] = [0, 1, 2].map((k) => position[3 * i1 + k] - p[k]);
      const [vx, vy, vz] = [0, 1, 2].map((k) => position[3 * i2 + k] - p[k]);
      const hx = direction[1] * vz - direction[2] * vy;
      const hy = direction[2] * vx - direction[0] * vz;
      const hz = direction[0] * vy - direction[1] * vx;
      const determinant = ux * hx + uy * hy + uz * hz;
      if (Math.abs(determinant) < 1e-12) continue;
      const [sx, sy, sz] = [0, 1, 2].map((k) => origin[k] - p[k]);
      const u = (sx * hx + sy * hy + sz * hz) / determinant;
      if (u < 0 || u > 1) continue;
      const [qx, qy, qz] = [sy * uz - sz * uy, sz * ux - sx * uz, sx * uy - sy * ux];
      const v = (direction[0] * qx + direction[1] * qy + direction[2] * qz) / determinant;
      if (v < 0 || u + v > 1) continue;
      const far = (vx * qx + vy * qy + vz * qz) / determinant;
      if (best && far >= best.far) continue;
      const point = [0, 1, 2].map((k) => origin[k] + far * direction[k]);
      if (keep(point)) best = { far, point, corners: [i0, i1, i2], weights: [1 - u - v, u, v] };
    }
    return best;
  }

  window.pulposus = { Fields, Grid, onCut, area, hit, bytes };
})();
