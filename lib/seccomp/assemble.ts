// Assembles BPF from its end to its beginning. Jumps only lead forward, so each jump's target already exists.

import type { Action, Compiled, Gate } from "./program.ts";

/** The position of an instruction, as the number of instructions from it to the end. */
export type Place = number;

export type Assembler = ReturnType<typeof newAssembler>;

/** BPF_JMP with a constant. The number of instructions it skips has 8 bits. */
const COMPARISONS = { "==": 0x15, ">": 0x25, ">=": 0x35 };
const [LOAD, AND, JUMP, RETURN] = [0x20, 0x54, 0x05, 0x06];
const FARTHEST = 255;
/** BPF_MAXINSNS */
const MOST = 4096;

/** An assembler without instructions. */
export function newAssembler() {
  /** In reverse order: code, jt, jf, k. */
  const instructions: [number, number, number, number][] = [];
  const gates: { place: Place; capabilities: number[] }[] = [];
  const answers = new Map<string, Place>();

  function put(code: number, k: number, jt = 0, jf = 0): Place {
    instructions.push([code, jt, jf, k]);
    return instructions.length;
  }

  const distance = (to: Place) => instructions.length - to;

  /** A place within reach of the instruction that comes after `more` others, and that leads to `place`. */
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
    /** Ends with an action; reuses the same action's instruction if it is near. */
    answer(action: Action): Place {
      const key = typeof action === "number" ? `${action}` : keyOf(action);
      const known = answers.get(key);
      if (known !== undefined) return known;
      const place = answerOf(action);
      answers.set(key, place);
      return place;
    },

    /** The following instructions get answers of their own, close to them. */
    forgetAnswers: () => answers.clear(),

    /**
     * Loads the word at an offset of struct seccomp_data, and continues at `then`, by default with the last
     * instruction.
     */
    load(offset: number, then: Place = instructions.length): Place {
      if (then !== instructions.length) put(JUMP, distance(then));
      return put(LOAD, offset);
    },

    /** Masks the loaded word with these bits, and continues with the last instruction. */
    mask: (bits: number): Place => put(AND, bits),

    /** Continues at `yes` if the loaded word compares so with `k`, without signs; otherwise at `no`. */
    branch(operator: keyof typeof COMPARISONS, k: number, yes: Place, no: Place): Place {
      const [to, otherwise] = [near(yes, 1), near(no, 0)];
      return put(COMPARISONS[operator], k, distance(to), distance(otherwise));
    },

    /** Throws RangeError if the program is longer than the kernel accepts. */
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
