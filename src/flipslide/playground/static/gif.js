// Moving pictures as GIF: a palette of the colours that are there, and indices packed by the method of Lempel, Ziv
// and Welch.

const MOST_COLOURS = 256;
const LAST_CODE = 4095;

// ------------------------------------------------------------------------------- colours

const packed = (pixels, i) => (pixels[4 * i] << 16) | (pixels[4 * i + 1] << 8) | pixels[4 * i + 2];

// The most frequent colours of all frames.
export function paletteOf(frames) {
  const counts = new Map();
  for (const pixels of frames) {
    for (let i = 0; i < pixels.length / 4; ++i) {
      const colour = packed(pixels, i);
      counts.set(colour, (counts.get(colour) ?? 0) + 1);
    }
  }
  return [...counts].sort(([, a], [, b]) => b - a).slice(0, MOST_COLOURS).map(([colour]) => colour);
}

const partsOf = (colour) => [colour >> 16, (colour >> 8) & 255, colour & 255];

function distance(a, b) {
  const [one, two] = [partsOf(a), partsOf(b)];
  return one.reduce((total, part, i) => total + (part - two[i]) ** 2, 0);
}

function nearestOf(palette, colour) {
  const far = palette.map((entry) => distance(entry, colour));
  return far.indexOf(Math.min(...far));
}

// Each pixel's place in the palette; a colour that is not in it is its nearest.
export function indicesOf(pixels, palette, known = new Map(palette.map((colour, i) => [colour, i]))) {
  return Uint8Array.from({ length: pixels.length / 4 }, (_, i) => {
    const colour = packed(pixels, i);
    if (!known.has(colour)) known.set(colour, nearestOf(palette, colour));
    return known.get(colour);
  });
}

// ------------------------------------------------------------------------------- packing

// Codes of a growing number of bits, the lowest bit first.
class Bits {
  constructor() {
    Object.assign(this, { bytes: [], held: 0, count: 0 });
  }

  put(code, size) {
    this.held |= code << this.count;
    this.count += size;
    for (; this.count >= 8; this.count -= 8, this.held >>>= 8) this.bytes.push(this.held & 255);
  }

  end() {
    if (this.count) this.bytes.push(this.held & 255);
    return this.bytes;
  }
}

// A code stands for a string of indices that was met before; each string met is one longer than a known one. When all
// codes are used the table begins again.
export function pack(indices, depth = 8) {
  const [clear, bits] = [1 << depth, new Bits()];
  let table, size, next;
  const begin = () => {
    bits.put(clear, size ?? depth + 1);
    [table, size, next] = [new Map(), depth + 1, clear + 2];
  };
  begin();
  let prefix = indices[0];
  for (const index of indices.subarray(1)) {
    const key = (prefix << 8) | index;
    if (table.has(key)) {
      prefix = table.get(key);
      continue;
    }
    bits.put(prefix, size);
    if (next > LAST_CODE) begin();
    else {
      table.set(key, next);
      if (next++ === 1 << size) ++size;
    }
    prefix = index;
  }
  bits.put(prefix, size);
  bits.put(clear + 1, size);
  return bits.end();
}

// -------------------------------------------------------------------------------- the file

const word = (value) => [value & 255, value >> 8];
const letters = (text) => [...text].map((letter) => letter.charCodeAt(0));

function blocks(bytes) {
  const out = [];
  for (let i = 0; i < bytes.length; i += 255) {
    const part = bytes.slice(i, i + 255);
    out.push([part.length, ...part]);
  }
  return [...out.flat(), 0];
}

function frameOf(pixels, palette, [width, height], hundredths) {
  const control = [0x21, 0xf9, 4, 4, ...word(hundredths), 0, 0];
  return [...control, 0x2c, ...word(0), ...word(0), ...word(width), ...word(height), 0, 8, ...blocks(pack(indicesOf(pixels, palette)))];
}

// Frames are pixels of red, green, blue and opacity; each is shown for so many hundredths of a second, over and over.
export function makeGif(frames, size, hundredths = 120) {
  const palette = paletteOf(frames);
  const colours = Array.from({ length: MOST_COLOURS }, (_, i) => partsOf(palette[i] ?? 0)).flat();
  const loop = [0x21, 0xff, 11, ...letters("NETSCAPE2.0"), 3, 1, 0, 0, 0];
  const head = [...letters("GIF89a"), ...word(size[0]), ...word(size[1]), 0xf7, 0, 0, ...colours, ...loop];
  return Uint8Array.from([head, ...frames.map((pixels) => frameOf(pixels, palette, size, hundredths)), [0x3b]].flat());
}
