// The faults of `make mutants` can still be put in, and the tests that are to notice them are there.

import { assert, assertEquals } from "@std/assert";
import { apply, sources } from "../mutants/place.ts";
import { MUTANTS } from "../mutants/table.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

Deno.test("mutants: each has one place, and test files", () => {
  const paths = sources(ROOT);
  const problems: string[] = [];
  for (const mutant of MUTANTS) {
    try {
      apply(ROOT, paths, mutant);
      for (const test of mutant.tests) Deno.statSync(`${ROOT}/tests/${test}`);
      assert(mutant.tests.length > 0, mutant.fault);
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  assertEquals(problems, []);
  assertEquals(new Set(MUTANTS.map(({ fault }) => fault)).size, MUTANTS.length);
});
