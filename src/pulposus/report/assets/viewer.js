// The disc as a picture: two views in one WebGL canvas with one camera, clipped and capped by up to two planes.
// Cut faces show true colours without shade, so that they can be read against the colour bar.
"use strict";
(() => {
  const VERTEX = `#version 300 es
    in vec3 position; in vec3 normal; in float value; in vec2 tissue;
    uniform mat3 turn; uniform vec3 centre; uniform vec2 scale;
    out vec3 place; out vec3 facing; out float level; out vec2 kind;
    void main() {
      vec3 seen = turn * (position - centre);
      gl_Position = vec4(seen.xy * scale, -seen.z * 0.004, 1.0);
      place = position; facing = turn * normal; level = value; kind = tissue;
    }`;
  const FRAGMENT = `#version 300 es
    precision highp float;
    in vec3 place; in vec3 facing; in float level; in vec2 kind;
    uniform sampler2D colours; uniform vec2 range; uniform int planes; uniform int self; uniform vec4 plane[2];
    uniform float contour; uniform int edges; uniform int plain;
    out vec4 colour;
    float line(float v, float slope, float width) { return 1.0 - smoothstep(width - 0.6, width + 0.6, abs(v) / max(slope, 1e-9)); }
    float border(float width) { return max(line(kind.x, fwidth(kind.x), width) * step(kind.y, 0.0), line(kind.y, fwidth(kind.y), width)); }
    void main() {
      float s0 = dot(plane[0].xyz, place) - plane[0].w, s1 = dot(plane[1].xyz, place) - plane[1].w;
      if (self < 0 && planes == 1 && s0 > 0.0) discard;
      if (self < 0 && planes == 2 && s0 > 0.0 && s1 > 0.0) discard;
      if (self == 0 && planes == 2 && s1 < 0.0) discard;
      if (self == 1 && s0 < 0.0) discard;
      float span = max(range.y - range.x, 1e-12);
      vec3 paint = texture(colours, vec2(clamp((level - range.x) / span, 0.0, 1.0) * 255.0 / 256.0 + 0.5 / 256.0, 0.5)).rgb;
      if (plain == 1 && self < 0) paint = mix(vec3(0.86, 0.84, 0.80), vec3(0.72, 0.79, 0.83), smoothstep(-0.1, 0.1, kind.y));
      if (contour != 0.0 && (self >= 0 || plain == 0)) {  // negative: the same lines, but none at zero
        float mark = level / abs(contour), slope = fwidth(mark);
        float drawn = contour > 0.0 ? 1.0 : step(0.5, abs(floor(mark + 0.5)));
        float ink = drawn * line(mark - floor(mark + 0.5), slope, 1.2) * step(slope, 0.35) * step(0.0015, slope);
        float bright = dot(paint, vec3(0.3, 0.6, 0.1));
        paint = mix(paint, bright > 0.5 ? vec3(0.0) : vec3(1.0), 0.3 * ink);
      }
      if (edges == 1 && self >= 0) {
        float ink = border(1.6);
        float halo = border(3.6);
        paint = mix(mix(paint, vec3(0.0), 0.45 * halo), vec3(1.0), 0.9 * ink);
      }
      if (self < 0) {
        vec3 n = normalize(facing); if (n.z < 0.0) n = -n;
        float light = 0.68 + 0.26 * max(dot(n, normalize(vec3(-0.25, 0.6, 0.8))), 0.0) + 0.08 * n.y;
        float rim = pow(1.0 - n.z, 3.0);
        paint = paint * light + vec3(0.10) * rim;
      }
      colour = vec4(paint, 1.0);
    }`;

  function program(gl) {
    const made = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(made, shader);
    }
    ["position", "normal", "value", "tissue"].forEach((name, index) => gl.bindAttribLocation(made, index, name));
    gl.linkProgram(made);
    if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made));
    const places = {};
    const names = ["turn", "centre", "scale", "colours", "range", "planes", "self", "plane", "contour", "edges", "plain"];
    for (const name of names) places[name] = gl.getUniformLocation(made, name);
    return { made, places };
  }

  class Viewer {
    // canvas: where to draw; scenes: elements over the canvas, one a disc, whose place says where its disc goes.
    constructor(canvas, scenes, fields) {
      this.gl = canvas.getContext("webgl2", { antialias: true, alpha: true, preserveDrawingBuffer: true });
      if (!this.gl) throw new Error("no WebGL");
      Object.assign(this, { canvas, scenes, fields });
      this.grid = new pulposus.Grid(fields);
      this.program = program(this.gl);
      this.camera = { yaw: 0, pitch: 0.5, zoom: 1 };
      this.cut = { planes: [], contour: 0, edges: true, plain: false };
      this.meshes = scenes.map(() => []);
      this.textures = new Map();
      this.size();
      new ResizeObserver(() => this.draw()).observe(canvas.parentElement);
    }

    // Centre of the disc and the radius of a ball about it, from the first frame.
    size() {
      const { x, y } = this.fields;
      const z = this.fields.values("z", 0, 0);
      const ends = [x, y, z].map((axis) => axis.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]));
      this.ends = ends;
      this.centre = ends.map(([low, high]) => 0.5 * (low + high));
      this.radius = 0.5 * Math.hypot(...ends.map(([low, high]) => high - low));
    }

    // Give scene `index` new values at the nodes (and z), to be coloured over `range`.
    show(index, z, values, colours, range) {
      const { x, y } = this.fields;
      for (const mesh of this.meshes[index]) this.free(mesh);
      const { nodes, triangles } = this.grid.skin;
      const position = new Float32Array(3 * nodes.length);
      const tissue = new Float32Array(2 * nodes.length);
      const value = new Float32Array(nodes.length);
      nodes.forEach((node, i) => {
        position.set([x[node], y[node], z[node]], 3 * i);
        tissue.set([this.fields.depth[2 * node], this.fields.depth[2 * node + 1]], 2 * i);
        value[i] = values[node];
      });
      const skin = { self: -1, position, normal: normals(position, triangles, this.grid.skin.keys), value, tissue, triangles, nodes };
      const faces = this.cut.planes.map((plane, self) => this.face(plane, self, z, values));
      this.meshes[index] = [skin, ...faces].map((mesh) => this.upload(mesh));
      Object.assign(this.scenes[index], { values, colours, range, z });
    }

    face(plane, self, z, values) {
      const cut = this.grid.cut(z, plane.normal, plane.distance);
      const axes = [this.fields.x, this.fields.y, z].map((axis) => pulposus.onCut(cut, axis));
      const position = new Float32Array(3 * cut.a.length);
      const normal = new Float32Array(3 * cut.a.length);
      const tissue = new Float32Array(2 * cut.a.length);
      for (let i = 0; i < cut.a.length; i++) {
        position.set([axes[0][i], axes[1][i], axes[2][i]], 3 * i);
        normal.set(plane.normal, 3 * i);
        for (let k = 0; k < 2; k++) {
          tissue[2 * i + k] = this.fields.depth[2 * cut.a[i] + k] * (1 - cut.t[i]) + this.fields.depth[2 * cut.b[i] + k] * cut.t[i];
        }
      }
      return { self, position, normal, value: pulposus.onCut(cut, values), tissue, triangles: null, cut };
    }

    upload(mesh) {
      const { gl } = this;
      mesh.array = gl.createVertexArray();
      mesh.buffers = [];
      gl.bindVertexArray(mesh.array);
      [["position", 3], ["normal", 3], ["value", 1], ["tissue", 2]].forEach(([name, width], place) => {
        const buffer = gl.createBuffer();
        gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
        gl.bufferData(gl.ARRAY_BUFFER, mesh[name], gl.STATIC_DRAW);
        gl.enableVertexAttribArray(place);
        gl.vertexAttribPointer(place, width, gl.FLOAT, false, 0, 0);
        mesh.buffers.push(buffer);
      });
      if (mesh.triangles) {
        const buffer = gl.createBuffer();
        gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffer);
        gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.triangles, gl.STATIC_DRAW);
        mesh.buffers.push(buffer);
      }
      gl.bindVertexArray(null);
      return mesh;
    }

    free(mesh) {
      mesh.buffers.forEach((buffer) => this.gl.deleteBuffer(buffer));
      this.gl.deleteVertexArray(mesh.array);
    }

    texture(name) {
      if (!this.textures.has(name)) {
        const { gl } = this;
        const made = gl.createTexture();
        gl.bindTexture(gl.TEXTURE_2D, made);
        gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
        gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, 256, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, pulposus.bytes(this.fields.colours[name]));
        for (const [key, value] of [["MIN_FILTER", "LINEAR"], ["MAG_FILTER", "LINEAR"], ["WRAP_S", "CLAMP_TO_EDGE"], ["WRAP_T", "CLAMP_TO_EDGE"]]) {
          gl.texParameteri(gl.TEXTURE_2D, gl[`TEXTURE_${key}`], gl[value]);
        }
        this.textures.set(name, made);
      }
      return this.textures.get(name);
    }

    // Rows of the rotation: to the right, up and towards the eye on the screen. At yaw 0 the eye is before the person, whose right
    // hand is then on the left of the screen; a positive yaw walks towards that hand.
    axes() {
      const { yaw, pitch } = this.camera;
      const [c, s, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
      return [[-c, s, 0], [-s * sp, -c * sp, cp], [s * cp, c * cp, sp]];
    }

    // Pixels (CSS) of one millimetre in a scene.
    perMillimetre(box) {
      return (0.5 * Math.min(box.width, box.height * 1.6) * 0.95 * this.camera.zoom) / this.radius;
    }

    project(point, box) {
      const [right, up, near] = this.axes();
      const from = point.map((v, k) => v - this.centre[k]);
      const along = (axis) => axis[0] * from[0] + axis[1] * from[1] + axis[2] * from[2];
      const size = this.perMillimetre(box);
      return { x: box.width / 2 + size * along(right), y: box.height / 2 - size * along(up), depth: along(near) };
    }

    draw() {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        this.drawNow();
      });
    }

    drawNow() {
      const { gl, canvas } = this;
      const frame = canvas.getBoundingClientRect();
      const ratio = Math.max(2, Math.min(window.devicePixelRatio || 1, 3)); // finer than the screen where edges would be ragged
      const [width, height] = [Math.round(frame.width * ratio), Math.round(frame.height * ratio)];
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      gl.viewport(0, 0, width, height);
      gl.disable(gl.SCISSOR_TEST);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.enable(gl.DEPTH_TEST);
      gl.useProgram(this.program.made);
      this.scenes.forEach((scene, index) => {
        const box = scene.element.getBoundingClientRect();
        if (!scene.values || !box.width) return;
        const left = Math.round((box.left - frame.left) * ratio);
        const bottom = Math.round((frame.bottom - box.bottom) * ratio);
        gl.viewport(left, bottom, Math.round(box.width * ratio), Math.round(box.height * ratio));
        this.drawScene(scene, box, this.meshes[index]);
      });
      this.afterDraw?.();
    }

    drawScene(scene, box, meshes) {
      const { gl } = this;
      const at = this.program.places;
      const [right, up, near] = this.axes();
      const size = this.perMillimetre(box);
      gl.uniformMatrix3fv(at.turn, false, [right[0], up[0], near[0], right[1], up[1], near[1], right[2], up[2], near[2]]);
      gl.uniform3fv(at.centre, this.centre);
      gl.uniform2f(at.scale, (2 * size) / box.width, (2 * size) / box.height);
      gl.uniform2fv(at.range, scene.range);
      gl.uniform1i(at.planes, this.cut.planes.length);
      gl.uniform4fv(at.plane, [0, 1].flatMap((k) => {
        const plane = this.cut.planes[k];
        return plane ? [...plane.normal, plane.distance] : [0, 0, 0, 0];
      }));
      gl.uniform1f(at.contour, scene.contour ?? this.cut.contour);
      gl.uniform1i(at.edges, this.cut.edges ? 1 : 0);
      gl.uniform1i(at.plain, this.cut.plain ? 1 : 0);
      gl.bindTexture(gl.TEXTURE_2D, this.texture(scene.colours));
      for (const mesh of meshes) {
        gl.uniform1i(at.self, mesh.self);
        gl.bindVertexArray(mesh.array);
        if (mesh.triangles) gl.drawElements(gl.TRIANGLES, mesh.triangles.length, gl.UNSIGNED_INT, 0);
        else gl.drawArrays(gl.TRIANGLES, 0, mesh.position.length / 3);
      }
      gl.bindVertexArray(null);
    }

    // Whether a point is left by the cut; `self` is the plane whose face asks, or -1 for the surface.
    kept(self) {
      const sides = this.cut.planes.map(({ normal, distance }) => (p) => normal[0] * p[0] + normal[1] * p[1] + normal[2] * p[2] - distance);
      if (self < 0) return sides.length ? (p) => !sides.every((side) => side(p) > 0) : () => true;
      return (p) => sides.every((side, k) => k === self || side(p) >= 0);
    }

    // What lies under a point of a scene (CSS pixels from its top left): place, weights and nodes, or null.
    pick(index, px, py) {
      const box = this.scenes[index].element.getBoundingClientRect();
      const size = this.perMillimetre(box);
      const [right, up, near] = this.axes();
      const [u, v] = [(px - box.width / 2) / size, (box.height / 2 - py) / size];
      const origin = this.centre.map((c, k) => c + u * right[k] + v * up[k] + 4 * this.radius * near[k]);
      const direction = near.map((value) => -value);
      let best = null;
      for (const mesh of this.meshes[index]) {
        const found = pulposus.hit(mesh.position, mesh.triangles, origin, direction, this.kept(mesh.self));
        if (found && (!best || found.far < best.far)) best = { ...found, mesh };
      }
      return best;
    }

    // Nodal values (part `part` of `width` numbers a node) at a picked place: the same material point in any arm.
    valueAt(found, values, width = 1, part = 0) {
      const { mesh, corners, weights } = found;
      const at = (i) => {
        if (mesh.nodes) return values[width * mesh.nodes[i] + part];
        const { a, b, t } = mesh.cut;
        return values[width * a[i] + part] * (1 - t[i]) + values[width * b[i] + part] * t[i];
      };
      return corners.reduce((sum, corner, k) => sum + weights[k] * at(corner), 0);
    }

    // Area of the cut faces of a scene in mm2, before a second plane takes its part.
    cutAreas(index) {
      return this.meshes[index].filter((mesh) => mesh.self >= 0).map((mesh) => pulposus.area(mesh.position));
    }
  }

  // Normals of a surface, averaged over the triangles at each key (vertices of one key are one point of one sheet).
  function normals(position, triangles, keys) {
    const sums = new Map();
    for (let i = 0; i < triangles.length; i += 3) {
      const [a, b, c] = [3 * triangles[i], 3 * triangles[i + 1], 3 * triangles[i + 2]];
      const [ux, uy, uz] = [0, 1, 2].map((k) => position[b + k] - position[a + k]);
      const [vx, vy, vz] = [0, 1, 2].map((k) => position[c + k] - position[a + k]);
      const n = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
      for (const corner of [a, b, c]) {
        const key = keys[corner / 3];
        const sum = sums.get(key) ?? [0, 0, 0];
        sums.set(key, [sum[0] + n[0], sum[1] + n[1], sum[2] + n[2]]);
      }
    }
    const out = new Float32Array(position.length);
    keys.forEach((key, i) => out.set(sums.get(key), 3 * i));
    return out;
  }

  window.pulposus.Viewer = Viewer;
})();
