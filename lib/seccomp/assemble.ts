// Assembles BPF from its end to its beginning: jumps only lead forward, so that each one's target is there
// already.

import type { Action, Compiled, Gate } from "./program.ts";

/** An instruction, as the number of those from it to the end. */
export type Place = number;

export type Assembler = ReturnType<typeof newAssembler>;

/** BPF_JMP with a constant: how many instructions it skips is in 8 bits. */
const COMPARISONS = { "==": 0x15, ">": 0x25, ">=": 0x35 };
const [LOAD, AND, JUMP, RETURN] = [0x20, 0x54, 0x05, 0x06];
const FARTHEST = 255;
/** BPF_MAXINSNS */
const MOST = 4096;

/** An assembler with no instruction yet. */
export function newAssembler() {
  /** In reverse: code, jt, jf, k. */
  const instructions: [number, number, number, number][] = [];
  const gates: { place: Place; capabilities: number[] }[] = [];
  const answers = new Map<string, Place>();

  function put(code: number, k: number, jt = 0, jf = 0): Place {
    instructions.push([code, jt, jf, k]);
    return instructions.length;
  }

  const distance = (to: Place) => instructions.length - to;

  /** A place that the next instruction but `more` can branch to and that leads to `place`. */
  function near(place: Place, more: number): Place {
    return distance(place) + more <= FARTHEST ? place : put(JUMP, distance(place));
  }

  function answerOf(action: Action): Place {
    if (typeof action === "number") return put(RETURN, action);
    const place = put(RETURN, action.otherwise);
    gates.push({ place, capabilities: action.capabilities });
    return place;
  }

  return {
    /** Ends with an action; the same one as before, if that is not far. */
    answer(action: Action): Place {
      const key = typeof action === "number" ? `${action}` : keyOf(action);
      const known = answers.get(key);
      if (known !== undefined) return known;
      const place = answerOf(action);
      answers.set(key, place);
      return place;
    },

    /** What is assembled from here on has answers of its own, close to it. */
    forgetAnswers: () => answers.clear(),

    /**
     * Loads the word of struct seccomp_data at an offset, and goes on at `then`: what was assembled last, if
     * not given.
     */
    load(offset: number, then: Place = instructions.length): Place {
      if (then !== instructions.length) put(JUMP, distance(then));
      return put(LOAD, offset);
    },

    /** Keeps these bits of what was loaded, and goes on with what was assembled last. */
    mask: (bits: number): Place => put(AND, bits),

    /** Goes on at `yes` if what was loaded compares so, without signs, with `k`, and at `no` if not. */
    branch(operator: keyof typeof COMPARISONS, k: number, yes: Place, no: Place): Place {
      const [to, otherwise] = [near(yes, 1), near(no, 0)];
      return put(COMPARISONS[operator], k, distance(to), distance(otherwise));
    },

    /** Throws RangeError where it is longer than the kernel takes. */
    finish(): Compiled {
      if (instructions.length > MOST) throw new RangeError(`${instructions.length} instructions`);
      const code = new Uint8Array(8 * instructions.length);
      const view = new DataView(code.buffer);
      instructions.toReversed().forEach(([operation, jt, jf, k], index) => {
        view.setUint16(8 * index, operation, true);
        view.setUint8(8 * index + 2, jt);
        view.setUint8(8 * index + 3, jf);
        view.setUint32(8 * index + 4, k, true);
      });
      const at = (place: Place) => instructions.length - place;
      return { code, gates: gates.map(({ place, capabilities }) => [at(place), capabilities]) };
    },
  };
}

const keyOf = ({ capabilities, otherwise }: Gate) => `${otherwise} ${capabilities}`;
