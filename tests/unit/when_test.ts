import { assertEquals, assertThrows } from "@std/assert";
import { Failure } from "../../lib/base/error.ts";
import { parseWhen } from "../../lib/template/when.ts";

const now = { seconds: 1_000_000_000, nanoseconds: 5 };
const utc = (text: string, nanoseconds = 0) => ({ seconds: Date.parse(text) / 1000, nanoseconds });

Deno.test("parseWhen: durations are before now, or after it", () => {
  assertEquals(parseWhen("1h30m", now), { seconds: now.seconds - 5400, nanoseconds: 5 });
  assertEquals(parseWhen("1m30s", now), { seconds: now.seconds - 90, nanoseconds: 5 });
  assertEquals(parseWhen("1.5s", now), { seconds: now.seconds - 2, nanoseconds: 500_000_005 });
  assertEquals(parseWhen(".5ms", now), { seconds: now.seconds - 1, nanoseconds: 999_500_005 });
  assertEquals(parseWhen("1µs", now), { seconds: now.seconds - 1, nanoseconds: 999_999_005 });
  assertEquals(parseWhen("+5ns", now), { seconds: now.seconds, nanoseconds: 0 });
  assertEquals(parseWhen("-5s", now), { seconds: now.seconds + 5, nanoseconds: 5 });
});

Deno.test("parseWhen: seconds since 1970, with as much of a fraction as there are nanoseconds", () => {
  assertEquals(parseWhen("0", now), { seconds: 0, nanoseconds: 0 });
  assertEquals(parseWhen("1136073600", now), { seconds: 1136073600, nanoseconds: 0 });
  assertEquals(parseWhen("1136073600.5", now), { seconds: 1136073600, nanoseconds: 500_000_000 });
  assertEquals(parseWhen("1136073600.000000001", now), { seconds: 1136073600, nanoseconds: 1 });
  assertEquals(parseWhen("1136073600.1234567890", now), { seconds: 1136073600, nanoseconds: 123_456_789 });
});

Deno.test("parseWhen: dates with a zone", () => {
  assertEquals(parseWhen("2013-01-02Z", now), utc("2013-01-02T00:00:00Z"));
  assertEquals(parseWhen("2013-01-02T15Z", now), utc("2013-01-02T15:00:00Z"));
  assertEquals(parseWhen("2013-01-02T15:04-02:00", now), utc("2013-01-02T17:04:00Z"));
  assertEquals(parseWhen("2013-01-02T15:04:05+02:00", now), utc("2013-01-02T13:04:05Z"));
  assertEquals(
    parseWhen("2013-01-02T15:04:05.123456789Z", now),
    utc("2013-01-02T15:04:05Z", 123_456_789),
  );
  // As Go reads them since 1.17.
  assertEquals(parseWhen("2013-01-02T15:04:05,5Z", now), utc("2013-01-02T15:04:05Z", 500_000_000));
  assertEquals(parseWhen("2013-01-02T15:04:05,25+02:00", now), utc("2013-01-02T13:04:05Z", 250_000_000));
});

Deno.test("parseWhen: dates without a zone are local", () => {
  const local = (year: number, month: number, day: number, hour = 0, minute = 0, second = 0) => ({
    seconds: new Date(year, month, day, hour, minute, second).getTime() / 1000,
    nanoseconds: 0,
  });
  assertEquals(parseWhen("2013-01-02", now), local(2013, 0, 2));
  assertEquals(parseWhen("2013-07-02T15", now), local(2013, 6, 2, 15));
  assertEquals(parseWhen("2013-01-02T15:04", now), local(2013, 0, 2, 15, 4));
  assertEquals(parseWhen("2013-01-02T15:04:05", now), local(2013, 0, 2, 15, 4, 5));
  assertEquals(parseWhen("2013-01-02T15:04:05.5", now), {
    ...local(2013, 0, 2, 15, 4, 5),
    nanoseconds: 500_000_000,
  });
});

Deno.test("parseWhen: what is wrong, in docker's words", () => {
  const says = (text: string, message: string) =>
    assertEquals(assertThrows(() => parseWhen(text, now), Failure).message, message);
  says("x", 'failed to parse value as time or duration: "x"');
  says("10x", 'failed to parse value as time or duration: "10x"');
  says("15:04", 'failed to parse value as time or duration: "15:04"');
  says(".s", 'failed to parse value as time or duration: ".s"');
  says("2013-13-02", 'parsing time "2013-13-02": month out of range');
  says("2013-02-30", 'parsing time "2013-02-30": day out of range');
  says("2013-01-02T24:00", 'parsing time "2013-01-02T24:00": hour out of range');
  says("2013-01-02 15:04", 'parsing time "2013-01-02 15:04": extra text: " 15:04"');
  says("2013-1-2", 'parsing time "2013-1-2" as "2006-01-02": cannot parse "1-2" as "01"');
});
