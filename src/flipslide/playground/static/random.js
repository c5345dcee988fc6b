// Random integers from a seed, the same in every browser and in flipslide/playground/random.py.

export class Random {
  // Marsaglia's xorshift with 32 bits. Nearby seeds are spread by an odd multiplier first.
  constructor(seed) {
    this.state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1;
    for (let i = 0; i < 8; ++i) this.next();
  }

  next() {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    this.state >>>= 0;
    return this.state;
  }

  // An integer from low to high, both included.
  between(low, high) {
    return low + (this.next() % (high - low + 1));
  }

  pick(list) {
    return list[this.next() % list.length];
  }
}
